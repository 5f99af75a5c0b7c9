package timeline_test

import (
	"fmt"
	"testing"
	"time"

	"hellox/history"
	"hellox/history/memory"
	"hellox/stream"
	"hellox/web/timeline"
)

func newStore(t *testing.T, arrivals ...stream.Arrival) *memory.Store {
	t.Helper()
	store := memory.New(0)
	t.Cleanup(func() { _ = store.Close() })
	if err := store.Append(t.Context(), arrivals); err != nil {
		t.Fatal(err)
	}
	return store
}

func hello(seq uint64, at time.Time) stream.Arrival {
	h := stream.Hello{Text: "Hello world", Sender: "press-1", Boot: "01JD0000000000000000000000", Seq: seq, Sent: at}
	return stream.Arrival{Topic: "hello_world/broadcast/press-1", Payload: h.AppendJSON(nil), QoS: 1, Received: at, Ack: func() {}}
}

func read(t *testing.T, line *timeline.Timeline, since, now time.Time, bins int) timeline.Counts {
	t.Helper()
	counts, err := line.Read(t.Context(), history.Select{}, since, now, bins)
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

func TestTimelineCountsEveryMessageOnce(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 7, 0, time.UTC)
	begin := now.Add(-30 * time.Minute)
	var arrivals []stream.Arrival
	for i := range 1800 {
		seq := uint64(i + 1)
		if i >= 900 {
			seq += 3 // one gap, in the middle
		}
		arrivals = append(arrivals, hello(seq, begin.Add(time.Duration(i)*time.Second)))
	}
	store := newStore(t, arrivals...)
	line := timeline.New(store)
	for _, c := range []struct {
		since time.Time
		bins  int
	}{
		{now.Add(-time.Hour), 180}, {now.Add(-time.Hour), 10}, {now.Add(-time.Hour), timeline.MaxBins},
		{now.Add(-40 * time.Minute), 180}, {time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), 180},
	} {
		bins := fmt.Sprintf("%d bins since %v", c.bins, c.since)
		got := read(t, line, c.since, now, c.bins)
		var messages int64
		var missed uint64
		for i, b := range got.Bins {
			from := got.Since.Add(time.Duration(i) * got.Step)
			to := from.Add(got.Step)
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
		if !got.Until.After(now) || got.Since.After(now.Add(-30*time.Minute)) {
			t.Errorf("%s: from %v until %v", bins, got.Since, got.Until)
		}
	}
	// What comes later is counted, and what was counted stays.
	now = now.Add(10 * time.Minute)
	if err := store.Append(t.Context(), []stream.Arrival{hello(1810, now.Add(-time.Minute))}); err != nil {
		t.Fatal(err)
	}
	got := read(t, line, now.Add(-time.Hour), now, 180)
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
	now := time.Now()
	for _, b := range read(t, timeline.New(newStore(t)), now.Add(-time.Hour), now, 180).Bins {
		if b.Messages != 0 || b.Missed != 0 {
			t.Fatalf("%+v", b)
		}
	}
}
