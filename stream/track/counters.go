package track

import (
	"math"
	"time"
)

// Counters are the counts and the newest position of one sender.
type Counters struct {
	Ours       bool      `json:"ours,omitempty"`
	Boot       string    `json:"boot,omitempty"` // the newest
	Seq        uint64    `json:"seq,omitempty"`  // the highest of Boot
	Color      string    `json:"color,omitempty"`
	LastID     int64     `json:"last_id,omitempty"`
	LastSeen   time.Time `json:"last_live,omitzero"` // Received of the newest message that was not retained
	Messages   uint64    `json:"messages"`
	Missed     uint64    `json:"missed,omitempty"`
	Reordered  uint64    `json:"reordered,omitempty"`
	Duplicates uint64    `json:"duplicates,omitempty"`
}

// Totals count over all senders, ever.
type Totals struct {
	Received   uint64 `json:"received"` // arrivals that belong to the stream
	Stored     uint64 `json:"kept"`
	Duplicates uint64 `json:"duplicates"`
	Missed     uint64 `json:"missed"`
	Reordered  uint64 `json:"reordered"`
}

func addMissed(n uint64, g gap) uint64 {
	switch {
	case g.filled && n > 0:
		return n - 1
	case g.missed > math.MaxInt64-n:
		return math.MaxInt64
	}
	return n + g.missed
}
