package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"hellox/history"
	"hellox/history/live"
	"hellox/stream"
	"hellox/stream/track"
)

// Options configure a Store.
type Options struct {
	Keep     int64         // bytes of the stream; 0: no bound
	KeepFor  time.Duration // age of its messages; 0: no bound
	Topics   []string      // MQTT topic filters of what is stored; none: all
	Replicas int           // of the stream, if it is made; 0: as many as $MQTT_msgs has
	Log      *slog.Logger  // nil: nothing is logged

	existing  bool  // it must be there, and its limits stay as they are
	importing bool  // it may be an unfinished copy
	first     int64 // of the IDs, if the stream is made; 0: 1
}

// Store is a history.Store in a stream of JetStream.
type Store struct {
	o       Options
	conn    *natsgo.Conn
	js      jetstream.JetStream
	senders jetstream.KeyValue
	lease   jetstream.KeyValue
	state   *live.State

	last   atomic.Int64             // ID of the newest message that followers have seen; written with applying
	first  atomic.Int64             // of the oldest one stored, as it was last asked for
	known  atomic.Pointer[holdings] // as it was last asked for
	stop   chan struct{}            // closed by Close
	reader sync.WaitGroup
	closed atomic.Bool

	applying sync.Mutex    // what is applied to state comes in the order of IDs
	applied  chan struct{} // closed when last has risen, and replaced
	topics   history.TopicCounts
	totals   track.Totals

	writing  sync.Mutex
	appender *appender // nil: to be loaded
}

var _ history.Store = (*Store)(nil)

// Open opens the history, and makes its stream if there is none. The caller closes conn
// after the Store.
func Open(ctx context.Context, conn *natsgo.Conn, o Options) (_ *Store, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Store{o: o, conn: conn, stop: make(chan struct{}), applied: make(chan struct{}), topics: history.TopicCounts{}}
	if s.js, err = jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(maxPending), jetstream.WithPublishAsyncTimeout(requestTimeout)); err != nil {
		return nil, fmt.Errorf("open the history: %w", err)
	}
	if err := s.makeStreams(ctx); err != nil {
		return nil, fmt.Errorf("open the history: %w", err)
	}
	if !o.importing {
		if err := ask(ctx, func(ctx context.Context) error { return checkFinished(ctx, s.senders) }); err != nil {
			return nil, fmt.Errorf("open the history: %w", err)
		}
	}
	if err := s.startReader(ctx); err != nil {
		return nil, fmt.Errorf("open the history: %w", err)
	}
	return s, nil
}

// maxPending is how many messages are appended before the first is acknowledged.
const maxPending = 4096

func (s *Store) makeStreams(ctx context.Context) (err error) {
	if s.o.Replicas == 0 {
		// Guessed, it would be wrong for good while the nodes are starting.
		of, err := askStream(ctx, s.js, subjectMessages)
		if err != nil {
			return fmt.Errorf("read the broker's stream %s: %w", subjectMessages, err)
		}
		s.o.Replicas = of.Config.Replicas
	}
	if err := ask(ctx, s.makeStream); err != nil {
		if errors.Is(err, history.ErrNoHistory) {
			return err
		}
		return fmt.Errorf("make the stream %s: %w", streamName, err)
	}
	if s.senders, err = s.bucket(ctx, jetstream.KeyValueConfig{Bucket: sendersBucket}); err != nil {
		return err
	}
	s.lease, err = s.bucket(ctx, jetstream.KeyValueConfig{Bucket: leaseBucket, TTL: leaseFor})
	return err
}

