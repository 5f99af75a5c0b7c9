package stream

import (
	"encoding/json"
	"time"
)

// A State is what a sender does, judged by its own cadence and its presence.
type State string

// The states of a sender.
const (
	OnTime  State = "on time"
	Late    State = "late"    // past its own expected time
	Silent  State = "silent"  // long past it
	Paused  State = "paused"  // by command
	Gone    State = "gone"    // its presence says that it has ended
	Lost    State = "lost"    // its last will arrived
	Unknown State = "unknown" // no cadence yet, only retained messages, or no connection to the broker
)

// A Sender is one sender as the API shows it.
type Sender struct {
	Sender     string    `json:"sender"`
	Ours       bool      `json:"ours"`
	State      State     `json:"state"`
	Since      time.Time `json:"since,omitzero"`     // in this state; zero: it has never sent
	LastSeen   time.Time `json:"last_seen,omitzero"` // its newest message that was not retained; zero: none
	LastID     int64     `json:"last_id"`
	Boot       string    `json:"boot,omitempty"`
	Seq        uint64    `json:"seq,omitempty"`
	Color      string    `json:"color,omitempty"`
	ExpectedMS float64   `json:"expected_ms,omitempty"` // the next one is due so long after the last: declared, else learned
	Messages   uint64    `json:"messages"`              // stored, ever
	Missed     uint64    `json:"missed"`
	Reordered  uint64    `json:"reordered"`
	Duplicates uint64    `json:"duplicates"`
	Rates      Rates     `json:"rates"`
	IntervalMS *Spread   `json:"interval_ms,omitempty"` // between its messages
	RecentMS   []float64 `json:"recent_ms,omitempty"`   // the newest of these times, newest last
	LatencyMS  *Quantile `json:"latency_ms,omitempty"`
	Pod        *Pod      `json:"pod,omitempty"` // the pod it runs in, where that is known
}

// Trouble ranks s among senders: the lower, the sooner a person should look at it.
func (s *Sender) Trouble() int {
	failing := s.Pod != nil && s.Pod.Reason != ""
	switch {
	case s.State == Lost:
		return 0
	case failing:
		return 1
	case s.State == Silent:
		return 2
	case s.State == Late:
		return 3
	case s.Missed > 0:
		return 4
	case s.State == Unknown:
		return 5
	case s.State == Gone:
		return 7
	}
	return 6
}

// A Pod is what is known of a pod of Kubernetes: told to the receiver by the process
// that holds the forwards, as the receiver has no access to the cluster.
type Pod struct {
	Name   string `json:"name"`
	Phase  string `json:"phase"`            // Pending, Running, Succeeded, Failed, Unknown or Terminating
	Reason string `json:"reason,omitempty"` // why a container of it waits, or ended last: OOMKilled, ErrImageNeverPull
	// Share: it runs a share of many broadcasters (ShareOf), not one of its name.
	Share bool `json:"share,omitempty"`
}

// MarshalJSON writes the times with nine digits of a second, as every time in
// the API.
func (s Sender) MarshalJSON() ([]byte, error) {
	type plain Sender
	return json.Marshal(struct {
		plain
		Since    Time `json:"since,omitzero"`
		LastSeen Time `json:"last_seen,omitzero"`
	}{plain(s), Time(s.Since), Time(s.LastSeen)})
}
