package timeline_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"hellox/history"
	"hellox/history/memory"
	"hellox/stream"
	"hellox/stream/filter"
	"hellox/web/timeline"
)

const boot = "01JD0000000000000000000000"

// arrivals returns n messages of three senders, one of which is no broadcaster; of the
// broadcasters each message travels longer than the one before.
func arrivals(n int, begin time.Time) []stream.Arrival {
	random := rand.New(rand.NewPCG(7, 7))
	at, seq := begin, map[string]uint64{}
	all := make([]stream.Arrival, n)
	for i := range all {
		at = at.Add(time.Duration(200+random.IntN(1800)) * time.Millisecond)
		sender := fmt.Sprintf("press-%d", 1+random.IntN(3))
		if sender == "press-3" {
			all[i] = stream.Arrival{Topic: "oven/3", Payload: []byte(`{"temp":180}`), QoS: 1, Received: at, Ack: func() {}}
			continue
		}
		seq[sender]++
		if random.IntN(50) == 0 {
			seq[sender] += 2
		}
		h := stream.Hello{Text: "Hello world", Sender: sender, Boot: boot, Seq: seq[sender], Sent: at.Add(-time.Duration(i+1) * time.Millisecond / 10)}
		all[i] = stream.Arrival{Topic: "hello_world/broadcast/" + sender, Payload: h.AppendJSON(nil), QoS: 1, Received: at, Ack: func() {}}
	}
	return all
}

func selection(t *testing.T, expression string) history.Select {
	t.Helper()
	f, err := filter.Parse(expression)
	if err != nil {
		t.Fatal(err)
	}
	return history.Select{Filter: f}
}

// stored returns every message that is selected, read page by page.
func stored(t *testing.T, store history.Store, sel history.Select) (all []stream.Message) {
	t.Helper()
	for q := (history.Query{FromStart: true, Select: sel, Limit: 500}); ; q.FromStart = false {
		page, err := store.Messages(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, page.Messages...)
		if page.Next == 0 {
			return all
		}
		q.After = page.Next
	}
}

// check holds counts against the messages themselves.
func check(t *testing.T, name string, c timeline.Counts, all []stream.Message) {
	t.Helper()
	intervals := uint64(0)
	for i, b := range c.Bins {
		from := c.Since.Add(time.Duration(i) * c.Step)
		var messages int64
		var missed uint64
		var latencies []float64
		for _, m := range all {
			if m.Received.Before(from) || !m.Received.Before(from.Add(c.Step)) {
				continue
			}
			if messages++; messages == 1 && b.First != m.ID {
				t.Errorf("%s: bin %d begins with %d, want %d", name, i, b.First, m.ID)
			}
			missed += m.Missed
			if m.Latency != stream.None {
				latencies = append(latencies, stream.Millis(m.Latency))
			}
			if m.Delta >= 0 {
				intervals++
			}
		}
		if b.Messages != messages || b.Missed != missed {
			t.Errorf("%s: bin %d has %d messages and %d missed, want %d and %d", name, i, b.Messages, b.Missed, messages, missed)
		}
		if (b.Latency == nil) != (len(latencies) == 0) {
			t.Errorf("%s: bin %d has the latency %+v of %d", name, i, b.Latency, len(latencies))
		} else if b.Latency != nil {
			slices.Sort(latencies)
			p50 := latencies[(len(latencies)-1)/2]
			if b.Latency.Count != uint64(len(latencies)) || b.Latency.P50 < p50*0.95-0.01 || b.Latency.P50 > p50*1.05+0.01 || b.Latency.P99 < b.Latency.P50 {
				t.Errorf("%s: bin %d has the latency %+v, want p50 %g of %d", name, i, b.Latency, p50, len(latencies))
			}
		}
	}
	got := uint64(0)
	for _, n := range c.Intervals.Counts {
		got += n
	}
	if c.Intervals.Declared != nil {
		got += c.Intervals.Declared.Beyond
	}
	if got != intervals {
		t.Errorf("%s: %d intervals, want %d", name, got, intervals)
	}
}

// readWhole reads until all is counted, which takes a busy machine more than one answer.
func readWhole(t *testing.T, line *timeline.Timeline, sel history.Select, since, now time.Time) timeline.Counts {
	t.Helper()
	for range 20 {
		c, err := line.Read(t.Context(), sel, since, now, 90)
		if err != nil {
			t.Fatal(err)
		}
		if c.CountedFrom.IsZero() {
			return c
		}
	}
	t.Fatal("20 answers did not count all")
	return timeline.Counts{}
}

