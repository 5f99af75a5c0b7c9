package jetstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"hellox/history"
	"hellox/history/historytest"
	"hellox/history/jetstream"
	"hellox/history/memory"
	"hellox/stream"
	"hellox/stream/track"
)

// drawArrivals draws what a broker's stream may hold: gaps, duplicates, late messages
// and foreign ones. The last one is stored.
func drawArrivals(t *rapid.T) (all []stream.Arrival) {
	newest := map[string]uint64{}
	for i := range rapid.IntRange(10, 60).Draw(t, "arrivals") {
		sender := fmt.Sprintf("broadcast-%d", rapid.IntRange(0, 2).Draw(t, "sender"))
		switch rapid.SampledFrom([]string{"next", "next", "again", "again", "skip", "late", "foreign"}).Draw(t, "what") {
		case "next":
			newest[sender]++
		case "skip":
			newest[sender] += 3
		case "again":
			if i > 0 {
				all = append(all, all[rapid.IntRange(0, i-1).Draw(t, "which")])
				continue
			}
			newest[sender]++
		case "late":
			all = append(all, historytest.Hello(sender, rapid.Uint64Range(1, max(newest[sender], 1)).Draw(t, "seq"), i))
			newest[sender] = max(newest[sender], 1)
			continue
		case "foreign":
			all = append(all, historytest.Foreign("plant/"+sender, fmt.Sprint(i), i))
			continue
		}
		all = append(all, historytest.Hello(sender, newest[sender], i))
	}
	return append(all, historytest.Foreign("plant/end", "end", len(all)))
}

// A contender is a receiver that takes itself for the indexer.
type contender struct {
	*jetstream.Store
	at       int // how far it has read the broker's stream; -1: to be loaded
	follower history.Follower
}

func (c *contender) open(r *rig) {
	c.Store, _ = r.open(jetstream.Options{})
	c.at = -1
	c.follower = c.Follow(history.Follow{})
}

// step does one thing that an indexer does, and reports whether that failed.
func (c *contender) step(ctx context.Context, what string, all []stream.Arrival, n int) bool {
	err := error(nil)
	switch what {
	case "load":
		c.at = -1
	case "checkpoint":
		err = c.WriteCheckpoint(ctx)
	case "append":
		if c.at < 0 {
			var source uint64
			if source, err = c.Reload(ctx); err != nil {
				break
			}
			c.at = int(source)
		}
		var sources []uint64
		some := all[c.at:min(c.at+n, len(all))]
		for i := range some {
			sources = append(sources, uint64(c.at+i+1))
		}
		if err = c.AppendFrom(ctx, some, sources); err == nil {
			c.at += len(some)
		}
	}
	if err != nil {
		c.at = -1
	}
	return err != nil
}

// TestInterleaved has two receivers, each of which takes itself for the indexer, append,
// write checkpoints, begin anew and be loaded in any order. What is stored, counted and
// followed is what one receiver that never stopped stores and counts.
func TestInterleaved(t *testing.T) {
	// Each check starts a server, which takes longer than all else.
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("25"); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = checks.Value.Set(checks.DefValue) }()
	}
	failures := 0
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t)
		defer r.stop()
		all := drawArrivals(rt)
		contenders := []*contender{{}, {}}
		for _, c := range contenders {
			c.open(r)
			defer func() { c.follower.Close(); c.Close() }()
		}
		for range rapid.IntRange(2, 30).Draw(rt, "steps") {
			c := contenders[rapid.IntRange(0, 1).Draw(rt, "who")]
			what := rapid.SampledFrom([]string{"append", "append", "append", "append", "checkpoint", "load", "reopen"}).Draw(rt, "step")
			if what == "reopen" {
				c.follower.Close()
				c.Close() // a stale one fails to write its checkpoint
				c.open(r)
				continue
			}
			if c.step(t.Context(), what, all, rapid.IntRange(1, 6).Draw(rt, "n")) {
				failures++
			}
		}
		first := contenders[0]
		for tries := 0; first.at < len(all); tries++ {
			if tries > 1 { // once it may be stale, or not have been loaded
				rt.Fatal("it fails when it has just been loaded")
			}
			first.step(t.Context(), "append", all, len(all))
		}
		compare(t, rt, r, contenders, all)
	})
	if failures == 0 {
		t.Error("none was ever stale")
	}
}

// compare compares two receivers, and one that is opened now, with one that never stopped.
func compare(t *testing.T, rt *rapid.T, r *rig, contenders []*contender, all []stream.Arrival) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	want := memory.New(0)
	defer want.Close()
	tracker, stored := track.New(track.State{}, nil), map[int64]string{}
	for _, a := range all {
		historytest.AppendAll(t, want, a)
		if e := tracker.Track(a); e.Message != nil {
			stored[e.Message.ID] = string(e.Message.AppendJSON(nil))
		}
	}
	last := tracker.State().LastID
	later := &contender{}
	later.open(r)
	defer func() { later.follower.Close(); later.Close() }()
	for i, c := range append(contenders, later) {
		got := map[int64]string{}
		for next := int64(1); next <= last; {
			events, err := c.follower.Next(ctx)
			if err != nil {
				rt.Fatalf("receiver %d follows to %d of %d: %v", i, next-1, last, err)
			}
			for _, e := range events {
				if e.Message != nil && e.Message.ID != next {
					rt.Fatalf("receiver %d follows message %d behind %d", i, e.Message.ID, next-1)
				} else if e.Message != nil {
					got[next] = string(e.Message.AppendJSON(nil))
					next++
				}
			}
		}
		if d := cmp.Diff(stored, got); d != "" {
			rt.Errorf("receiver %d follows: %s", i, d)
		}
		if d := cmp.Diff(counts(t, want), counts(t, c)); d != "" {
			rt.Errorf("receiver %d counts: %s", i, d)
		}
	}
	again, err := later.Tracker(ctx)
	if err != nil {
		rt.Fatal(err)
	}
	if d := cmp.Diff(states(t, tracker), states(t, again)); d != "" {
		rt.Errorf("who goes on knows: %s", d)
	}
}

// counts are the totals, the topics and what is counted of each sender.
func counts(t *testing.T, s history.Store) []string {
	t.Helper()
	st, err1 := s.Stats(t.Context())
	topics, err2 := s.Topics(t.Context())
	senders, err3 := s.Senders(t.Context())
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	all := []string{fmt.Sprint("received ", st.Received, " stored ", st.Stored, " duplicates ", st.Duplicates, " missed ", st.Missed, " reordered ", st.Reordered, " IDs ", st.FirstID, " to ", st.LastID)}
	for _, one := range topics {
		all = append(all, fmt.Sprintf("%+v", one))
	}
	for _, one := range senders {
		all = append(all, fmt.Sprint(one.Sender, ": ", one.Messages, " missed ", one.Missed, " reordered ", one.Reordered, " duplicates ", one.Duplicates, " last ", one.LastID, " seq ", one.Seq, " boot ", one.Boot, " seen ", stream.FormatTime(one.LastSeen)))
	}
	return all
}

// states are what a tracker remembers of all, and of each sender.
func states(t *testing.T, tracker *track.Tracker) []string {
	t.Helper()
	all := map[string]string{}
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	tracker.Senders(func(s *track.SenderState) { all[s.Sender] = text(s) })
	list := []string{text(tracker.State())}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, all[name])
	}
	return list
}
