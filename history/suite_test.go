package history_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hellox/history"
	"hellox/history/historytest"
	"hellox/history/jetstream"
	"hellox/history/memory"
	"hellox/history/remote"
	"hellox/history/sqlite"
	"hellox/stream"
	"hellox/stream/filter"
)

// A bench is a store under test: what is appended to local is read from Store.
type bench struct {
	history.Store
	local  historytest.Appender
	greets bool // its first event comes when it has begun to follow
}

// forEachStore runs a test of the suite over every kind of Store.
func forEachStore(t *testing.T, f func(t *testing.T, b bench)) {
	t.Run("live", func(t *testing.T) {
		l := memory.New(0)
		t.Cleanup(func() { l.Close() })
		f(t, bench{l, l, false})
	})
	t.Run("sqlite", func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "history.db"), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		f(t, bench{s, s, false})
	})
	t.Run("jetstream", func(t *testing.T) {
		s, err := jetstream.Open(t.Context(), connect(t, runNATS(t, t.TempDir())), jetstream.Options{Replicas: 1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		f(t, bench{s, s, false})
	})
	t.Run("remote", func(t *testing.T) {
		l := memory.New(0)
		t.Cleanup(func() { l.Close() })
		server := httptest.NewServer(historytest.Receiver(l))
		t.Cleanup(server.Close)
		r, err := remote.Open(t.Context(), server.URL)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		f(t, bench{r, l, true})
	})
}

// fill appends 300 messages of three senders: a, b and the topic other/c.
func fill(t *testing.T, a historytest.Appender) {
	t.Helper()
	var batch []stream.Arrival
	for i := range 100 {
		batch = append(batch, historytest.Hello("a", uint64(i+1), 30*i), historytest.Hello("b", uint64(2*i+1), 30*i+10), historytest.Foreign("other/c", fmt.Sprintf(`{"n":%d}`, i), 30*i+20))
		if len(batch) > 40 {
			historytest.AppendAll(t, a, batch...)
			batch = nil
		}
	}
	historytest.AppendAll(t, a, batch...)
}

func TestPages(t *testing.T) {
	filter := func(expression string) *filter.Filter {
		f, err := filter.Parse(expression)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	every3 := func(first int64) []int64 {
		list := []int64{}
		for id := first; id <= 300; id += 3 {
			list = append(list, id)
		}
		return list
	}
	at := func(ms int) time.Time { return historytest.Epoch.Add(time.Duration(ms) * time.Millisecond) }
	forEachStore(t, func(t *testing.T, b bench) {
		fill(t, b.local)
		for _, c := range []struct {
			name string
			q    history.Query
			want []int64
		}{
			{"all forward", history.Query{FromStart: true}, historytest.Between(1, 300)},
			{"all backward", history.Query{}, historytest.Between(1, 300)},
			{"after", history.Query{After: 250, Limit: 7}, historytest.Between(251, 300)},
			{"before", history.Query{Before: 52, Limit: 7}, historytest.Between(1, 51)},
			{"after the newest", history.Query{After: 300}, []int64{}},
			{"after one that never was", history.Query{After: 4000}, []int64{}},
			{"before the oldest", history.Query{Before: 1}, []int64{}},
			{"between", history.Query{After: 10, Before: 20, Limit: 4}, historytest.Between(11, 19)},
			{"since", history.Query{FromStart: true, Since: at(30*50 + 10)}, historytest.Between(152, 300)},
			{"since is inclusive, until is not", history.Query{Since: at(10), Until: at(50)}, historytest.Between(2, 5)},
			{"until before all", history.Query{Until: at(-1)}, []int64{}},
			{"since after all", history.Query{Since: at(1_000_000)}, []int64{}},
			{"sender", history.Query{FromStart: true, Select: history.Select{Sender: "a"}, Limit: 9}, every3(1)},
			{"sender backward", history.Query{Select: history.Select{Sender: "b"}, Limit: 9}, every3(2)},
			{"a topic as sender", history.Query{Select: history.Select{Sender: "other/c"}}, every3(3)},
			{"sender that never was", history.Query{Select: history.Select{Sender: "nobody"}}, []int64{}},
			{"sender between", history.Query{After: 100, Before: 110, Select: history.Select{Sender: "a"}}, []int64{103, 106, 109}},
			{"sender before", history.Query{Before: 10, Limit: 2, Select: history.Select{Sender: "a"}}, []int64{1, 4, 7}},
			{"topic", history.Query{FromStart: true, Select: history.Select{Topics: []string{"other/#"}}, Limit: 50}, every3(3)},
			{"topics", history.Query{Limit: 11, Select: history.Select{Topics: []string{"other/+", "hello_world/broadcast/+"}}}, historytest.Between(1, 300)},
			{"topic and another sender", history.Query{Select: history.Select{Topics: []string{"other/c"}, Sender: "a"}}, []int64{}},
			{"filter by sender", history.Query{FromStart: true, Select: history.Select{Filter: filter("sender:b")}, Limit: 9}, every3(2)},
			{"filter by property", history.Query{FromStart: true, Select: history.Select{Filter: filter("is:missed")}, Limit: 9}, every3(2)[1:]},
			{"not", history.Query{Limit: 9, Select: history.Select{Filter: filter("-sender:b -is:ours")}}, every3(3)},
			{"or", history.Query{FromStart: true, Select: history.Select{Filter: filter("sender:b or topic:other/#")}}, append([]int64{}, merged(every3(2), every3(3))...)},
			{"payload", history.Query{Select: history.Select{Filter: filter("payload.n>=98")}}, []int64{297, 300}},
			{"word", history.Query{Select: history.Select{Filter: filter("HELLO")}, FromStart: true}, merged(every3(1), every3(2))},
			{"delta", history.Query{Select: history.Select{Filter: filter("delta>=30ms is:ours sender:a")}, FromStart: true}, every3(1)[1:]},
			{"latency", history.Query{Select: history.Select{Filter: filter("latency>=3ms")}}, []int64{}},
			{"age", history.Query{Select: history.Select{Filter: filter("age>1ms age<10h sender:a")}}, every3(1)},
			{"too young", history.Query{Select: history.Select{Filter: filter("age<1ms")}}, []int64{}},
			{"size", history.Query{Select: history.Select{Filter: filter("size<9 qos=0")}}, every3(3)[:100]},
		} {
			t.Run(c.name, func(t *testing.T) {
				if d := cmp.Diff(c.want, historytest.PageAll(t, b, c.q)); d != "" {
					t.Error(d)
				}
			})
		}
	})
}

func merged(a, b []int64) []int64 {
	list := []int64{}
	for len(a) > 0 || len(b) > 0 {
		if len(b) == 0 || len(a) > 0 && a[0] < b[0] {
			list, a = append(list, a[0]), a[1:]
		} else {
			list, b = append(list, b[0]), b[1:]
		}
	}
	return list
}

func TestMessageIsWhatCame(t *testing.T) {
	forEachStore(t, func(t *testing.T, b bench) {
		binary := historytest.Foreign("a topic/\u202e", "", 0)
		binary.Payload = []byte{0xff, 0x00, 0x1b, '\n'}
		empty := historytest.Foreign("empty", "", 1)
		empty.Payload = nil
		skipped := historytest.Hello("a", 9, 30)
		retained := historytest.Foreign("r", "kept at the broker", 40)
		retained.Retained, retained.QoS = true, 2
		historytest.AppendAll(t, b.local, binary, empty, historytest.Hello("a", 5, 10), skipped, historytest.Hello("a", 7, 35), retained)

		for id, want := range map[int64]stream.Message{
			1: {ID: 1, Topic: binary.Topic, Payload: binary.Payload, Received: binary.Received, Sender: binary.Topic, Delta: stream.None, DeltaAny: stream.None, Latency: stream.None},
			2: {ID: 2, Topic: "empty", Received: empty.Received, Sender: "empty", Delta: stream.None, DeltaAny: time.Millisecond, Latency: stream.None},
			3: {ID: 3, Topic: "hello_world/broadcast/a", Payload: historytest.Hello("a", 5, 10).Payload, QoS: 1, Received: historytest.Epoch.Add(10 * time.Millisecond), Sender: "a",
				Delta: stream.None, DeltaAny: 9 * time.Millisecond, Latency: 2 * time.Millisecond, Ours: true, Text: "Hello world", Color: "#7fb069", Boot: historytest.BootName(0), Seq: 5},
			4: {ID: 4, Topic: "hello_world/broadcast/a", Payload: skipped.Payload, QoS: 1, Received: historytest.Epoch.Add(30 * time.Millisecond), Sender: "a", Missed: 3,
				Delta: 20 * time.Millisecond, DeltaAny: 20 * time.Millisecond, Latency: 2 * time.Millisecond, Ours: true, Text: "Hello world", Color: "#7fb069", Boot: historytest.BootName(0), Seq: 9},
			5: {ID: 5, Topic: "hello_world/broadcast/a", Payload: historytest.Hello("a", 7, 35).Payload, QoS: 1, Received: historytest.Epoch.Add(35 * time.Millisecond), Sender: "a", Reordered: true,
				Delta: 5 * time.Millisecond, DeltaAny: 5 * time.Millisecond, Latency: 2 * time.Millisecond, Ours: true, Text: "Hello world", Color: "#7fb069", Boot: historytest.BootName(0), Seq: 7},
			6: {ID: 6, Topic: "r", Payload: retained.Payload, QoS: 2, Retained: true, Received: retained.Received, Sender: "r", Delta: stream.None, DeltaAny: stream.None, Latency: stream.None},
		} {
			got, err := b.Message(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Payload) == 0 {
				got.Payload = nil
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("message %d: %s", id, d)
			}
		}
		for _, id := range []int64{0, -1, 7} {
			if _, err := b.Message(t.Context(), id); !errors.Is(err, history.ErrNotFound) {
				t.Errorf("message %d: %v, want ErrNotFound", id, err)
			}
		}
	})
}

func TestSendersAndStats(t *testing.T) {
	forEachStore(t, func(t *testing.T, b bench) {
		historytest.AppendAll(t, b.local, historytest.Hello("a", 1, 0), historytest.Hello("a", 4, 1000), historytest.Hello("a", 3, 1500), historytest.Hello("a", 3, 1600), historytest.Foreign("x/y", "?", 1700))
		b.local.SetLink(stream.Link{State: stream.Connected, Since: historytest.Epoch})
		st, err := b.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if st.Received != 5 || st.Stored != 4 || st.Duplicates != 1 || st.Missed != 1 || st.Reordered != 1 || st.Senders != 2 ||
			st.FirstID != 1 || st.LastID != 4 || !st.Oldest.Equal(historytest.Epoch) || !st.Newest.Equal(historytest.Epoch.Add(1700*time.Millisecond)) ||
			st.Bytes == 0 || st.Link.State != stream.Connected || st.Degraded != "" {
			t.Errorf("stats %+v", st)
		}
		// What the broker says counts while there is one.
		b.local.SetBroker(stream.BrokerState{Degraded: "the broker's disk is full"})
		if st, err := b.Stats(t.Context()); err != nil || st.Degraded != "The broker's disk is full." || st.DegradedBy != history.DegradedByBroker {
			t.Errorf("degraded: %q (%v)", st.Degraded, err)
		}
		b.local.SetLink(stream.Link{State: stream.Retrying})
		if st, err := b.Stats(t.Context()); err != nil || st.Degraded != "" {
			t.Errorf("without a broker degraded: %q (%v)", st.Degraded, err)
		}
		b.local.SetLink(stream.Link{State: stream.Connected, Since: historytest.Epoch})
		senders, err := b.Senders(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(senders) != 2 || senders[0].Sender != "a" || senders[1].Sender != "x/y" {
			t.Fatalf("senders %+v", senders)
		}
		a := senders[0]
		if a.Messages != 3 || a.Missed != 1 || a.Reordered != 1 || a.Duplicates != 1 || a.Seq != 4 || a.Boot != historytest.BootName(0) || !a.Ours ||
			a.LastID != 3 || a.ExpectedMS != 5000 || a.Color != "#7fb069" || a.IntervalMS == nil || a.IntervalMS.Max != 1000 || a.LatencyMS == nil {
			t.Errorf("sender %+v", a)
		}
		intervals, err := b.Intervals(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(intervals) != 1 || intervals[0].Sender != "a" || intervals[0].MaxMS != 1000 || len(intervals[0].Counts) == 0 {
			t.Errorf("intervals %+v", intervals)
		}
	})
}

func TestFollow(t *testing.T) {
	forEachStore(t, func(t *testing.T, b bench) {
		fill(t, b.local)
		fromStart, fromNow := b.Follow(history.Follow{}), historytest.FollowNow(t, b.Store, b.greets)
		resumed := b.Follow(history.Follow{After: 290})
		onlyB := b.Follow(history.Follow{After: 280, Select: history.Select{Sender: "b"}})
		for _, f := range []history.Follower{fromStart, resumed, onlyB} {
			defer f.Close()
		}
		got, _ := historytest.Collect(t, resumed, 10)
		if d := cmp.Diff(historytest.Between(291, 300), got); d != "" {
			t.Error(d)
		}
		got, _ = historytest.Collect(t, onlyB, 7)
		if d := cmp.Diff([]int64{281, 284, 287, 290, 293, 296, 299}, got); d != "" {
			t.Error(d)
		}
		historytest.AppendAll(t, b.local, historytest.Hello("b", 1000, 4000), historytest.Hello("a", 101, 4001))
		for name, f := range map[string]history.Follower{"now": fromNow, "resumed": resumed} {
			if got, _ := historytest.Collect(t, f, 2); !cmp.Equal(got, []int64{301, 302}) {
				t.Errorf("%s: %v", name, got)
			}
		}
		if got, _ := historytest.Collect(t, onlyB, 1); !cmp.Equal(got, []int64{301}) {
			t.Errorf("only b: %v", got)
		}
		if got, _ := historytest.Collect(t, fromStart, 302); !cmp.Equal(got, historytest.Between(1, 302)) {
			t.Errorf("from the start: %d messages", len(got))
		}
	})
}

// A follower that is slower than the writer misses nothing, doubles nothing.
func TestSlowFollower(t *testing.T) {
	forEachStore(t, func(t *testing.T, b bench) {
		f := historytest.FollowNow(t, b.Store, b.greets)
		const n = 3 * 4096 // three times what the ring of events holds
		var seq atomic.Uint64
		done := make(chan error, 1)
		go func() {
			for range n / 512 {
				batch := make([]stream.Arrival, 512)
				for i := range batch {
					s := seq.Add(1)
					batch[i] = historytest.Hello("a", s, int(s))
				}
				if err := b.local.Append(context.Background(), batch); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		got, _ := historytest.Collect(t, f, n)
		if d := cmp.Diff(historytest.Between(1, n), got); d != "" {
			t.Error(d)
		}
		// It has caught up and is woken by what comes.
		go func() {
			done <- b.local.Append(context.Background(), []stream.Arrival{historytest.Hello("a", n+1, n+1)})
		}()
		if got, _ := historytest.Collect(t, f, 1); got[0] != n+1 {
			t.Errorf("then %d", got[0])
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

func TestFollowerEnds(t *testing.T) {
	forEachStore(t, func(t *testing.T, b bench) {
		f := historytest.FollowNow(t, b.Store, b.greets)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := f.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v", err)
		}
		result := make(chan error, 1)
		go func() {
			_, err := f.Next(context.Background())
			result <- err
		}()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-result:
			if !errors.Is(err, history.ErrClosed) {
				t.Errorf("closed: %v", err)
			}
		case <-time.After(time.Minute):
			t.Fatal("a follower outlives its store")
		}
		if _, err := b.Messages(t.Context(), history.Query{}); !errors.Is(err, history.ErrClosed) {
			t.Errorf("page of a closed store: %v", err)
		}
	})
}

// What a broker retains tells a state and no time at which its sender was alive,
// in a store that was filled, and in every event.
func TestRetainedIsNoSignOfLife(t *testing.T) {
	forEachStore(t, func(t *testing.T, b bench) {
		b.local.SetLink(stream.Link{State: stream.Connected})
		f := historytest.FollowNow(t, b.Store, b.greets)
		offline := historytest.Foreign("plant/dead/LWT", "Offline", 0)
		offline.Retained = true
		for range 3 { // three subscriptions
			historytest.AppendAll(t, b.local, offline)
		}
		ours := historytest.Hello("press-1", 7, 1)
		ours.Retained = true
		historytest.AppendAll(t, b.local, ours, ours)
		historytest.Collect(t, f, 2)
		senders, err := b.Senders(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(senders) != 2 {
			t.Errorf("%d senders", len(senders))
		}
		for _, s := range senders {
			text, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			if s.State != stream.Unknown || s.Messages != 1 || s.Duplicates != 0 || s.Rates != (stream.Rates{}) ||
				bytes.Contains(text, []byte("last_seen")) || bytes.Contains(text, []byte("since")) || bytes.Contains(text, []byte("0001-")) {
				t.Errorf("%s", text)
			}
		}
		stats, err := b.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if stats.Received != 2 || stats.Stored != 2 || stats.Duplicates != 0 {
			t.Errorf("received %d, stored %d, duplicates %d", stats.Received, stats.Stored, stats.Duplicates)
		}
	})
}

func TestSenderAndLinkEvents(t *testing.T) {
	forEachStore(t, func(t *testing.T, b bench) {
		b.local.SetLink(stream.Link{State: stream.Connected})
		f := historytest.FollowNow(t, b.Store, b.greets)
		now := historytest.Hello("a", 1, 0)
		now.Received = time.Now()
		historytest.AppendAll(t, b.local, now)
		historytest.AppendAll(t, b.local, stream.Arrival{Topic: stream.PresenceTopic("a"), Payload: []byte(`{"state":"gone","boot":"` + historytest.BootName(0) + `"}`), Received: time.Now(), Ack: historytest.Nothing})
		b.local.SetLink(stream.Link{State: stream.Retrying, Cause: "the broker went away"})
		historytest.AppendAll(t, b.local, historytest.Hello("b", 1, 2000))
		_, others := historytest.Collect(t, f, 2)
		var states []stream.State
		var links []stream.LinkState
		for _, e := range others {
			if e.Sender != nil && e.Sender.Sender == "a" {
				states = append(states, e.Sender.State)
			}
			if e.Link != nil {
				links = append(links, e.Link.State)
			}
		}
		if d := cmp.Diff([]stream.State{stream.OnTime, stream.Gone, stream.Unknown}, states); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]stream.LinkState{stream.Retrying}, links); d != "" {
			t.Error(d)
		}
	})
}
