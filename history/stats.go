package history

import (
	"encoding/json"
	"time"

	"hellox/stream"
)

// Stats are the totals of the whole history.
type Stats struct {
	Received   uint64       `json:"received"`   // arrivals, ever
	Stored     uint64       `json:"stored"`     // of those, stored
	Duplicates uint64       `json:"duplicates"` // of those, had been stored before
	Evicted    uint64       `json:"evicted"`    // stored once, removed by retention or the memory limit
	Damaged    uint64       `json:"damaged"`    // of those stored now, found unreadable on the disk
	Missed     uint64       `json:"missed"`
	Reordered  uint64       `json:"reordered"`
	Senders    int          `json:"senders"`
	States     States       `json:"states,omitempty"`         // how many of them are in each state
	Paused     int          `json:"paused_unheard,omitempty"` // broadcasters that are paused and of which nothing was ever stored: no senders
	Rates      stream.Rates `json:"rates"`
	FirstID    int64        `json:"first_id"` // the oldest message stored now; 0: none
	LastID     int64        `json:"last_id"`
	Oldest     time.Time    `json:"oldest,omitzero"`
	Newest     time.Time    `json:"newest,omitzero"`
	Bytes      int64        `json:"bytes"` // on disk, or in memory
	Limit      int64        `json:"limit"` // of Bytes; 0: none
	Started    time.Time    `json:"started,omitzero"`
	Link       stream.Link  `json:"link"`                  // to the broker
	Degraded   string       `json:"degraded,omitempty"`    // why nothing is acknowledged now: one sentence
	DegradedBy string       `json:"degraded_by,omitempty"` // whose fault Degraded is: DegradedByHistory and so on
	Shared     bool         `json:"shared,omitempty"`      // the history is that of several receivers, in the nodes of the broker: nothing at QoS 0 is stored
	Name       string       `json:"name,omitempty"`        // the installation's, if a receiver answers
	Now        time.Time    `json:"now,omitzero"`          // by the receiver's clock, when it answered
}

// States counts senders by their state.
type States map[stream.State]int

// What Stats.DegradedBy names.
const (
	DegradedByHistory = "history"
	DegradedByBroker  = "broker"
	DegradedByBoth    = "both"
)

// MarshalJSON writes the times with nine digits of a second. A time that there
// is not is left out.
func (s Stats) MarshalJSON() ([]byte, error) {
	type plain Stats
	return json.Marshal(struct {
		plain
		Oldest  stream.Time `json:"oldest,omitzero"`
		Newest  stream.Time `json:"newest,omitzero"`
		Started stream.Time `json:"started,omitzero"`
		Name    string      `json:"name,omitempty"` // behind the times, where it always was
		Now     stream.Time `json:"now,omitzero"`
	}{plain(s), stream.Time(s.Oldest), stream.Time(s.Newest), stream.Time(s.Started), s.Name, stream.Time(s.Now)})
}
