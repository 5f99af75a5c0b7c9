package jetstream_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"hellox/history"
	"hellox/history/historytest"
	"hellox/history/jetstream"
	"hellox/history/memory"
	"hellox/stream"
	"hellox/stream/subject"
)

// A rig is a nats-server with the stream that the broker fills.
type rig struct {
	t      testing.TB
	server *server.Server
	js     natsjs.JetStream
}

func newRig(t testing.TB) *rig {
	t.Helper()
	s, err := server.NewServer(&server.Options{ServerName: "one", DontListen: true, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	r := &rig{t: t, server: s}
	t.Cleanup(r.stop)
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("nats-server does not start")
	}
	if r.js, err = natsjs.New(r.connect()); err != nil {
		t.Fatal(err)
	}
	_, err = r.js.CreateStream(t.Context(), natsjs.StreamConfig{Name: subject.MessagesStream, Subjects: []string{subject.MessagesPrefix + ">"}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) stop() {
	r.server.Shutdown()
	r.server.WaitForShutdown()
}

func (r *rig) connect() *natsgo.Conn {
	r.t.Helper()
	c, err := natsgo.Connect("", natsgo.InProcessServer(r.server), natsgo.NoReconnect())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(c.Close)
	return c
}

// publish does what the broker does with an acknowledged message.
func (r *rig) publish(arrivals ...stream.Arrival) {
	r.t.Helper()
	for i := range arrivals {
		s, err := subject.Of(arrivals[i].Topic)
		if err != nil {
			r.t.Fatal(err)
		}
		m := &natsgo.Msg{Subject: subject.MessagesPrefix + s, Data: arrivals[i].Payload, Header: natsgo.Header{"Nmqtt-Pub": {"1"}}}
		if _, err := r.js.PublishMsgAsync(m); err != nil {
			r.t.Fatal(err)
		}
	}
	select {
	case <-r.js.PublishAsyncComplete():
	case <-time.After(time.Minute):
		r.t.Fatal("the broker's stream does not answer")
	}
}

// open opens a receiver's store, with a connection of its own.
func (r *rig) open(o jetstream.Options) (*jetstream.Store, *natsgo.Conn) {
	r.t.Helper()
	c := r.connect()
	s, err := jetstream.Open(r.t.Context(), c, o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = s.Close() })
	return s, c
}

// until waits for a condition. The bound is a guard against a test that hangs.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so within a minute: %s", what)
		}
	}
}

func lastID(t testing.TB, s history.Store) int64 {
	t.Helper()
	st, err := s.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st.LastID
}

// messages are broadcasts of three senders with gaps, duplicates and some that come
// late, and others between.
func messages(n int) (all []stream.Arrival, distinct int) {
	for i := range n {
		seq := uint64(i/3 + 1 + i/30) // jumps over one now and then
		all = append(all, historytest.Hello(fmt.Sprintf("broadcast-%d", i%3), seq, i))
		distinct++
		switch i % 10 {
		case 4:
			all = append(all, all[len(all)-1]) // again
		case 7:
			all = append(all, historytest.Foreign("hello_world/other", fmt.Sprint(i), i))
			distinct++
		}
	}
	return all, distinct
}

