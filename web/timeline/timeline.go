package timeline

import (
	"context"
	"sync"
	"time"

	"hellox/history"
)

// MaxBins is the most bins that may be asked for.
const MaxBins = 400

// fresh is how long an answer serves every request for the same steps.
const fresh = time.Second

// A Timeline counts the messages of a Store over time. Of all of them it knows at
// which id each step begins: ids rise by one with each message stored, so that the
// difference of two is a count, and an answer costs a look-up for each step instead of
// reading the messages in it. Of a selection it reads each message once.
type Timeline struct {
	store    history.Store
	starts   starts
	declared declared

	all struct { // of all messages
		mu       sync.Mutex
		gaps     gaps
		samples  samples
		answered time.Time
		question [2]int64
		answer   Counts
	}

	mu         sync.Mutex
	selections map[string]*selected // by step and Key
}

// New returns a Timeline of store.
func New(store history.Store) *Timeline {
	return &Timeline{store: store, starts: starts{store: store}, declared: declared{store: store}, selections: map[string]*selected{}}
}

// Read counts what is selected in about bins steps, or fewer, from since until now.
func (t *Timeline) Read(ctx context.Context, sel history.Select, since, now time.Time, bins int) (Counts, error) {
	step := roundStep(now.Sub(since) / time.Duration(bins))
	start := since.Truncate(step)
	if sel.Key() == "" {
		return t.readAll(ctx, start, now, step)
	}
	return t.selected(sel, step, now).read(ctx, t, start, now)
}

// selected returns what counts a selection.
func (t *Timeline) selected(sel history.Select, step time.Duration, now time.Time) *selected {
	key := step.String() + " " + sel.Key()
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.selections[key]
	if s == nil {
		s = &selected{sel: sel, step: step}
		if len(t.selections) >= maxSelections {
			oldest := key
			for k, other := range t.selections {
				if oldest == key || other.used.Before(t.selections[oldest].used) {
					oldest = k
				}
			}
			delete(t.selections, oldest)
		}
		t.selections[key] = s
	}
	s.used = now
	return s
}

func (t *Timeline) readAll(ctx context.Context, start, now time.Time, step time.Duration) (Counts, error) {
	t.all.mu.Lock()
	defer t.all.mu.Unlock()
	question := [2]int64{start.UnixNano(), int64(step)}
	if age := now.Sub(t.all.answered); question == t.all.question && age >= 0 && age < fresh {
		return t.all.answer, nil
	}
	stats, err := t.store.Stats(ctx)
	if err != nil {
		return Counts{}, err
	}
	answer := Counts{Since: start, Step: step, Bins: []Bin{}}
	end := start
	first := int64(-1)
	for ; !end.After(now); end = end.Add(step) {
		id, err := t.starts.at(ctx, &stats, end)
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
	if err := t.all.gaps.extend(ctx, t.store, &stats, answer.Bins[0].First); err != nil {
		return Counts{}, err
	}
	for _, g := range t.all.gaps.found {
		if i := int(g.at.Sub(start) / step); !g.at.Before(start) && i < len(answer.Bins) {
			answer.Bins[i].Missed += g.missed
		}
	}
	if err := t.all.samples.fill(ctx, t.store, &answer); err != nil {
		return Counts{}, err
	}
	if answer.Intervals, err = t.declared.intervals(ctx, ""); err != nil {
		return Counts{}, err
	}
	t.all.question, t.all.answered, t.all.answer = question, now, answer
	return answer, nil
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
