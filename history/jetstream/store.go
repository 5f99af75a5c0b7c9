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
}

// Store is a history.Store in a stream of JetStream.
type Store struct {
	o       Options
	conn    *natsgo.Conn
	js      jetstream.JetStream
	stream  jetstream.Stream
	senders jetstream.KeyValue
	lease   jetstream.KeyValue
	state   *live.State

	last   atomic.Int64 // ID of the newest message that followers have seen
	first  atomic.Int64 // of the oldest one stored, as it was last asked for
	known  atomic.Pointer[history.Stats]
	stop   chan struct{} // closed by Close
	reader sync.WaitGroup
	closed atomic.Bool

	applying sync.Mutex // what is applied to state comes in the order of IDs
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
	s := &Store{o: o, conn: conn, stop: make(chan struct{}), topics: history.TopicCounts{}}
	if s.js, err = jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(maxPending), jetstream.WithPublishAsyncTimeout(requestTimeout)); err != nil {
		return nil, fmt.Errorf("open the history: %w", err)
	}
	// What is asked before the nodes have a leader gets no answer.
	making, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if err := s.makeStreams(making); err != nil {
		return nil, fmt.Errorf("open the history: %w", err)
	}
	if err := s.startReader(ctx); err != nil {
		return nil, fmt.Errorf("open the history: %w", err)
	}
	return s, nil
}

// maxPending is how many messages are appended before the first is acknowledged.
const maxPending = 4096

func (s *Store) makeStreams(ctx context.Context) error {
	if s.o.Replicas == 0 {
		s.o.Replicas = 1
		if of, err := s.js.Stream(ctx, subjectMessages); err == nil {
			s.o.Replicas = of.CachedInfo().Config.Replicas
		}
	}
	want := jetstream.StreamConfig{
		Name: streamName, Subjects: []string{streamPrefix + ">"}, Storage: jetstream.FileStorage, Replicas: s.o.Replicas,
		Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld, MaxBytes: cmp.Or(s.o.Keep, -1), MaxAge: s.o.KeepFor, AllowDirect: true,
	}
	var err error
	s.stream, err = s.js.Stream(ctx, streamName)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		s.stream, err = s.js.CreateStream(ctx, want)
	case err != nil:
	case s.stream.CachedInfo().Config.MaxBytes != want.MaxBytes || s.stream.CachedInfo().Config.MaxAge != want.MaxAge:
		want.Replicas = s.stream.CachedInfo().Config.Replicas
		s.stream, err = s.js.UpdateStream(ctx, want)
	}
	if err != nil {
		return fmt.Errorf("make the stream %s: %w", streamName, err)
	}
	if s.senders, err = s.bucket(ctx, jetstream.KeyValueConfig{Bucket: sendersBucket}); err != nil {
		return err
	}
	s.lease, err = s.bucket(ctx, jetstream.KeyValueConfig{Bucket: leaseBucket, TTL: leaseFor})
	return err
}

// bucket returns a bucket, and makes it if it is not there.
func (s *Store) bucket(ctx context.Context, c jetstream.KeyValueConfig) (jetstream.KeyValue, error) {
	b, err := s.js.KeyValue(ctx, c.Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		c.Storage, c.Replicas = jetstream.FileStorage, s.o.Replicas
		b, err = s.js.CreateKeyValue(ctx, c)
	}
	if err != nil {
		return nil, fmt.Errorf("make the bucket %s: %w", c.Bucket, err)
	}
	return b, nil
}

// apply publishes entries, in the order of their IDs, that are stored now. The caller
// holds applying.
func (s *Store) apply(entries []track.Tracked, totals track.Totals) {
	last := s.last.Load()
	for i := range entries {
		if m := entries[i].Message; m != nil {
			s.topics.Add(m)
			last = m.ID
		}
	}
	s.last.Store(last)
	s.totals = totals
	s.state.Apply(entries, totals)
}

// SetLink sets the state of the connection to the broker, and publishes it.
func (s *Store) SetLink(l stream.Link) { s.state.SetLink(l) }

// SetBroker sets what the broker says about itself.
func (s *Store) SetBroker(b stream.BrokerState) { s.state.SetBroker(b) }

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

// Topics implements history.Store.
func (s *Store) Topics(context.Context) ([]history.Topic, error) {
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

// Stats implements history.Store. While the stream does not answer, what it said last
// is returned, and Degraded says why.
func (s *Store) Stats(ctx context.Context) (history.Stats, error) {
	if s.closed.Load() {
		return history.Stats{}, history.ErrClosed
	}
	st := s.state.Stats()
	err := s.refresh(ctx)
	k := s.known.Load()
	st.FirstID, st.Oldest, st.Bytes, st.Limit, st.Evicted = k.FirstID, k.Oldest, k.Bytes, s.o.Keep, k.Evicted
	if st.FirstID > 0 {
		st.LastID = s.last.Load()
	}
	if err != nil && st.Degraded == "" {
		st.Degraded, st.DegradedBy = "The history does not answer: "+err.Error()+".", history.DegradedByHistory
	}
	return st, nil
}

// refresh asks the stream what it holds.
func (s *Store) refresh(ctx context.Context) error {
	info, err := s.stream.Info(ctx)
	if err != nil {
		return err
	}
	is := &info.State
	k := &history.Stats{Bytes: int64(is.Bytes)}
	s.first.Store(int64(is.FirstSeq))
	if is.FirstSeq > 0 {
		k.Evicted = is.FirstSeq - 1
	}
	if is.Msgs > 0 {
		k.FirstID = int64(is.FirstSeq)
		if old := s.known.Load(); old != nil && old.FirstID == k.FirstID {
			k.Oldest = old.Oldest
		} else if m, err := s.Message(ctx, k.FirstID); err == nil {
			k.Oldest = m.Received
		}
	}
	s.known.Store(k)
	return nil
}

// Close ends all followers.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	var err error
	if a := s.appender; a != nil {
		ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
		err = a.checkpoint(ctx)
		cancel()
	}
	close(s.stop)
	s.reader.Wait()
	s.state.Close()
	return err
}