// What is selected is counted once each, also what comes later and when the beginning
// moves; only what lies in the bins.
func TestTimelineOfASelection(t *testing.T) {
	begin := time.Date(2026, 11, 24, 11, 0, 0, 0, time.UTC)
	all := arrivals(3000, begin)
	store := newStore(t, all[:2000]...)
	line := timeline.New(store)
	for _, expression := range []string{"sender:press-*", "delta>3s", "topic:oven/3", "temp or is:missed", "nothing"} {
		sel := selection(t, expression)
		now := all[1999].Received.Add(time.Second)
		for _, span := range []time.Duration{time.Hour, 20 * time.Minute, 5 * time.Minute} {
			c := readWhole(t, line, sel, now.Add(-span), now)
			check(t, fmt.Sprint(expression, " ", span), c, stored(t, store, sel))
		}
	}
	sel := selection(t, "sender:press-*")
	for i := 2000; i < 3000; i += 250 {
		if err := store.Append(t.Context(), all[i:i+250]); err != nil {
			t.Fatal(err)
		}
		now := all[i+249].Received.Add(time.Second)
		c := readWhole(t, line, sel, now.Add(-20*time.Minute), now)
		check(t, fmt.Sprint("with ", i+250), c, stored(t, store, sel))
	}
}

// slowStore takes its time for each page.
type slowStore struct {
	*memory.Store
	page time.Duration
}

func (s slowStore) Messages(ctx context.Context, q history.Query) (history.Page, error) {
	if q.Limit > 1 {
		time.Sleep(s.page)
	}
	return s.Store.Messages(ctx, q)
}

// What takes long is answered in parts, the newest first; each says how far it came.
func TestTimelineGoesOnCounting(t *testing.T) {
	begin := time.Date(2026, 11, 24, 11, 0, 0, 0, time.UTC)
	all := arrivals(9000, begin)
	store := newStore(t, all...)
	line := timeline.New(slowStore{store, 150 * time.Millisecond})
	sel, now := selection(t, "sender:press-*"), all[len(all)-1].Received.Add(time.Second)
	before := now
	for parts := 0; ; parts++ {
		c, err := line.Read(t.Context(), sel, begin, now, 90)
		if err != nil {
			t.Fatal(err)
		}
		if c.CountedFrom.IsZero() {
			if parts == 0 {
				t.Error("all was counted at once")
			}
			check(t, "at the end", c, stored(t, store, sel))
			return
		}
		if !c.CountedFrom.Before(before) || parts > 20 {
			t.Fatalf("counted from %v after %v", c.CountedFrom, before)
		}
		before = c.CountedFrom
		for i, b := range c.Bins {
			if end := c.Since.Add(time.Duration(i+1) * c.Step); !end.After(before.Add(-c.Step)) && b.Messages > 0 {
				t.Errorf("a bin until %v has messages, counted from %v", end, before)
			}
		}
	}
}

// Old messages are counted also while those that come take all the time of an answer.
func TestTimelineGoesOnWhileMessagesCome(t *testing.T) {
	begin := time.Date(2026, 11, 24, 11, 0, 0, 0, time.UTC)
	all := arrivals(4100, begin)
	store := newStore(t, all[:4000]...)
	line := timeline.New(slowStore{store, 260 * time.Millisecond}) // longer than an answer may read
	read := func(now time.Time) time.Time {
		c, err := line.Read(t.Context(), selection(t, "sender:press-*"), begin, now, 90)
		if err != nil || c.CountedFrom.IsZero() {
			t.Fatalf("counted from %v, %v", c.CountedFrom, err)
		}
		return c.CountedFrom
	}
	before := read(all[3999].Received.Add(time.Second))
	if err := store.Append(t.Context(), all[4000:]); err != nil {
		t.Fatal(err)
	}
	if after := read(all[4099].Received.Add(time.Second)); !after.Before(before) {
		t.Errorf("counted from %v, and then from %v", before, after)
	}
}

// Without a selection latencies are those of a sample, from all over a bin.
func TestTimelineSamplesLatencies(t *testing.T) {
	begin := time.Date(2026, 11, 24, 11, 0, 0, 0, time.UTC)
	all := arrivals(5000, begin)
	store := newStore(t, all...)
	now := all[len(all)-1].Received.Add(time.Second)
	c := read(t, timeline.New(store), begin, now, 1)
	var of []stream.Message
	for _, m := range stored(t, store, history.Select{}) {
		if m.Latency != stream.None && m.ID >= c.Bins[0].First && m.ID < c.Bins[0].First+c.Bins[0].Messages {
			of = append(of, m)
		}
	}
	l, median := c.Bins[0].Latency, stream.Millis(of[len(of)/2].Latency) // they rise
	if l == nil || l.Count < 200 || l.Count > 512 || l.P50 < median*0.8 || l.P50 > median*1.2 || l.P99 < median*1.6 {
		t.Errorf("%+v, want about %g", l, median)
	}
}
