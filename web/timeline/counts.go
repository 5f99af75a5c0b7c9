package timeline

import (
	"encoding/json"
	"time"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/stats"
)

// A Bin counts the messages received in one step of time.
type Bin struct {
	First    int64    `json:"first"` // id of its first message, or of the next one
	Messages int64    `json:"messages"`
	Missed   uint64   `json:"missed,omitempty"`
	Latency  *Latency `json:"latency_ms,omitempty"` // nil: no message has one, or none was read yet
}

// Latency holds quantiles of how long messages travelled, in ms.
type Latency struct {
	P50   float64 `json:"p50"`
	P99   float64 `json:"p99"`
	Count uint64  `json:"count"` // of the messages that they are of: of a full bin, a sample
}

// newLatency returns nil if d is empty.
func newLatency(d *stats.Distribution) *Latency {
	if d.Count() == 0 {
		return nil
	}
	return &Latency{P50: stream.Millis(d.Quantile(0.50)), P99: stream.Millis(d.Quantile(0.99)), Count: d.Count()}
}

// Counts holds bins of equal width, from Since until Until; the last step is
// not over yet.
type Counts struct {
	Since time.Time
	Until time.Time
	Step  time.Duration
	Bins  []Bin
	// CountedFrom is where counting has come to, backwards: the bins before it
	// are not complete, and another Read goes on. Zero: all are.
	CountedFrom time.Time
	// Intervals are those of the messages selected within the bins; of one sender,
	// or of all, those over the last hour.
	Intervals history.Intervals
}

// MarshalJSON writes c as GET /api/timeline answers it.
func (c Counts) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Since       stream.Time       `json:"since"`
		Until       stream.Time       `json:"until"`
		StepMS      float64           `json:"step_ms"`
		Bins        []Bin             `json:"bins"`
		CountedFrom stream.Time       `json:"counted_from,omitzero"`
		Intervals   history.Intervals `json:"intervals"`
	}{stream.Time(c.Since), stream.Time(c.Until), float64(c.Step.Milliseconds()), c.Bins, stream.Time(c.CountedFrom), c.Intervals})
}