// check compares s with a store that was given the same messages, at the times at
// which the broker's stream got them, by one receiver that never stopped.
func (r *rig) check(s *jetstream.Store, distinct int) {
	r.t.Helper()
	until(r.t, fmt.Sprintf("%d messages are stored", distinct), func() bool { return lastID(r.t, s) >= int64(distinct) })
	want := memory.New(0)
	defer want.Close()
	from, err := r.js.Stream(r.t.Context(), subject.MessagesStream)
	if err != nil {
		r.t.Fatal(err)
	}
	for seq := uint64(1); seq <= from.CachedInfo().State.LastSeq; seq++ {
		m, err := from.GetMsg(r.t.Context(), seq)
		if err != nil {
			r.t.Fatal(err)
		}
		historytest.AppendAll(r.t, want, stream.Arrival{Topic: subject.Topic(m.Subject[len(subject.MessagesPrefix):]), Payload: m.Data, QoS: 1, Received: m.Time, Ack: historytest.Nothing})
	}
	pages := func(s history.Store) []stream.Message {
		p, err := s.Messages(r.t.Context(), history.Query{FromStart: true, Limit: history.MaxLimit})
		if err != nil {
			r.t.Fatal(err)
		}
		return p.Messages
	}
	got, expected := pages(s), pages(want)
	if len(got) != len(expected) {
		r.t.Fatalf("%d messages are stored, want %d", len(got), len(expected))
	}
	for i := range got {
		if g, w := string(got[i].AppendJSON(nil)), string(expected[i].AppendJSON(nil)); g != w {
			r.t.Fatalf("message %d is\n%s, want\n%s", i, g, w)
		}
	}
	a, errA := s.Stats(r.t.Context())
	b, errB := want.Stats(r.t.Context())
	if errA != nil || errB != nil || a.Missed != b.Missed || a.Reordered != b.Reordered || a.Stored != b.Stored || a.Duplicates != b.Duplicates {
		r.t.Errorf("missed %d, reordered %d, stored %d, duplicates %d, want %d, %d, %d, %d (%v, %v)",
			a.Missed, a.Reordered, a.Stored, a.Duplicates, b.Missed, b.Reordered, b.Stored, b.Duplicates, errA, errB)
	}
}

