package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"hellox/history"
)

// Bounds of the strip of time.
const (
	defaultSpan = time.Hour
	defaultBins = 180
	maxBins     = 400
	fresh       = time.Second // how long an answer serves everybody who asks the same
)

// A bin of the strip: the messages received in one step of time.
type bin struct {
	First    int64  `json:"first"` // id of its first message, or of the next one that there was
	Messages int64  `json:"messages"`
	Missed   uint64 `json:"missed,omitempty"`
}

// A strip is what GET /api/timeline answers: bins of equal width, the last of
// which is not over yet.
type strip struct {
	Since  nine    `json:"since"`
	Until  nine    `json:"until"`
	StepMS float64 `json:"step_ms"`
	Bins   []bin   `json:"bins"`
}

// A timeline knows at which id each step of time begins. Ids rise by one with
// each message kept, so their difference is a count, and a strip costs a
// look-up for each step instead of a reading of what was said in it.
type timeline struct {
	mu       sync.Mutex
	firsts   map[int64]int64 // id by the start of a step in Unix nanoseconds; only what cannot change
	gaps     gaps
	answered time.Time
	question [2]int64
	answer   strip
}

// getTimeline answers GET /api/timeline: messages a step from since until now,
// and what was missed in them.
func (s *Server) getTimeline(w http.ResponseWriter, r *http.Request) {
	values, err := parameters(r, "since", "bins")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	bins := defaultBins
	if v := values.Get("bins"); v != "" {
		if bins, err = strconv.Atoi(v); err != nil || bins < 1 || bins > maxBins {
			s.fail(w, r, refuse(fmt.Sprintf("bins is a number from 1 to %d", maxBins)))
			return
		}
	}
	since, err := s.moment("since", values.Get("since"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	now := s.now()
	if since.IsZero() {
		since = now.Add(-defaultSpan)
	}
	if !since.Before(now) {
		s.fail(w, r, refuse("since is not in the past"))
		return
	}
	answer, err := s.timeline.read(r.Context(), s.store, since, now, bins)
	if err != nil {
		s.fail(w, r, fmt.Errorf("read the strip of time: %w", err))
		return
	}
	s.answer(w, r, answer)
}

// read makes the strip of at most about bins steps from since until now.
func (t *timeline) read(ctx context.Context, store history.Store, since, now time.Time, bins int) (strip, error) {
	step := roundStep(now.Sub(since) / time.Duration(bins))
	start := since.Truncate(step)
	t.mu.Lock()
	defer t.mu.Unlock()
	question := [2]int64{start.UnixNano(), int64(step)}
	if age := now.Sub(t.answered); question == t.question && age >= 0 && age < fresh {
		return t.answer, nil
	}
	stats, err := store.Stats(ctx)
	if err != nil {
		return strip{}, err
	}
	answer := strip{Since: nine{start}, StepMS: float64(step.Milliseconds()), Bins: []bin{}}
	end := start
	first := int64(-1)
	for ; !end.After(now); end = end.Add(step) {
		id, err := t.firstAt(ctx, store, &stats, end)
		if err != nil {
			return strip{}, err
		}
		id = max(id, first) // a clock set back does not make a count negative
		if first >= 0 {
			answer.Bins = append(answer.Bins, bin{First: first, Messages: id - first})
		}
		first = id
	}
	answer.Bins = append(answer.Bins, bin{First: first, Messages: stats.LastID + 1 - first})
	answer.Until = nine{end}
	if err := t.gaps.extend(ctx, store, &stats, answer.Bins[0].First); err != nil {
		return strip{}, err
	}
	for _, g := range t.gaps.found {
		if i := int(g.at.Sub(start) / step); !g.at.Before(start) && i < len(answer.Bins) {
			answer.Bins[i].Missed += g.missed
		}
	}
	t.question, t.answered, t.answer = question, now, answer
	return answer, nil
}

// firstAt is the id of the first message received at or after at, or the one
// that the next message will get at the least.
func (t *timeline) firstAt(ctx context.Context, store history.Store, stats *history.Stats, at time.Time) (int64, error) {
	switch {
	case stats.FirstID == 0 || at.After(stats.Newest):
		return stats.LastID + 1, nil
	case !at.After(stats.Oldest):
		return stats.FirstID, nil
	}
	if id, ok := t.firsts[at.UnixNano()]; ok {
		return max(id, stats.FirstID), nil
	}
	page, err := store.Messages(ctx, history.Query{FromStart: true, Since: at, Limit: 1})
	if err != nil {
		return 0, err
	}
	if len(page.Messages) == 0 {
		return stats.LastID + 1, nil
	}
	id := page.Messages[0].ID
	if t.firsts == nil || len(t.firsts) > 16*maxBins {
		t.firsts = map[int64]int64{} // what spans and steps were asked for is up to the clients: a bound
	}
	t.firsts[at.UnixNano()] = id
	return id, nil
}

// roundStep is the least step of a clock face that is not below d.
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
