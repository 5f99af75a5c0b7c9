package stream

import (
	"encoding/json"
	"log/slog"
	"time"
)

// A Link is the state of a connection that the stream comes through.
type Link struct {
	State LinkState `json:"state"`
	Since time.Time `json:"since,omitzero"`
	Retry time.Time `json:"retry,omitzero"`  // when the next attempt is made, if State is Retrying
	Cause string    `json:"cause,omitempty"` // why it is not connected: one clean sentence
	Hint  string    `json:"-"`               // what to try next; may be empty
	// Early: the client has just been started and no connection has stood yet, as where a
	// broker starts at the same time.
	Early bool `json:"-"`
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

// Entry returns what a log says of a Link that is Retrying. That a broker is not there yet
// when a client starts is no warning, and asks nothing of the reader.
func (l Link) Entry() (level slog.Level, message string, attrs []any) {
	switch {
	case l.Early:
		return slog.LevelInfo, "the broker is not reached yet: trying again", []any{"cause", l.Cause}
	case l.Hint == "":
		return slog.LevelWarn, "no connection to the broker", []any{"cause", l.Cause}
	}
	return slog.LevelWarn, "no connection to the broker", []any{"cause", l.Cause, "hint", l.Hint}
}

// Told reports whether a log has said all that it has to say of l when it has said before.
func (l Link) Told(before Link) bool {
	return l.State == before.State && l.Cause == before.Cause && l.Early == before.Early
}