// TestIndexerIsKilled ends the indexer without a word, at another place each time: the
// next one goes on where it was, and nothing is stored twice or counted differently.
func TestIndexerIsKilled(t *testing.T) {
	r := newRig(t)
	all, distinct := messages(1500)
	published := 0
	for kill := range 6 {
		s, c := r.open(jetstream.Options{Topics: []string{stream.TopicStream}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { s.Index(ctx); close(done) }()
		r.publish(all[published : published+200]...)
		published += 200
		least := int64(100 * (kill + 1)) // somewhere in the middle of it
		until(t, "some are stored", func() bool { return lastID(t, s) >= least })
		c.Close() // no checkpoint, no lease given back
		cancel()
		<-done
		if err := r.js.DeleteKeyValue(t.Context(), "HELLOX_LEASE"); err != nil { // as if its time were over
			t.Fatal(err)
		}
	}
	s, _ := r.open(jetstream.Options{Topics: []string{stream.TopicStream}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go s.Index(ctx)
	r.publish(all[published:]...)
	r.check(s, distinct)
	other, _ := r.open(jetstream.Options{})
	r.check(other, distinct)
}

// TestTwoIndexers takes the lease away again and again while its holder appends: two
// receivers take themselves for the indexer, and one of them fails.
func TestTwoIndexers(t *testing.T) {
	r := newRig(t)
	all, distinct := messages(1500)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{}, 2)
	var stores []*jetstream.Store
	for range 2 {
		s, _ := r.open(jetstream.Options{})
		stores = append(stores, s)
		go func() { s.Index(ctx); done <- struct{}{} }()
	}
	lease, err := r.js.KeyValue(t.Context(), "HELLOX_LEASE")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(all); i += 100 {
		r.publish(all[i:min(i+100, len(all))]...)
		if err := lease.Delete(t.Context(), "indexer"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // the other one asks for it each half second
	}
	r.check(stores[0], distinct)
	r.check(stores[1], distinct)
	cancel()
	<-done
	<-done
}

// TestReopen has a receiver that begins later know the senders and topics.
func TestReopen(t *testing.T) {
	r := newRig(t)
	s, _ := r.open(jetstream.Options{})
	all, _ := messages(300)
	historytest.AppendAll(t, s, all...)
	later, _ := r.open(jetstream.Options{})
	for _, get := range []func(*jetstream.Store) any{
		func(s *jetstream.Store) any { topics, _ := s.Topics(t.Context()); return topics },
		func(s *jetstream.Store) any {
			senders, _ := s.Senders(t.Context())
			text := ""
			for _, one := range senders {
				text += fmt.Sprintln(one.Sender, one.Messages, one.Missed, one.Reordered, one.LastID, one.Seq, one.Boot)
			}
			return text
		},
	} {
		if got, want := fmt.Sprint(get(later)), fmt.Sprint(get(s)); got != want || want == "" {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	// It goes on with the next number, whoever appends.
	historytest.AppendAll(t, later, historytest.Hello("broadcast-0", 1000, 9000))
	last := lastID(t, later)
	until(t, "the first one has it, too", func() bool { return lastID(t, s) == last })
}

// TestRetention evicts by bytes and by age, tells followers, and gives no ID twice.
func TestRetention(t *testing.T) {
	r := newRig(t)
	const keep = 256 << 10
	s, _ := r.open(jetstream.Options{Keep: keep})
	f := s.Follow(history.Follow{})
	defer f.Close()
	fleet := &historytest.Fleet{Senders: 10}
	for range 4 {
		historytest.AppendAll(t, s, fleet.Batch(500)...)
	}
	st, err := s.Stats(t.Context())
	if err != nil || st.Evicted == 0 || st.FirstID != int64(st.Evicted)+1 || st.LastID != 2000 || st.Bytes > keep || st.Oldest.IsZero() {
		t.Errorf("by bytes: %+v, %v", st, err)
	}
	p, err := s.Messages(t.Context(), history.Query{FromStart: true})
	if err != nil || len(p.Messages) == 0 || p.Messages[0].ID != st.FirstID {
		t.Errorf("the first page: %v", err)
	}
	if _, err := s.Message(t.Context(), 1); err != history.ErrNotFound { //nolint:errorlint // it is exactly that
		t.Errorf("an evicted message: %v", err)
	}
	young, _ := r.open(jetstream.Options{Keep: keep, KeepFor: time.Second})
	until(t, "all are evicted", func() bool {
		st, err := young.Stats(t.Context())
		return err == nil && st.FirstID == 0 && st.Evicted == 2000
	})
	historytest.AppendAll(t, young, fleet.Batch(1)...)
	if last := lastID(t, young); last != 2001 {
		t.Errorf("the next message is %d", last)
	}
}

// TestStatsAgree asks one receiver while another one appends: no answer contradicts
// itself, and what an answer tells is there.
func TestStatsAgree(t *testing.T) {
	r := newRig(t)
	writer, _ := r.open(jetstream.Options{Keep: 256 << 10})
	reader, _ := r.open(jetstream.Options{Keep: 256 << 10})
	done := make(chan error, 1)
	go func() {
		fleet := &historytest.Fleet{Senders: 10}
		for range 60 {
			if err := writer.Append(context.Background(), fleet.Batch(50)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for asked, ended := 0, false; !ended; asked++ {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			ended = true
		default:
		}
		st, err := reader.Stats(t.Context())
		if err != nil || st.Degraded != "" {
			t.Fatalf("%v, %s", err, st.Degraded)
		}
		if st.LastID == 0 && st.Evicted == st.Stored {
			continue // it has not been given what is stored now
		}
		if st.Stored != uint64(st.LastID) || st.Received != st.Stored || st.Evicted != uint64(st.FirstID-1) || st.FirstID > st.LastID {
			t.Fatalf("answer %d: %+v", asked, st)
		}
		topics, err := reader.Topics(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		last := int64(0)
		for _, topic := range topics {
			last = max(last, topic.LastID)
		}
		after, err := reader.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if there := after.FirstID > 0 && after.FirstID <= st.LastID; there && last < st.LastID {
			t.Fatalf("the topics end with message %d, of %d", last, st.LastID)
		}
	}
}

// TestOpenedMeanwhile opens receivers while another one appends: each has counted all
// when it has seen all.
func TestOpenedMeanwhile(t *testing.T) {
	r := newRig(t)
	writer, _ := r.open(jetstream.Options{})
	const batches, size = 40, 50
	done := make(chan error, 1)
	go func() {
		fleet := &historytest.Fleet{Senders: 10}
		for range batches {
			if err := writer.Append(context.Background(), fleet.Batch(size)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	opened := []*jetstream.Store{writer}
	for range 5 {
		s, _ := r.open(jetstream.Options{})
		opened = append(opened, s)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	want := counts(t, writer)
	for i, s := range opened {
		until(t, "it has seen all", func() bool { return lastID(t, s) == batches*size })
		if d := cmp.Diff(want, counts(t, s)); d != "" {
			t.Errorf("receiver %d: %s", i, d)
		}
	}
}
