package timeline

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"hellox/history"
	"hellox/stream"
)

// MaxBins is the most bins that may be asked for.
const MaxBins = 400

// fresh is how long an answer serves every request for the same steps.
const fresh = time.Second

// A Bin counts the messages received in one step of time.
type Bin struct {
	First    int64  `json:"first"` // id of its first message, or of the next one
	Messages int64  `json:"messages"`
	Missed   uint64 `json:"missed,omitempty"`
}

// Counts holds bins of equal width, from Since until Until; the last step is
// not over yet.
type Counts struct {
	Since time.Time
	Until time.Time
	Step  time.Duration
	Bins  []Bin
}

// MarshalJSON writes c as GET /api/timeline answers it.
func (c Counts) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Since  stream.Time `json:"since"`
		Until  stream.Time `json:"until"`
		StepMS float64     `json:"step_ms"`
		Bins   []Bin       `json:"bins"`
	}{stream.Time(c.Since), stream.Time(c.Until), float64(c.Step.Milliseconds()), c.Bins})
}

// A Timeline counts the messages of a Store over time. It knows at which id
// each step begins: ids rise by one with each message stored, so that the
// difference of two is a count, and an answer costs a look-up for each step
// instead of reading the messages in it.
type Timeline struct {
	store history.Store

	mu       sync.Mutex
	firsts   map[int64]int64 // id by the start of a step in Unix nanoseconds; only those that cannot change
	gaps     gaps
	answered time.Time
	question [2]int64
	answer   Counts
}

// New returns a Timeline of store.
func New(store history.Store) *Timeline { return &Timeline{store: store} }

// Read counts in about bins steps, or fewer, from since until now.
func (t *Timeline) Read(ctx context.Context, since, now time.Time, bins int) (Counts, error) {
	step := roundStep(now.Sub(since) / time.Duration(bins))
	start := since.Truncate(step)
	t.mu.Lock()
	defer t.mu.Unlock()
	question := [2]int64{start.UnixNano(), int64(step)}
	if age := now.Sub(t.answered); question == t.question && age >= 0 && age < fresh {
		return t.answer, nil
	}
	stats, err := t.store.Stats(ctx)
	if err != nil {
		return Counts{}, err
	}
	answer := Counts{Since: start, Step: step, Bins: []Bin{}}
	end := start
	first := int64(-1)
	for ; !end.After(now); end = end.Add(step) {
		id, err := t.firstAt(ctx, &stats, end)
		if err != nil {
			return Counts{}, err
		}
		id = max(id, first) // no negative count if the clock was set back
		if first >= 0 {
			answer.Bins = append(answer.Bins, Bin{First: first, Messages: id - first})
		}
		first = id
	}
	answer.Bins = append(answer.Bins, Bin{First: first, Messages: stats.LastID + 1 - first})
	answer.Until = end
	if err := t.gaps.extend(ctx, t.store, &stats, answer.Bins[0].First); err != nil {
		return Counts{}, err
	}
	for _, g := range t.gaps.found {
		if i := int(g.at.Sub(start) / step); !g.at.Before(start) && i < len(answer.Bins) {
			answer.Bins[i].Missed += g.missed
		}
	}
	t.question, t.answered, t.answer = question, now, answer
	return answer, nil
}

// firstAt returns the id of the first message received at or after at, or the
// least id that the next message can get.
func (t *Timeline) firstAt(ctx context.Context, stats *history.Stats, at time.Time) (int64, error) {
	switch {
	case stats.FirstID == 0 || at.After(stats.Newest):
		return stats.LastID + 1, nil
	case !at.After(stats.Oldest):
		return stats.FirstID, nil
	}
	if id, ok := t.firsts[at.UnixNano()]; ok {
		return max(id, stats.FirstID), nil
	}
	page, err := t.store.Messages(ctx, history.Query{FromStart: true, Since: at, Limit: 1})
	if err != nil {
		return 0, err
	}
	if len(page.Messages) == 0 {
		return stats.LastID + 1, nil
	}
	id := page.Messages[0].ID
	if t.firsts == nil || len(t.firsts) > 16*MaxBins {
		t.firsts = map[int64]int64{} // bounded: clients choose spans and steps
	}
	t.firsts[at.UnixNano()] = id
	return id, nil
}

// roundStep returns the least round step (1 s, 2 s, 5 s … 1 d) that is at least d.
func roundStep(d time.Duration) time.Duration {
	const day = 24 * time.Hour
	for _, step := range []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 20 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	} {
		if d <= step {
			return step
		}
	}
	return (d + day - 1).Truncate(day)
}