// makeStream makes the stream of the history. One that is there gets its limits.
func (s *Store) makeStream(ctx context.Context) error {
	want := jetstream.StreamConfig{
		Name: streamName, Subjects: []string{streamPrefix + ">"}, Storage: jetstream.FileStorage, Replicas: s.o.Replicas,
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, MaxBytes: cmp.Or(s.o.Keep, -1), MaxAge: s.o.KeepFor, AllowDirect: true,
		FirstSeq: uint64(s.o.first),
	}
	is, err := s.js.Stream(ctx, streamName)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound) && s.o.existing:
		return history.ErrNoHistory
	case errors.Is(err, jetstream.ErrStreamNotFound):
		_, err = s.js.CreateStream(ctx, want)
	case err != nil || s.o.existing || s.o.importing:
	case is.CachedInfo().Config.MaxBytes != want.MaxBytes || is.CachedInfo().Config.MaxAge != want.MaxAge:
		want.Replicas, want.FirstSeq = is.CachedInfo().Config.Replicas, is.CachedInfo().Config.FirstSeq
		_, err = s.js.UpdateStream(ctx, want)
	}
	return err
}

// bucket returns a bucket, and makes it if it is not there.
func (s *Store) bucket(ctx context.Context, c jetstream.KeyValueConfig) (b jetstream.KeyValue, err error) {
	c.Storage, c.Replicas = jetstream.FileStorage, s.o.Replicas
	err = ask(ctx, func(ctx context.Context) (err error) {
		if b, err = s.js.KeyValue(ctx, c.Bucket); errors.Is(err, jetstream.ErrBucketNotFound) {
			b, err = s.js.CreateKeyValue(ctx, c)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make the bucket %s: %w", c.Bucket, err)
	}
	return b, nil
}

// info asks the stream.
func (s *Store) info(ctx context.Context) (*jetstream.StreamInfo, error) {
	info, err := askStream(ctx, s.js, streamName)
	if err != nil {
		return nil, fmt.Errorf("ask the stream %s: %w", streamName, err)
	}
	return info, nil
}

// applyStored publishes what the stream got, in its order. The reader alone calls it,
// also for what this process has appended.
func (s *Store) applyStored(batch []stored) {
	s.applying.Lock()
	defer s.applying.Unlock()
	entries := make([]track.Tracked, 0, len(batch))
	last := s.last.Load()
	for i := range batch {
		m := &batch[i]
		if last = m.ID; m.unreadable {
			continue
		}
		entries = m.appendEntries(entries)
		s.topics.Add(&m.Message)
		s.totals = m.State.Totals
	}
	s.last.Store(last)
	s.state.Apply(entries, s.totals)
	close(s.applied)
	s.applied = make(chan struct{})
}

// applyRest publishes what is not in the stream when the reader has applied what is:
// duplicates, with the state that they led to, and presence. What is stale is told by
// who has appended since, who gets these duplicates from the broker's stream, too.
func (s *Store) applyRest(ctx context.Context, end track.State, appended bool, rest, repeated []track.Tracked) error {
	if err := s.passed(ctx, end.LastID); err != nil {
		return err
	}
	s.applying.Lock()
	defer s.applying.Unlock()
	stale := s.last.Load() > end.LastID
	if !stale {
		s.totals, rest = end.Totals, append(rest, repeated...)
	}
	s.state.Apply(rest, s.totals)
	if stale && !appended {
		return errStale
	}
	return nil
}

// passed waits until the reader has applied the message id.
func (s *Store) passed(ctx context.Context, id int64) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		s.applying.Lock()
		last, applied := s.last.Load(), s.applied
		s.applying.Unlock()
		if last >= id {
			return nil
		}
		select {
		case <-applied:
		case <-tick.C: // what was evicted before the reader got it never comes
			if info, err := s.info(ctx); err == nil && int64(info.State.FirstSeq) > id {
				return nil
			}
		case <-s.stop:
			return history.ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// SetLink sets the state of the connection to the broker, and publishes it.
func (s *Store) SetLink(l stream.Link) { s.state.SetLink(l) }

// SetBroker sets what the broker says about itself.
func (s *Store) SetBroker(b stream.BrokerState) { s.state.SetBroker(b) }

// Degraded reports whether nothing is stored now, as Stats says why.
func (s *Store) Degraded() bool { return s.state.Degraded() }

// Follow implements history.Store.
func (s *Store) Follow(q history.Follow) history.Follower { return s.state.Follow(s, q) }

// FirstID implements live.Reader.
func (s *Store) FirstID() int64 { return max(s.first.Load(), 1) }

// Senders implements history.Store.
func (s *Store) Senders(context.Context) ([]stream.Sender, error) { return s.state.Senders(), nil }

// Intervals implements history.Store.
func (s *Store) Intervals(context.Context) ([]history.Intervals, error) {
	return s.state.Intervals(), nil
}

// Message implements history.Store.
func (s *Store) Message(ctx context.Context, id int64) (stream.Message, error) {
	if s.closed.Load() {
		return stream.Message{}, history.ErrClosed
	}
	if id < max(s.first.Load(), 1) || id > s.last.Load() {
		return stream.Message{}, history.ErrNotFound
	}
	got, err := s.fetch(ctx, id, id)
	if err != nil {
		return stream.Message{}, err
	}
	if len(got) == 0 {
		return stream.Message{}, history.ErrNotFound
	}
	return got[0].Message, nil
}

// Topics implements history.Store.
func (s *Store) Topics(ctx context.Context) ([]history.Topic, error) {
	if s.closed.Load() {
		return nil, history.ErrClosed
	}
	s.refresh(ctx) // else those that were evicted since are in it
	s.applying.Lock()
	defer s.applying.Unlock()
	first := s.first.Load()
	for name, t := range s.topics {
		if t.LastID < first {
			delete(s.topics, name)
		}
	}
	return s.topics.Sorted(), nil
}

// Stats implements history.Store: what the stream holds of the messages that followers
// have seen. While it does not answer, what it said last counts; Degraded says so as soon
// as nodes has seen it.
func (s *Store) Stats(ctx context.Context) (history.Stats, error) {
	if s.closed.Load() {
		return history.Stats{}, history.ErrClosed
	}
	s.refresh(ctx)
	k := s.known.Load()
	s.applying.Lock()
	st, last := s.state.Stats(), s.last.Load()
	s.applying.Unlock()
	st.Bytes, st.Limit, st.Evicted, st.Shared = k.bytes, s.o.Keep, st.Stored, true
	if k.messages > 0 && k.first <= last {
		st.FirstID, st.LastID, st.Oldest = k.first, last, k.oldest
		st.Evicted -= min(st.Stored, uint64(last-k.first+1-k.deleted))
	}
	if st.DegradedBy == history.DegradedByHistory {
		st.DegradedBy = history.DegradedByBoth // its nodes are the broker's
	}
	return st, nil
}

// holdings are what the stream holds.
type holdings struct {
	messages uint64
	first    int64     // ID
	oldest   time.Time // when that one was received
	deleted  int64     // IDs between it and the newest that are not there
	bytes    int64
}

// refresh asks the stream what it holds, unless it is known not to answer.
func (s *Store) refresh(ctx context.Context) {
	if s.state.Degraded() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	if info, err := s.info(ctx); err == nil {
		s.note(ctx, info)
	}
}

// refreshTimeout is how long those who ask for figures wait for new ones.
const refreshTimeout = time.Second

// note notes what the stream holds.
func (s *Store) note(ctx context.Context, info *jetstream.StreamInfo) {
	is := &info.State
	k := &holdings{messages: is.Msgs, first: int64(is.FirstSeq), deleted: int64(is.NumDeleted), bytes: int64(is.Bytes)}
	s.raiseFirst(k.first)
	if k.messages > 0 {
		if old := s.known.Load(); old.first == k.first {
			k.oldest = old.oldest
		}
		if k.oldest.IsZero() {
			if got, err := s.fetch(ctx, k.first, k.first); err == nil && len(got) > 0 {
				k.oldest = got[0].Received
			}
		}
	}
	s.known.Store(k)
}

// raiseFirst notes which message is the oldest one stored. Answers may come in another
// order than they were given.
func (s *Store) raiseFirst(first int64) {
	for {
		was := s.first.Load()
		if first <= was || s.first.CompareAndSwap(was, first) {
			return
		}
	}
}

// Close ends all followers.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	close(s.stop) // who appends waits for the reader no longer
	s.writing.Lock()
	defer s.writing.Unlock()
	var err error
	if a := s.appender; a != nil {
		ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
		err = a.checkpoint(ctx)
		cancel()
	}
	s.reader.Wait()
	s.state.Close()
	return err
}
