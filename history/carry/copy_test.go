package carry_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"hellox/history"
	"hellox/history/carry"
	"hellox/history/historytest"
	"hellox/history/jetstream"
	"hellox/history/sqlite"
	"hellox/stream"
)

// A place is where a history of one kind is.
type place struct {
	path string       // of SQLite
	conn *natsgo.Conn // else of JetStream
}

func newPlace(t *testing.T, kind string) place {
	t.Helper()
	if kind == "sqlite" {
		return place{path: filepath.Join(t.TempDir(), "history.db")}
	}
	s, err := server.NewServer(&server.Options{ServerName: "one", DontListen: true, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("nats-server does not start")
	}
	c, err := natsgo.Connect("", natsgo.InProcessServer(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return place{conn: c}
}

func (p place) open(t *testing.T, keep int64) historytest.Appender {
	t.Helper()
	s, err := p.tryOpen(t, keep)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (p place) tryOpen(t *testing.T, keep int64) (historytest.Appender, error) {
	if p.conn == nil {
		return sqlite.Open(t.Context(), p.path, sqlite.Options{Keep: keep})
	}
	return jetstream.Open(t.Context(), p.conn, jetstream.Options{Keep: keep, Replicas: 1})
}

func (p place) source(t *testing.T) carry.Source {
	t.Helper()
	var s carry.Source
	var err error
	if p.conn == nil {
		s, err = sqlite.OpenSource(t.Context(), p.path)
	} else {
		s, err = jetstream.OpenSource(t.Context(), p.conn, jetstream.Options{Replicas: 1})
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (p place) target(t *testing.T, plan *carry.Plan) (carry.Target, error) {
	if p.conn == nil {
		return sqlite.Import(t.Context(), p.path, plan.Source)
	}
	return jetstream.Import(t.Context(), p.conn, jetstream.Options{Replicas: 1}, plan.First, plan.Source)
}

// errKilled is the error of a copy that ends in the middle.
var errKilled = errors.New("killed")

// A killed target takes so many pages.
type killed struct {
	carry.Target
	pages int
}

func (k *killed) Add(ctx context.Context, messages []stream.Message) error {
	if k.pages--; k.pages < 0 {
		return errKilled
	}
	return k.Target.Add(ctx, messages)
}

// copyAll copies, ends it after one page, and goes on until it is done.
func copyAll(t *testing.T, from, to place, name string) *carry.Result {
	t.Helper()
	for {
		source := from.source(t)
		plan, err := carry.Prepare(t.Context(), source, name)
		if err != nil {
			t.Fatal(err)
		}
		target, err := to.target(t, plan)
		if err != nil {
			t.Fatal(err)
		}
		err = plan.Copy(t.Context(), source, &killed{target, 1}, func(uint64, uint64) {})
		if errors.Is(err, errKilled) {
			target.Close()
			source.Close()
			if s, err := to.tryOpen(t, 0); err == nil || !strings.Contains(err.Error(), history.ErrUnfinished.Error()) {
				t.Errorf("an unfinished copy is opened: %v, %v", s, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		r, err := plan.Verify(t.Context(), source, target, func(uint64, uint64) {})
		if err != nil {
			t.Fatal(err)
		}
		target.Close()
		source.Close()
		return r
	}
}

// contents are all messages, and what is counted.
func contents(t *testing.T, s history.Store) []string {
	t.Helper()
	p, err := s.Messages(t.Context(), history.Query{FromStart: true, Limit: history.MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for i := range p.Messages {
		all = append(all, string(p.Messages[i].AppendJSON(nil)))
	}
	st, err := s.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all = append(all, fmt.Sprint(st.Received, st.Stored, st.Duplicates, st.Missed, st.Reordered, st.Evicted, st.FirstID, st.LastID, st.Oldest, st.Newest))
	senders, err := s.Senders(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range senders {
		all = append(all, fmt.Sprint(one.Sender, one.Messages, one.Missed, one.Reordered, one.Duplicates, one.LastID, one.Seq, one.Boot))
	}
	return all
}

// fill appends three pages and a half of messages, with gaps, duplicates and late ones.
func fill(t *testing.T, s historytest.Appender) {
	t.Helper()
	for i := 0; i < 3500; i += 50 {
		var some []stream.Arrival
		for k := i; k < i+50; k++ {
			some = append(some, historytest.Hello(fmt.Sprintf("broadcast-%d", k%7), uint64(1+k/7+k/70), k))
			switch k % 20 {
			case 3:
				some = append(some, some[len(some)-1])
			case 9:
				some[len(some)-1] = historytest.Foreign("plant/"+fmt.Sprint(k%3), strings.Repeat("x", k%90), k)
			}
		}
		historytest.AppendAll(t, s, some...)
	}
}

// TestCopy carries a history to the other kind, and back to the first one, ended after
// each page: what is read and counted there is the same, and the next message has the
// next ID.
func TestCopy(t *testing.T) {
	for _, kinds := range [][]string{{"sqlite", "jetstream", "sqlite"}, {"jetstream", "sqlite", "jetstream"}} {
		t.Run(kinds[0], func(t *testing.T) {
			from := newPlace(t, kinds[0])
			s := from.open(t, 0)
			fill(t, s)
			want := contents(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			last := int64(3500)
			for _, kind := range kinds[1:] {
				to := newPlace(t, kind)
				r := copyAll(t, from, to, "it")
				if r.Messages != uint64(last) || r.LeftOut != 0 || r.Damaged != 0 || r.First != 1 || r.Last != last {
					t.Errorf("copied %+v", r)
				}
				s := to.open(t, 0)
				if d := cmp.Diff(want, contents(t, s)); d != "" {
					t.Errorf("in %s: %s", kind, d)
				}
				// It knows what it has, and goes on.
				historytest.AppendAll(t, s, historytest.Hello("broadcast-3", 2, 5000), historytest.Hello("broadcast-3", uint64(1000+last), 5001))
				if last++; !strings.Contains(strings.Join(contents(t, s), "\n"), fmt.Sprintf(`{"id":%d,`, last)) {
					t.Errorf("the next message is not %d", last)
				}
				want = contents(t, s)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				from = to
			}
		})
	}
}

// TestCopyGaps copies a history of which the oldest messages were evicted, and some in
// the middle and the newest are lost: all IDs stay, also those that are missing.
func TestCopyGaps(t *testing.T) {
	from := newPlace(t, "jetstream")
	s := from.open(t, 0)
	fill(t, s)
	js := from.stream(t)
	if err := js.Purge(t.Context(), natsjs.WithPurgeSequence(401)); err != nil {
		t.Fatal(err)
	}
	missing := append(historytest.Between(1200, 1205), 2000, 3499, 3500)
	for _, id := range missing {
		if err := js.DeleteMsg(t.Context(), uint64(id)); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	var want []int64
	for _, id := range historytest.Between(401, 3500) {
		if !slices.Contains(missing, id) {
			want = append(want, id)
		}
	}
	for _, kind := range []string{"sqlite", "jetstream", "sqlite"} {
		to := newPlace(t, kind)
		r := copyAll(t, from, to, "it")
		if r.Messages != uint64(len(want)) || r.LeftOut != 7 || r.First != 401 || r.Last != 3498 {
			t.Errorf("copied to %s: %+v", kind, r)
		}
		s := to.open(t, 0)
		if d := cmp.Diff(want, historytest.PageAll(t, s, history.Query{FromStart: true, Limit: 500})); d != "" {
			t.Errorf("in %s: %s", kind, d)
		}
		if d := cmp.Diff(want, historytest.PageAll(t, s, history.Query{Limit: 500})); d != "" {
			t.Errorf("backward in %s: %s", kind, d)
		}
		since := historytest.Epoch.Add(2001 * time.Millisecond)
		p, err := s.Messages(t.Context(), history.Query{FromStart: true, Since: since, Limit: 3})
		if err != nil || len(p.Messages) != 3 || p.Messages[0].Received.Before(since) {
			t.Errorf("since a time in a gap: %v, %v", p.Messages, err)
		}
		if st, err := s.Stats(t.Context()); err != nil || st.Stored != 3500 || st.Evicted != uint64(3500-len(want)) {
			t.Errorf("in %s: %+v, %v", kind, st, err)
		}
		s.Close()
		from = to
	}
}

// TestCopyRefuses names targets and sources that are left as they are.
func TestCopyRefuses(t *testing.T) {
	from := newPlace(t, "sqlite")
	s := from.open(t, 0)
	fill(t, s)
	s.Close()
	source := from.source(t)
	defer source.Close()
	plan, err := carry.Prepare(t.Context(), source, "it")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"sqlite", "jetstream"} {
		full := newPlace(t, kind)
		s := full.open(t, 0)
		historytest.AppendAll(t, s, historytest.Hello("a", 1, 1))
		s.Close()
		if _, err := full.target(t, plan); !errors.Is(err, history.ErrNotEmpty) {
			t.Errorf("to a %s that is not empty: %v", kind, err)
		}
		other := newPlace(t, kind)
		begun, err := other.target(t, &carry.Plan{First: 1, Source: "another one"})
		if err != nil {
			t.Fatal(err)
		}
		begun.Close()
		if _, err := other.target(t, plan); !errors.Is(err, history.ErrOtherCopy) {
			t.Errorf("to an unfinished copy of another one in %s: %v", kind, err)
		}
		// One that a receiver has made and stored nothing in is empty.
		empty := newPlace(t, kind)
		empty.open(t, 0).Close()
		later, err := empty.target(t, &carry.Plan{First: 77, Source: plan.Source})
		if err != nil || later.Last() != 76 && later.Last() != 0 {
			t.Errorf("to an empty %s: %v", kind, err)
		}
		later.Close()
	}
	if _, err := sqlite.OpenSource(t.Context(), filepath.Join(t.TempDir(), "no")); !errors.Is(err, history.ErrNoHistory) {
		t.Errorf("of no file: %v", err)
	}
	if _, err := jetstream.OpenSource(t.Context(), newPlace(t, "jetstream").conn, jetstream.Options{Replicas: 1}); !errors.Is(err, history.ErrNoHistory) {
		t.Errorf("of no stream: %v", err)
	}
}

// TestCopyEndedLate ends a copy when all is copied and nothing is compared: the next one
// compares. One that was used since is left as it is.
func TestCopyEndedLate(t *testing.T) {
	for _, kinds := range [][]string{{"sqlite", "jetstream"}, {"jetstream", "sqlite"}} {
		from, to := newPlace(t, kinds[0]), newPlace(t, kinds[1])
		s := from.open(t, 0)
		fill(t, s)
		s.Close()
		source := from.source(t)
		plan, err := carry.Prepare(t.Context(), source, "it")
		if err != nil {
			t.Fatal(err)
		}
		for _, done := range []bool{false, true, true} {
			target, err := to.target(t, plan)
			if err != nil {
				t.Fatalf("to %s, done %t: %v", kinds[1], done, err)
			}
			if target.Done() != done {
				t.Errorf("to %s: done is %t, want %t", kinds[1], target.Done(), done)
			}
			if !done {
				err = plan.Copy(t.Context(), source, target, func(uint64, uint64) {})
			} else {
				_, err = plan.Verify(t.Context(), source, target, func(uint64, uint64) {})
			}
			if err != nil {
				t.Errorf("to %s, done %t: %v", kinds[1], done, err)
			}
			target.Close()
		}
		source.Close()
		if _, err := to.target(t, &carry.Plan{First: 1, Source: "another one"}); !errors.Is(err, history.ErrNotEmpty) {
			t.Errorf("another one to %s: %v", kinds[1], err)
		}
		s = to.open(t, 0)
		historytest.AppendAll(t, s, historytest.Hello("broadcast-3", 5000, 5000))
		s.Close()
		source = from.source(t)
		target, err := to.target(t, plan)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := plan.Verify(t.Context(), source, target, func(uint64, uint64) {}); !errors.Is(err, carry.ErrDiffers) {
			t.Errorf("to %s, which was used since: %v", kinds[1], err)
		}
		target.Close()
		source.Close()
	}
}

// TestCopyEvicts copies to streams that have no room for all: the newest are there, with
// their IDs, and that the oldest are not is told.
func TestCopyEvicts(t *testing.T) {
	from, to := newPlace(t, "sqlite"), newPlace(t, "jetstream")
	s := from.open(t, 0)
	fill(t, s)
	s.Close()
	source := from.source(t)
	defer source.Close()
	plan, err := carry.Prepare(t.Context(), source, "it")
	if err != nil {
		t.Fatal(err)
	}
	const keep = 1 << 20
	target, err := jetstream.Import(t.Context(), to.conn, jetstream.Options{Replicas: 1, Keep: keep}, plan.First, plan.Source)
	if err != nil {
		t.Fatal(err)
	}
	if err := plan.Copy(t.Context(), source, target, func(uint64, uint64) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := plan.Verify(t.Context(), source, target, func(uint64, uint64) {}); !errors.Is(err, carry.ErrDiffers) {
		t.Errorf("messages were evicted, and are not missed: %v", err)
	}
	plan.Evicts = true
	r, err := plan.Verify(t.Context(), source, target, func(uint64, uint64) {})
	if err != nil || r.Evicted == 0 || r.First != int64(1+r.Evicted) || r.Last != 3500 || r.Messages != 3500-r.Evicted {
		t.Fatalf("copied %+v, %v", r, err)
	}
	target.Close()
	s = to.open(t, keep)
	defer s.Close()
	if d := cmp.Diff(historytest.Between(r.First, 3500), historytest.PageAll(t, s, history.Query{FromStart: true, Limit: 500})); d != "" {
		t.Error(d)
	}
	if st, err := s.Stats(t.Context()); err != nil || st.Stored != 3500 || st.Evicted != r.Evicted {
		t.Errorf("%+v, %v", st, err)
	}
}

// paged is a store that notes how many messages and bytes of payload its pages have.
type paged struct {
	carry.Source
	most, bytes int
}

func (s *paged) Messages(ctx context.Context, q history.Query) (history.Page, error) {
	p, err := s.Source.Messages(ctx, q)
	size := 0
	for i := range p.Messages {
		size += len(p.Messages[i].Payload)
	}
	s.most, s.bytes = max(s.most, len(p.Messages)), max(s.bytes, size)
	return p, err
}

// TestCopyLarge copies large payloads a few at a time: a Job has little memory. Small ones
// are read many at once.
func TestCopyLarge(t *testing.T) {
	for _, c := range []struct{ payload, messages, atLeast, mostBytes int }{{200 << 10, 200, 16, 25 << 20}, {100, 5000, 1000, 1 << 20}} {
		from, to := newPlace(t, "sqlite"), newPlace(t, "sqlite")
		s := from.open(t, 0)
		payload := strings.Repeat("x", c.payload)
		for i := 0; i < c.messages; i += 50 {
			var some []stream.Arrival
			for k := i; k < i+50; k++ {
				some = append(some, historytest.Foreign("plant/1", payload, k))
			}
			historytest.AppendAll(t, s, some...)
		}
		s.Close()
		source := &paged{Source: from.source(t)}
		plan, err := carry.Prepare(t.Context(), source, "it")
		if err != nil {
			t.Fatal(err)
		}
		target, err := to.target(t, plan)
		if err != nil {
			t.Fatal(err)
		}
		if err := plan.Copy(t.Context(), source, target, func(uint64, uint64) {}); err != nil {
			t.Fatal(err)
		}
		if r, err := plan.Verify(t.Context(), source, target, func(uint64, uint64) {}); err != nil || r.Messages != uint64(c.messages) {
			t.Errorf("%+v: %+v, %v", c, r, err)
		}
		if source.bytes > c.mostBytes || source.most < c.atLeast {
			t.Errorf("%+v: a page had %d messages, one had %d bytes", c, source.most, source.bytes)
		}
		target.Close()
		source.Close()
	}
}

// TestVerify changes a copy: that is told.
func TestVerify(t *testing.T) {
	from, to := newPlace(t, "jetstream"), newPlace(t, "sqlite")
	s := from.open(t, 0)
	fill(t, s)
	s.Close()
	copyAll(t, from, to, "it")
	if err := from.stream(t).DeleteMsg(t.Context(), 1234); err != nil {
		t.Fatal(err)
	}
	source, target := from.source(t), to.source(t)
	defer source.Close()
	defer target.Close()
	plan, err := carry.Prepare(t.Context(), source, "it")
	if err != nil {
		t.Fatal(err)
	}
	if r, err := plan.Verify(t.Context(), source, target, func(uint64, uint64) {}); !errors.Is(err, carry.ErrDiffers) {
		t.Errorf("%+v, %v", r, err)
	}
}

// stream is a stream of JetStream as its owner sees it.
func (p place) stream(t *testing.T) natsjs.Stream {
	t.Helper()
	js, err := natsjs.New(p.conn)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), "HELLOX_HISTORY")
	if err != nil {
		t.Fatal(err)
	}
	return s
}
