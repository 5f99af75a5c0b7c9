package web

import (
	"testing"
	"time"

	"hellox/stream"
	"hellox/web/timeline"
)

type timelineJSON struct {
	Since  time.Time      `json:"since"`
	Until  time.Time      `json:"until"`
	StepMS float64        `json:"step_ms"`
	Bins   []timeline.Bin `json:"bins"`
}

// A testClock is one that the test sets.
type testClock struct{ now time.Time }

func (c *testClock) time() time.Time { return c.now }

func TestTimelineCountsEveryMessageOnce(t *testing.T) {
	store := newStore(t)
	clock := &testClock{time.Date(2026, 11, 24, 12, 0, 7, 0, time.UTC)}
	begin := clock.now.Add(-30 * time.Minute)
	var arrivals []stream.Arrival
	for i := range 1800 {
		seq := uint64(i + 1)
		if i >= 900 {
			seq += 3 // one gap, in the middle
		}
		arrivals = append(arrivals, hello("press-1", seq, begin.Add(time.Duration(i)*time.Second)))
	}
	store.put(t, arrivals...)
	s := newServer(t, Options{Store: store, Now: clock.time})
	for _, bins := range []string{"", "bins=10", "bins=400", "since=40m", "since=2026-11-24T00:00:00Z"} {
		w := ask(s, "GET", "/api/timeline?"+bins, "")
		got := decode[timelineJSON](t, w)
		var messages int64
		var missed uint64
		for i, b := range got.Bins {
			from := got.Since.Add(time.Duration(float64(i) * got.StepMS * 1e6))
			to := from.Add(time.Duration(got.StepMS * 1e6))
			var want int64
			for _, a := range arrivals {
				if !a.Received.Before(from) && a.Received.Before(to) {
					want++
				}
			}
			if b.Messages != want {
				t.Errorf("%s: bin %d from %v has %d messages, want %d", bins, i, from, b.Messages, want)
			}
			if gap := arrivals[900].Received; (b.Missed > 0) != (!gap.Before(from) && gap.Before(to)) {
				t.Errorf("%s: bin %d has %d missed", bins, i, b.Missed)
			}
			messages += b.Messages
			missed += b.Missed
		}
		if messages != 1800 || missed != 3 {
			t.Errorf("%s: %d messages, %d missed", bins, messages, missed)
		}
		if !got.Until.After(clock.now) || got.Since.After(clock.now.Add(-30*time.Minute)) {
			t.Errorf("%s: from %v until %v", bins, got.Since, got.Until)
		}
	}
	// What comes later is counted, and what was counted stays.
	clock.now = clock.now.Add(10 * time.Minute)
	store.put(t, hello("press-1", 1810, clock.now.Add(-time.Minute)))
	got := decode[timelineJSON](t, ask(s, "GET", "/api/timeline", ""))
	var messages int64
	var missed uint64
	for _, b := range got.Bins {
		messages, missed = messages+b.Messages, missed+b.Missed
	}
	if messages != 1801 || missed != 9 {
		t.Errorf("later: %d messages, %d missed", messages, missed)
	}
}

func TestTimelineOfNothing(t *testing.T) {
	s := newServer(t, Options{Store: newStore(t)})
	for _, b := range decode[timelineJSON](t, ask(s, "GET", "/api/timeline", "")).Bins {
		if b.Messages != 0 || b.Missed != 0 {
			t.Fatalf("%+v", b)
		}
	}
}
