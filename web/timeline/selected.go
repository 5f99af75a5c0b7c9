package timeline

import (
	"context"
	"sync"
	"time"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/stats"
)

// How a selection is counted: each message that matches is read once, from the newest
// back, for at most readTime an answer. What has come since is read first; if that is
// more than maxBehind ids, counting begins anew.
const (
	readTime      = 250 * time.Millisecond
	readPage      = 1000
	maxBehind     = 100_000
	maxSelections = 8 // that are held at a time, those asked for last
	maxFrames     = 16
)

// A selected counts the messages of one selection in steps of one width.
type selected struct {
	sel  history.Select
	step time.Duration
	used time.Time // guarded by Timeline.mu

	mu        sync.Mutex
	begun     bool
	low, high int64 // read: ids above low, up to and including high
	steps     map[int64]*counted
	answered  time.Time
	answer    Counts
}

// A counted holds what was counted in one step.
type counted struct {
	first     int64
	messages  int64
	missed    uint64
	latencies *stats.Distribution
	intervals map[frame]*stats.Distribution
}

// read counts from start until now.
func (s *selected) read(ctx context.Context, t *Timeline, start, now time.Time) (Counts, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if age := now.Sub(s.answered); s.answer.Since.Equal(start) && age >= 0 && age < fresh && s.answer.CountedFrom.IsZero() {
		return s.answer, nil
	}
	totals, err := t.store.Stats(ctx)
	if err != nil {
		return Counts{}, err
	}
	from, err := t.starts.at(ctx, &totals, start)
	if err != nil {
		return Counts{}, err
	}
	frames, err := t.declared.of(ctx)
	if err != nil {
		return Counts{}, err
	}
	s.drop(start, from)
	if err := s.extend(ctx, t.store, &totals, from, start, frames); err != nil {
		return Counts{}, err
	}
	c := s.counts(start, now, totals.LastID)
	if s.low >= from {
		if c.CountedFrom, err = receivedAfter(ctx, t.store, s.low, now); err != nil {
			return Counts{}, err
		}
	}
	if only := (history.Select{Sender: s.sel.Sender}); only.Key() == s.sel.Key() {
		if c.Intervals, err = t.declared.intervals(ctx, s.sel.Sender); err != nil {
			return Counts{}, err
		}
	}
	s.answered, s.answer = now, c
	return c, nil
}

// drop forgets the steps before start, which begins with the id from.
func (s *selected) drop(start time.Time, from int64) {
	for key := range s.steps {
		if key < start.UnixNano() {
			delete(s.steps, key)
		}
	}
	if s.begun {
		s.low = max(s.low, from-1)
	}
}

// extend reads what was stored since the last time, and older messages down to the id
// from, received at start.
func (s *selected) extend(ctx context.Context, store history.Store, totals *history.Stats, from int64, start time.Time, frames map[string]frame) error {
	if !s.begun || totals.LastID-s.high > maxBehind || totals.LastID < s.high {
		s.begun, s.low, s.high, s.steps = true, totals.LastID, totals.LastID, map[int64]*counted{}
	}
	began := time.Now()
	for s.high < totals.LastID {
		page, err := store.Messages(ctx, history.Query{After: s.high, FromStart: s.high == 0, Select: s.sel, Limit: readPage})
		if err != nil {
			return err
		}
		newest := int64(0)
		for i := range page.Messages {
			s.add(&page.Messages[i], start, frames)
			newest = page.Messages[i].ID
		}
		// Without a next page there was nothing more when it was read, which is
		// later than the totals were.
		s.high = max(totals.LastID, newest)
		if page.Next != 0 {
			s.high = page.Next
		}
	}
	for s.low >= from {
		page, err := store.Messages(ctx, history.Query{Before: s.low + 1, Since: start, Select: s.sel, Limit: readPage})
		if err != nil {
			return err
		}
		for i := range page.Messages {
			s.add(&page.Messages[i], start, frames)
		}
		s.low = from - 1
		if page.Next != 0 {
			s.low = page.Next - 1
		}
		if time.Since(began) >= readTime {
			break // not before a page is read: each answer goes on
		}
	}
	return nil
}

// add counts m, unless it was received before start.
func (s *selected) add(m *stream.Message, start time.Time, frames map[string]frame) {
	if m.Received.Before(start) {
		return
	}
	key := m.Received.Truncate(s.step).UnixNano()
	c := s.steps[key]
	if c == nil {
		c = &counted{first: m.ID, latencies: stats.NewDistribution(0, 0), intervals: map[frame]*stats.Distribution{}}
		s.steps[key] = c
	}
	c.first = min(c.first, m.ID)
	c.messages++
	c.missed += m.Missed
	if hasLatency(m) {
		c.latencies.Add(m.Latency)
	}
	if m.Delta < 0 || m.Retained {
		return
	}
	f := frames[m.Sender]
	if c.intervals[f] == nil && len(c.intervals) >= maxFrames {
		f = frame{} // a bound for memory: these are not compared with what is declared
	}
	if c.intervals[f] == nil {
		c.intervals[f] = stats.NewDistribution(f.shortest, f.longest)
	}
	c.intervals[f].Add(m.Delta)
}

// counts returns the bins from start until now.
func (s *selected) counts(start, now time.Time, last int64) Counts {
	c := Counts{Since: start, Step: s.step, Bins: []Bin{}, Until: start}
	sums := map[frame]*stats.Distribution{}
	for ; !c.Until.After(now); c.Until = c.Until.Add(s.step) {
		b := Bin{}
		if one := s.steps[c.Until.UnixNano()]; one != nil {
			b = Bin{First: one.first, Messages: one.messages, Missed: one.missed, Latency: newLatency(one.latencies)}
			for f, d := range one.intervals {
				if sums[f] == nil {
					sums[f] = stats.NewDistribution(f.shortest, f.longest)
				}
				sums[f].Merge(d)
			}
		}
		c.Bins = append(c.Bins, b)
	}
	next := last + 1
	for i := len(c.Bins) - 1; i >= 0; i-- {
		if c.Bins[i].Messages == 0 {
			c.Bins[i].First = next
		}
		next = c.Bins[i].First
	}
	var each []history.Intervals
	for _, d := range sums {
		each = append(each, history.NewIntervals("", d.Histogram(), d.Spread()))
	}
	c.Intervals = history.SumIntervals(each)
	if d := c.Intervals.Declared; d != nil {
		d.P = nil // a filter may choose by the interval
	}
	return c
}

// receivedAfter returns when the first message above an id was received; now if there
// is none.
func receivedAfter(ctx context.Context, store history.Store, id int64, now time.Time) (time.Time, error) {
	page, err := store.Messages(ctx, history.Query{After: id, FromStart: id == 0, Limit: 1})
	if err != nil || len(page.Messages) == 0 {
		return now, err
	}
	return page.Messages[0].Received, nil
}
