package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"

	"hellox/history"
	"hellox/history/historytest"
	"hellox/stream"
	"hellox/stream/filter"
)

func openTest(t testing.TB, path string, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// reopen closes s and opens its file again.
func reopen(t *testing.T, s *Store) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return openTest(t, s.path, s.o)
}

// crash leaves s as a killed process would: nothing is written any more, and
// the kernel takes back the lock.
func crash(t *testing.T, s *Store) {
	t.Helper()
	s.writing.Lock()
	defer s.writing.Unlock()
	s.failed = errors.New("killed")
	if err := s.lock.Unlock(); err != nil {
		t.Fatal(err)
	}
}

func TestAcknowledgedInOrderAfterCommit(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "history.db"), Options{})
	var mu sync.Mutex
	var acked []int
	in := make(chan stream.Arrival, 100)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, in) }()
	last := make(chan struct{})
	const n = 2000
	for i := range n {
		a := historytest.Hello("a", uint64(i+1), i)
		if i%10 == 9 {
			a = stream.Arrival{Topic: stream.PresenceTopic("a"), Payload: []byte(`{"state":"here"}`), Received: time.Now()}
		}
		a.Ack = func() {
			mu.Lock()
			defer mu.Unlock()
			acked = append(acked, i)
			// What is acknowledged can be read from then on.
			if i%100 == 0 {
				if p, err := s.Messages(t.Context(), history.Query{Limit: 1}); err != nil || p.Messages[0].Seq < uint64(i+1) {
					t.Errorf("acknowledged %d, newest on disk %+v, %v", i, p, err)
				}
			}
			if i == n-1 {
				close(last)
			}
		}
		in <- a
	}
	<-last
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run ended by its context: %v", err)
	}
	for i, got := range acked {
		if got != i {
			t.Fatalf("acknowledgement %d is of arrival %d", i, got)
		}
	}
}

// Whatever happens between, a restart changes nothing that a reader sees.
func TestRestart(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		s, err := Open(t.Context(), filepath.Join(dir, "history.db"), Options{})
		if err != nil {
			rt.Fatal(err)
		}
		seq := uint64(0)
		for ms := range rapid.IntRange(1, 12).Draw(rt, "batches") {
			var batch []stream.Arrival
			for range rapid.IntRange(1, 5).Draw(rt, "size") {
				switch rapid.IntRange(0, 4).Draw(rt, "what") {
				case 0:
					batch = append(batch, historytest.Foreign("other/topic", "x", ms))
				case 1:
					batch = append(batch, historytest.Hello("b", rapid.Uint64Range(1, 30).Draw(rt, "seq"), ms))
				default:
					seq += rapid.Uint64Range(1, 2).Draw(rt, "step")
					batch = append(batch, historytest.Hello("a", seq, ms))
				}
			}
			if err := s.Append(t.Context(), batch); err != nil {
				rt.Fatal(err)
			}
			if rapid.IntRange(0, 4).Draw(rt, "restart") > 0 {
				continue
			}
			before := state(rt, s)
			if rapid.Bool().Draw(rt, "crash") {
				crash(t, s)
			}
			if err := s.Close(); err != nil {
				rt.Fatal(err)
			}
			if s, err = Open(t.Context(), s.path, s.o); err != nil {
				rt.Fatal(err)
			}
			if d := cmp.Diff(before, state(rt, s), cmpopts.EquateEmpty()); d != "" {
				rt.Fatalf("restart changed something: %s", d)
			}
		}
		s.Close()
	})
}

type observed struct {
	Stats    history.Stats
	Senders  []stream.Sender
	Messages []stream.Message
}

