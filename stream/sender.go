package stream

import (
	"encoding/json"
	"time"
)

// A State is what a sender does, judged by its own cadence and its presence.
type State string

// The states of a sender.
const (
	OnTime State = "on time"
	Late   State = "late"   // past its own expected time
	Silent State = "silent" // long past it
	Gone   State = "gone"   // its presence says that it has ended
	Lost   State = "lost"   // its last will arrived
)

// A Sender is one sender as the API shows it.
type Sender struct {
	Sender     string    `json:"sender"`
	Ours       bool      `json:"ours"`
	State      State     `json:"state"`
	Since      time.Time `json:"since"`     // in this state
	LastSeen   time.Time `json:"last_seen"` // its newest message
	LastID     int64     `json:"last_id"`
	Boot       string    `json:"boot,omitempty"`
	Seq        uint64    `json:"seq,omitempty"`
	Color      string    `json:"color,omitempty"`
	ExpectedMS float64   `json:"expected_ms,omitempty"` // the next one is due so long after the last: declared by next_ms, else learned
	Messages   uint64    `json:"messages"`              // stored, ever
	Missed     uint64    `json:"missed"`
	Reordered  uint64    `json:"reordered"`
	Duplicates uint64    `json:"duplicates"`
	Rates      Rates     `json:"rates"`
	IntervalMS *Spread   `json:"interval_ms,omitempty"` // between its messages
	LatencyMS  *Quantile `json:"latency_ms,omitempty"`
	Pod        string    `json:"pod,omitempty"` // the pod it runs in, where that is known
}

// MarshalJSON writes the times with nine digits of a second, as every time in
// the API.
func (s Sender) MarshalJSON() ([]byte, error) {
	type plain Sender
	return json.Marshal(struct {
		plain
		Since    Time `json:"since"`
		LastSeen Time `json:"last_seen"`
	}{plain(s), Time(s.Since), Time(s.LastSeen)})
}

// Rates are messages a second over sliding windows that end now. They fall
// when a sender falls silent.
type Rates struct {
	Second float64 `json:"1s"`
	Minute float64 `json:"1m"`
	Hour   float64 `json:"1h"`
}

// A Spread is of intervals over the last hour, in milliseconds.
type Spread struct {
	Last float64 `json:"last"`
	Min  float64 `json:"min"`
	Mean float64 `json:"mean"`
	Max  float64 `json:"max"`
}

// A Quantile is of latencies over the last hour, in milliseconds.
type Quantile struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// A Link is the state of a connection that the stream comes through.
type Link struct {
	State LinkState `json:"state"`
	Since time.Time `json:"since"`
	Retry time.Time `json:"retry,omitzero"`  // when the next attempt is made, if State is Retrying
	Cause string    `json:"cause,omitempty"` // why it is not connected: one clean sentence
}

// MarshalJSON writes the times with nine digits of a second.
func (l Link) MarshalJSON() ([]byte, error) {
	type plain Link
	return json.Marshal(struct {
		plain
		Since Time `json:"since"`
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

// Presence is what a broadcaster leaves, retained, on its presence topic.
type Presence struct {
	State string `json:"state"` // here, gone or lost
	Boot  string `json:"boot"`
}
