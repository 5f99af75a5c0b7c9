package broadcast

import (
	"testing"
	"time"
)

// A timer that fires late does not make the intervals longer than drawn; one that
// is far too late, or a clock that was set, begins anew.
func TestScheduleDoesNotDrift(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	f, err := newFleet(Options{Min: time.Second, Max: time.Second, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	b := newBroadcaster(f, "x")
	b.timer = time.NewTimer(time.Hour)
	defer b.timer.Stop()
	b.schedule()
	due := now
	for range 1000 {
		due = due.Add(time.Second)
		now = due.Add(2 * time.Millisecond)
		b.onTick()
	}
	if want := due.Add(time.Second); !b.next.Equal(want) {
		t.Errorf("after 1000 messages the next one is %v too late", b.next.Sub(want))
	}
	for _, h := range b.pending {
		if h.hello.Next != time.Second {
			t.Errorf("it declares %v", h.hello.Next)
		}
	}
	for _, jump := range []time.Duration{time.Minute, -time.Hour} {
		now = now.Add(jump)
		b.onTick()
		if wait := b.next.Sub(now); wait != time.Second {
			t.Errorf("the clock jumped by %v: the next message comes in %v", jump, wait)
		}
	}
}