// state is what readers see, without what is of one run only.
func state(t *rapid.T, s *Store) (all observed) {
	ctx := context.Background()
	var err error
	if all.Stats, err = s.Stats(ctx); err != nil {
		t.Fatal(err)
	}
	if all.Senders, err = s.Senders(ctx); err != nil {
		t.Fatal(err)
	}
	page, err := s.Messages(ctx, history.Query{Limit: history.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	all.Messages = page.Messages
	all.Stats.Started, all.Stats.Link, all.Stats.Bytes, all.Stats.Rates, all.Stats.Degraded = time.Time{}, stream.Link{}, 0, stream.Rates{}, ""
	for i := range all.Senders {
		v := &all.Senders[i]
		// How a sender does is judged at the moment of asking.
		v.Rates, v.State, v.Since, v.IntervalMS, v.LatencyMS, v.ExpectedMS = stream.Rates{}, "", time.Time{}, nil, nil, 0
	}
	return all
}

func TestIDsAreNeverUsedTwice(t *testing.T) {
	now := historytest.Epoch
	s := openTest(t, filepath.Join(t.TempDir(), "history.db"), Options{KeepFor: time.Hour, now: func() time.Time { return now }})
	historytest.AppendAll(t, s, historytest.Hello("a", 1, 0), historytest.Hello("a", 2, 1), historytest.Foreign("x", "y", 2))
	now = historytest.Epoch.Add(2 * time.Hour)
	evictAll(t, s)
	if st, _ := s.Stats(t.Context()); st.FirstID != 0 || st.LastID != 3 || st.Evicted != 3 || st.Stored != 3 {
		t.Errorf("all evicted: %+v", st)
	}
	s = reopen(t, s)
	if st, _ := s.Stats(t.Context()); st.LastID != 3 || st.Evicted != 3 || st.Stored != 3 {
		t.Errorf("all evicted, opened again: %+v", st)
	}
	next := historytest.Hello("a", 3, 0)
	next.Received = now
	historytest.AppendAll(t, s, next)
	page, err := s.Messages(t.Context(), history.Query{})
	if err != nil || len(page.Messages) != 1 || page.Messages[0].ID != 4 {
		t.Fatalf("%v %+v", err, page)
	}
	if m := page.Messages[0]; m.Missed != 0 || m.Delta != now.Sub(historytest.Epoch.Add(time.Millisecond)) {
		t.Errorf("the counters of a sender outlive its messages: %+v", m)
	}
	if p, err := s.Messages(t.Context(), history.Query{Select: history.Select{Sender: "a"}}); err != nil || len(p.Messages) != 1 {
		t.Errorf("by sender: %v %+v", err, p)
	}
}

// evictAll evicts all that is due.
func evictAll(t testing.TB, s *Store) {
	t.Helper()
	s.writing.Lock()
	defer s.writing.Unlock()
	var err error
	if s.retention.goal, err = s.retainGoal(context.Background(), s.now()); err != nil {
		t.Fatal(err)
	}
	for s.retention.goal >= s.first.Load() {
		if err := s.evictAlone(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRetentionByBytes(t *testing.T) {
	const keep = 4 << 20
	s := openTest(t, filepath.Join(t.TempDir(), "history.db"), Options{Keep: keep})
	f := &historytest.Fleet{Senders: 7}
	historytest.AppendAll(t, s, f.Batch(500)...)
	follower := s.Follow(history.Follow{After: 1})
	defer follower.Close()
	for range 59 {
		historytest.AppendAll(t, s, f.Batch(500)...)
		if _, err := s.Maintain(t.Context()); err != nil { // checks; the next append evicts
			t.Fatal(err)
		}
		s.retention.checked = time.Time{}
	}
	evictAll(t, s)
	st, err := s.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if st.FirstID < 1000 || st.Evicted != uint64(st.FirstID-1) || st.Stored != 30_000 || st.LastID != 30_000 {
		t.Errorf("%+v", st)
	}
	if err := s.writer.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	if size := s.size(); size > keep {
		t.Errorf("%d bytes on disk, more than %d", size, keep)
	}
	if d := cmp.Diff(historytest.Between(st.FirstID, st.LastID), historytest.PageAll(t, s, history.Query{FromStart: true, Limit: 5000})); d != "" {
		t.Error(d)
	}
	for i := range 7 {
		var want []int64
		for id := st.FirstID; id <= st.LastID; id++ {
			if (id-1)%7 == int64(i) {
				want = append(want, id)
			}
		}
		name := fmt.Sprintf("broadcast-%d", i)
		if d := cmp.Diff(want, historytest.PageAll(t, s, history.Query{FromStart: true, Limit: 700, Select: history.Select{Sender: name}})); d != "" {
			t.Errorf("%s forward: %s", name, d)
		}
		if d := cmp.Diff(want, historytest.PageAll(t, s, history.Query{Limit: 700, Select: history.Select{Sender: name}})); d != "" {
			t.Errorf("%s backward: %s", name, d)
		}
	}
	// A follower that was behind is told what can no longer be had.
	got, others := historytest.Collect(t, follower, int(st.LastID-st.FirstID+1))
	if got[0] != st.FirstID || len(others) == 0 || others[0].Evicted != st.FirstID-1 {
		t.Errorf("a follower behind what was evicted: first %d, told %+v", got[0], others)
	}
}

// A series whose messages are all gone is gone, and comes back as a new one.
func TestRetentionEndsSeries(t *testing.T) {
	now := historytest.Epoch
	s := openTest(t, filepath.Join(t.TempDir(), "history.db"), Options{KeepFor: time.Hour, now: func() time.Time { return now }})
	for i := range 100 {
		historytest.AppendAll(t, s, historytest.Foreign(fmt.Sprintf("topic/%d", i), "x", i))
	}
	now = historytest.Epoch.Add(30 * time.Minute)
	young := historytest.Foreign("topic/7", "y", 0)
	young.Received = now
	historytest.AppendAll(t, s, young)
	now = historytest.Epoch.Add(80 * time.Minute)
	evictAll(t, s)
	if n := len(s.series.where(func(*series) bool { return true })); n != 1 {
		t.Errorf("%d series are left, want 1", n)
	}
	again := historytest.Foreign("topic/8", "z", 0)
	again.Received = now
	historytest.AppendAll(t, s, again)
	s = reopen(t, s)
	for topic, want := range map[string][]int64{"topic/7": {101}, "topic/8": {102}, "topic/9": {}} {
		if d := cmp.Diff(want, historytest.PageAll(t, s, history.Query{Select: history.Select{Topics: []string{topic}}})); d != "" {
			t.Errorf("%s: %s", topic, d)
		}
	}
}

func TestClockSetBack(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "history.db"), Options{})
	historytest.AppendAll(t, s, historytest.Foreign("x", "1", 1000), historytest.Foreign("x", "2", 400))
	s = reopen(t, s)
	historytest.AppendAll(t, s, historytest.Foreign("x", "3", 500), historytest.Foreign("x", "4", 1100))
	page, err := s.Messages(t.Context(), history.Query{})
	if err != nil {
		t.Fatal(err)
	}
	var got []time.Duration
	for _, m := range page.Messages {
		got = append(got, m.Received.Sub(historytest.Epoch))
	}
	want := []time.Duration{time.Second, time.Second, time.Second, 1100 * time.Millisecond}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("received never falls: %s", d)
	}
}

// Many topics, some sparse: every way of reading gives what reading all and
// matching does.
func TestPagesByFilterAgainstMatch(t *testing.T) {
	s := openTest(t, filepath.Join(t.TempDir(), "history.db"), Options{})
	var batch []stream.Arrival
	for i := range 6000 {
		switch {
		case i%1000 == 17:
			batch = append(batch, historytest.Foreign("rare/one", fmt.Sprintf("needle %d", i), i))
		case i%3 == 0:
			batch = append(batch, historytest.Hello(fmt.Sprintf("press-%d", i%400), uint64(i/400+1), i))
		default:
			a := historytest.Foreign(fmt.Sprintf("plant/%d/temp", i%700), fmt.Sprintf(`{"temp":%d}`, i%50), i)
			a.QoS = byte(i % 3)
			batch = append(batch, a)
		}
	}
	historytest.AppendAll(t, s, batch...)
	all, err := s.Messages(t.Context(), history.Query{Limit: history.MaxLimit})
	if err != nil || len(all.Messages) != 6000 {
		t.Fatal(err, len(all.Messages))
	}
	for _, expression := range []string{
		"needle", "sender:press-3", "sender:press-*", "topic:plant/+/temp", "topic:rare/#", "qos=2 topic:plant/#", "-topic:plant/#",
		"payload.temp>=49", "sender:press-1 or topic:rare/one", "(sender:press-1 or is:ours) seq<3", "not (qos=0 or is:ours)",
		"delta>400ms", "not delta>400ms", "latency<5ms", "size>12 qos=0", "is:missed", "-is:missed is:ours", "age<10h", "age>10h", "topic:plant/1/temp or qos=1", "sender:~^press-(1|2)$",
		"is:json qos=1", "-is:json", "not (is:json or is:ours)", "sender=press-3", "sender=Press-3", "sender!=Press-3 topic:rare/#", "topic=plant/1/temp", "payload.temp=49.0",
	} {
		filter, err := filter.Parse(expression)
		if err != nil {
			t.Fatal(err)
		}
		want := []int64{}
		for i := range all.Messages {
			if filter.Match(&all.Messages[i]) {
				want = append(want, all.Messages[i].ID)
			}
		}
		sel := history.Select{Filter: filter}
		if d := cmp.Diff(want, historytest.PageAll(t, s, history.Query{FromStart: true, Limit: 37, Select: sel})); d != "" {
			t.Errorf("%s forward: %s", expression, d)
		}
		if d := cmp.Diff(want, historytest.PageAll(t, s, history.Query{Limit: 37, Select: sel})); d != "" {
			t.Errorf("%s backward: %s", expression, d)
		}
	}
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := openTest(t, filepath.Join(t.TempDir(), "history.db"), Options{Metrics: registry})
	historytest.AppendAll(t, s, historytest.Hello("a", 1, 0), historytest.Hello("a", 3, 0), historytest.Hello("a", 3, 0))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		m := f.GetMetric()[0]
		got[f.GetName()] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	delete(got, "hellox_history_bytes")
	want := map[string]float64{"hellox_history_received_total": 3, "hellox_history_stored_total": 2, "hellox_history_duplicates_total": 1,
		"hellox_history_missed": 1, "hellox_history_reordered_total": 0, "hellox_history_evicted": 0, "hellox_history_damaged": 0, "hellox_history_degraded": 0, "hellox_history_commit_seconds": 1}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
