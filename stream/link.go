package stream

import (
	"encoding/json"
	"time"
)

// A Link is the state of a connection that the stream comes through.
type Link struct {
	State LinkState `json:"state"`
	Since time.Time `json:"since,omitzero"`
	Retry time.Time `json:"retry,omitzero"`  // when the next attempt is made, if State is Retrying
	Cause string    `json:"cause,omitempty"` // why it is not connected: one clean sentence
	Hint  string    `json:"-"`               // what to try next; may be empty
}

// MarshalJSON writes the times with nine digits of a second.
func (l Link) MarshalJSON() ([]byte, error) {
	type plain Link
	return json.Marshal(struct {
		plain
		Since Time `json:"since,omitzero"`
		Retry Time `json:"retry,omitzero"`
	}{plain(l), Time(l.Since), Time(l.Retry)})
}

// A LinkState is the state of a Link.
type LinkState string

// The states of a Link.
const (
	Connecting LinkState = "connecting"
	Connected  LinkState = "connected"
	Retrying   LinkState = "retrying"
	Ended      LinkState = "ended"
)

// Attrs returns why there is no connection, for a log.
func (l Link) Attrs() []any {
	if l.Hint == "" {
		return []any{"cause", l.Cause}
	}
	return []any{"cause", l.Cause, "hint", l.Hint}
}
