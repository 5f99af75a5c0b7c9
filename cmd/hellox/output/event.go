package output

import "time"

// An Event is one line that up, down and scale write with --output json.
// docs/events.schema.json describes it, and a test holds the two together.
type Event struct {
	At        string  `json:"at"` // RFC 3339, UTC, nine digits of a second
	Step      string  `json:"step,omitempty"`
	State     State   `json:"state"`
	Detail    string  `json:"detail,omitempty"`
	Unchanged bool    `json:"unchanged,omitempty"` // a step that is done had nothing to do
	MS        float64 `json:"ms,omitempty"`        // how long it took, until now
}

// A Copied is the last line of hellox history copy with --output json.
type Copied struct {
	At         string `json:"at"`
	State      State  `json:"state"`
	Messages   uint64 `json:"messages"`
	FirstID    int64  `json:"first_id"`
	LastID     int64  `json:"last_id"`
	MissingIDs uint64 `json:"missing_ids"` // between these
	EvictedIDs uint64 `json:"evicted_ids"` // before these, for which there is no room
	Damaged    uint64 `json:"damaged"`     // messages that could not be read, of MissingIDs
	SHA256     string `json:"sha256"`      // of all messages as JSON, a line each
}

// A State is what an Event tells.
type State string

// The states of a step, then those of what is up.
const (
	StateBegin     State = "begin"
	StateProgress  State = "progress" // how far it is, or what it waits for
	StateDone      State = "done"
	StateFailed    State = "failed"
	StateWarning   State = "warning"   // what is wrong, while the step goes on or all is up
	StateNote      State = "note"      // something else that a person must know
	StateUp        State = "up"        // all steps are done; the event has the addresses
	StateDegraded  State = "degraded"  // nothing is acknowledged now
	StateRecovered State = "recovered" // what degraded said is over
	StateCopied    State = "copied"    // hellox history copy is done: a Copied
)

// Timestamp writes a time as every time in JSON: UTC, with nine digits of a second.
func Timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }
