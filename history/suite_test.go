package history

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"hellox/stream"
)

// A bench is a store under test: what is appended to local is read from Store.
type bench struct {
	Store
	local  appender
	greets bool // it tells by a first event when it has begun to follow
}

// forEachStore runs a test of the suite over every kind of Store.
func forEachStore(t *testing.T, f func(t *testing.T, b bench)) {
	t.Run("live", func(t *testing.T) {
		l := NewLive(LiveOptions{})
		t.Cleanup(func() { l.Close() })
		f(t, bench{l, l, false})
	})
	t.Run("sqlite", func(t *testing.T) {
		s, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "history.db"), Options{})
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
		l := NewLive(LiveOptions{})
		t.Cleanup(func() { l.Close() })
		server := httptest.NewServer(receiver(l))
		t.Cleanup(server.Close)
		r, err := OpenRemote(t.Context(), server.URL, RemoteOptions{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		f(t, bench{r, l, true})
	})
}

// fill appends 300 messages of three senders: a, b and the topic other/c.
func fill(t *testing.T, a appender) {
	t.Helper()
	var batch []stream.Arrival
	for i := range 100 {
		batch = append(batch, hello("a", uint64(i+1), 30*i), hello("b", uint64(2*i+1), 30*i+10), foreign("other/c", fmt.Sprintf(`{"n":%d}`, i), 30*i+20))
		if len(batch) > 40 {
			appendAll(t, a, batch...)
			batch = nil
		}
	}
	appendAll(t, a, batch...)
}

func TestPages(t *testing.T) {
	filter := func(expression string) *stream.Filter {
		f, err := stream.ParseFilter(expression)
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
	at := func(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }
	forEachStore(t, func(t *testing.T, b bench) {
		fill(t, b.local)
		for _, c := range []struct {
			name string
			q    Query
			want []int64
		}{
			{"all forward", Query{FromStart: true}, between(1, 300)},
			{"all backward", Query{}, between(1, 300)},
			{"after", Query{After: 250, Limit: 7}, between(251, 300)},
			{"before", Query{Before: 52, Limit: 7}, between(1, 51)},
			{"after the newest", Query{After: 300}, []int64{}},
			{"after one that never was", Query{After: 4000}, []int64{}},
			{"before the oldest", Query{Before: 1}, []int64{}},
			{"between", Query{After: 10, Before: 20, Limit: 4}, between(11, 19)},
			{"since", Query{FromStart: true, Since: at(30*50 + 10)}, between(152, 300)},
			{"since is inclusive, until is not", Query{Since: at(10), Until: at(50)}, between(2, 5)},
			{"until before all", Query{Until: at(-1)}, []int64{}},
			{"since after all", Query{Since: at(1_000_000)}, []int64{}},
			{"sender", Query{FromStart: true, Select: Select{Sender: "a"}, Limit: 9}, every3(1)},
			{"sender backward", Query{Select: Select{Sender: "b"}, Limit: 9}, every3(2)},
			{"a topic as sender", Query{Select: Select{Sender: "other/c"}}, every3(3)},
			{"sender that never was", Query{Select: Select{Sender: "nobody"}}, []int64{}},
			{"sender between", Query{After: 100, Before: 110, Select: Select{Sender: "a"}}, []int64{103, 106, 109}},
			{"sender before", Query{Before: 10, Limit: 2, Select: Select{Sender: "a"}}, []int64{1, 4, 7}},
			{"topic", Query{FromStart: true, Select: Select{Topics: []string{"other/#"}}, Limit: 50}, every3(3)},
			{"topics", Query{Limit: 11, Select: Select{Topics: []string{"other/+", "hello_world/broadcast/+"}}}, between(1, 300)},
			{"topic and another sender", Query{Select: Select{Topics: []string{"other/c"}, Sender: "a"}}, []int64{}},
			{"filter by sender", Query{FromStart: true, Select: Select{Filter: filter("sender:b")}, Limit: 9}, every3(2)},
			{"filter by property", Query{FromStart: true, Select: Select{Filter: filter("is:missed")}, Limit: 9}, every3(2)[1:]},
			{"not", Query{Limit: 9, Select: Select{Filter: filter("-sender:b -is:ours")}}, every3(3)},
			{"or", Query{FromStart: true, Select: Select{Filter: filter("sender:b or topic:other/#")}}, append([]int64{}, merged(every3(2), every3(3))...)},
			{"payload", Query{Select: Select{Filter: filter("payload.n>=98")}}, []int64{297, 300}},
			{"word", Query{Select: Select{Filter: filter("HELLO")}, FromStart: true}, merged(every3(1), every3(2))},
			{"delta", Query{Select: Select{Filter: filter("delta>=30ms is:ours sender:a")}, FromStart: true}, every3(1)[1:]},
			{"latency", Query{Select: Select{Filter: filter("latency>=3ms")}}, []int64{}},
			{"age", Query{Select: Select{Filter: filter("age>1ms age<10h sender:a")}}, every3(1)},
			{"too young", Query{Select: Select{Filter: filter("age<1ms")}}, []int64{}},
			{"size", Query{Select: Select{Filter: filter("size<9 qos=0")}}, every3(3)[:100]},
		} {
			t.Run(c.name, func(t *testing.T) {
				if d := cmp.Diff(c.want, pageAll(t, b, c.q)); d != "" {
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
		binary := foreign("a topic/\u202e", "", 0)
		binary.Payload = []byte{0xff, 0x00, 0x1b, '\n'}
		empty := foreign("empty", "", 1)
		empty.Payload = nil
		skipped := hello("a", 9, 30)
		retained := foreign("r", "kept at the broker", 40)
		retained.Retained, retained.QoS = true, 2
		appendAll(t, b.local, binary, empty, hello("a", 5, 10), skipped, hello("a", 7, 35), retained)

		for id, want := range map[int64]stream.Message{
			1: {ID: 1, Topic: binary.Topic, Payload: binary.Payload, Received: binary.Received, Sender: binary.Topic, Delta: stream.None, DeltaAny: stream.None, Latency: stream.None},
			2: {ID: 2, Topic: "empty", Received: empty.Received, Sender: "empty", Delta: stream.None, DeltaAny: time.Millisecond, Latency: stream.None},
			3: {ID: 3, Topic: "hello_world/broadcast/a", Payload: hello("a", 5, 10).Payload, QoS: 1, Received: epoch.Add(10 * time.Millisecond), Sender: "a",
				Delta: stream.None, DeltaAny: 9 * time.Millisecond, Latency: 2 * time.Millisecond, Ours: true, Text: "Hello world", Color: "#7fb069", Boot: bootName(0), Seq: 5},
			4: {ID: 4, Topic: "hello_world/broadcast/a", Payload: skipped.Payload, QoS: 1, Received: epoch.Add(30 * time.Millisecond), Sender: "a", Missed: 3,
				Delta: 20 * time.Millisecond, DeltaAny: 20 * time.Millisecond, Latency: 2 * time.Millisecond, Ours: true, Text: "Hello world", Color: "#7fb069", Boot: bootName(0), Seq: 9},
			5: {ID: 5, Topic: "hello_world/broadcast/a", Payload: hello("a", 7, 35).Payload, QoS: 1, Received: epoch.Add(35 * time.Millisecond), Sender: "a", Reordered: true,
				Delta: 5 * time.Millisecond, DeltaAny: 5 * time.Millisecond, Latency: 2 * time.Millisecond, Ours: true, Text: "Hello world", Color: "#7fb069", Boot: bootName(0), Seq: 7},
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
			if _, err := b.Message(t.Context(), id); !errors.Is(err, ErrNotFound) {
				t.Errorf("message %d: %v, want ErrNotFound", id, err)
			}
		}
	})
}

func TestSendersAndStats(t *testing.T) {
	forEachStore(t, func(t *testing.T, b bench) {
		appendAll(t, b.local, hello("a", 1, 0), hello("a", 4, 1000), hello("a", 3, 1500), hello("a", 3, 1600), foreign("x/y", "?", 1700))
		b.local.SetLink(stream.Link{State: stream.Connected, Since: epoch})
		st, err := b.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if st.Received != 5 || st.Kept != 4 || st.Duplicates != 1 || st.Missed != 1 || st.Reordered != 1 || st.Senders != 2 ||
			st.FirstID != 1 || st.LastID != 4 || !st.Oldest.Equal(epoch) || !st.Newest.Equal(epoch.Add(1700*time.Millisecond)) ||
			st.Bytes == 0 || st.Link.State != stream.Connected || st.Degraded != "" {
			t.Errorf("stats %+v", st)
		}
		senders, err := b.Senders(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(senders) != 2 || senders[0].Sender != "a" || senders[1].Sender != "x/y" {
			t.Fatalf("senders %+v", senders)
		}
		a := senders[0]
		if a.Messages != 3 || a.Missed != 1 || a.Reordered != 1 || a.Duplicates != 1 || a.Seq != 4 || a.Boot != bootName(0) || !a.Ours ||
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
		fromStart, fromNow := b.Follow(Follow{}), followNow(t, b.Store, b.greets)
		resumed := b.Follow(Follow{After: 290})
		onlyB := b.Follow(Follow{After: 280, Select: Select{Sender: "b"}})
		for _, f := range []Follower{fromStart, resumed, onlyB} {
			defer f.Close()
		}
		got, _ := collect(t, resumed, 10)
		if d := cmp.Diff(between(291, 300), got); d != "" {
			t.Error(d)
		}
		got, _ = collect(t, onlyB, 7)
		if d := cmp.Diff([]int64{281, 284, 287, 290, 293, 296, 299}, got); d != "" {
			t.Error(d)
		}
		appendAll(t, b.local, hello("b", 1000, 4000), hello("a", 101, 4001))
		for name, f := range map[string]Follower{"now": fromNow, "resumed": resumed} {
			if got, _ := collect(t, f, 2); !cmp.Equal(got, []int64{301, 302}) {
				t.Errorf("%s: %v", name, got)
			}
		}
		if got, _ := collect(t, onlyB, 1); !cmp.Equal(got, []int64{301}) {
			t.Errorf("only b: %v", got)
		}
		if got, _ := collect(t, fromStart, 302); !cmp.Equal(got, between(1, 302)) {
			t.Errorf("from the start: %d messages", len(got))
		}
	})
}

// A follower that is slower than the writer misses nothing, doubles nothing.
func TestSlowFollower(t *testing.T) {
	forEachStore(t, func(t *testing.T, b bench) {
		f := followNow(t, b.Store, b.greets)
		const n = 3 * 4096 // three times what the ring of events holds
		var seq atomic.Uint64
		done := make(chan error, 1)
		go func() {
			for range n / 512 {
				batch := make([]stream.Arrival, 512)
				for i := range batch {
					s := seq.Add(1)
					batch[i] = hello("a", s, int(s))
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
		got, _ := collect(t, f, n)
		if d := cmp.Diff(between(1, n), got); d != "" {
			t.Error(d)
		}
		// It has caught up and is woken by what comes.
		go func() { done <- b.local.Append(context.Background(), []stream.Arrival{hello("a", n+1, n+1)}) }()
		if got, _ := collect(t, f, 1); got[0] != n+1 {
			t.Errorf("then %d", got[0])
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

func TestFollowerEnds(t *testing.T) {
	forEachStore(t, func(t *testing.T, b bench) {
		f := followNow(t, b.Store, b.greets)
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
			if !errors.Is(err, ErrClosed) {
				t.Errorf("closed: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("a follower outlives its store")
		}
		if _, err := b.Messages(t.Context(), Query{}); !errors.Is(err, ErrClosed) {
			t.Errorf("page of a closed store: %v", err)
		}
	})
}

func TestSenderAndLinkEvents(t *testing.T) {
	forEachStore(t, func(t *testing.T, b bench) {
		f := followNow(t, b.Store, b.greets)
		now := hello("a", 1, 0)
		now.Received = time.Now()
		appendAll(t, b.local, now)
		appendAll(t, b.local, stream.Arrival{Topic: stream.PresenceTopic("a"), Payload: []byte(`{"state":"gone","boot":"` + bootName(0) + `"}`), Received: time.Now(), Ack: nothing})
		b.local.SetLink(stream.Link{State: stream.Retrying, Cause: "the broker went away"})
		appendAll(t, b.local, hello("b", 1, 2000))
		_, others := collect(t, f, 2)
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
		if d := cmp.Diff([]stream.State{stream.OnTime, stream.Gone}, states); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]stream.LinkState{stream.Retrying}, links); d != "" {
			t.Error(d)
		}
	})
}
