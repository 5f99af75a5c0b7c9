package memory

import (
	"context"
	"sort"
	"sync"
	"time"

	"hellox/history"
	"hellox/history/live"
	"hellox/stream"
	"hellox/stream/track"
)

// defaultLimit is the limit of New in bytes if none is given.
const defaultLimit = 256 << 20

// Store is a history.Store of what fits in memory, and only while it runs:
// ids, deltas and counts are those of this run. It is what watch reads when it
// is given a broker's URL.
type Store struct {
	limit int64
	state *live.State

	writing sync.Mutex // held by Append; guards tracker
	tracker *track.Tracker

	mu       sync.RWMutex
	messages []*stream.Message // ids follow one another without a gap
	bytes    int64
	evicted  uint64
	topics   history.TopicCounts
	closed   bool
}

var _ history.Store = (*Store)(nil)

// New returns an empty Store that holds up to limit bytes of messages, or 256 MiB
// if limit is 0.
func New(limit int64) *Store {
	if limit <= 0 {
		limit = defaultLimit
	}
	return &Store{limit: limit, state: live.NewState(0, time.Now), tracker: track.New(track.State{}, nil),
		topics: history.TopicCounts{}}
}

// Run appends and acknowledges what comes in until in is closed or ctx is
// done, and publishes what time does to senders.
func (s *Store) Run(ctx context.Context, in <-chan stream.Arrival) error { return live.Run(ctx, s, in) }

// Append stores arrivals, publishes them and acknowledges them in order.
func (s *Store) Append(_ context.Context, arrivals []stream.Arrival) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	entries := make([]track.Tracked, len(arrivals))
	for i := range arrivals {
		entries[i] = s.tracker.Track(arrivals[i])
	}
	if err := s.store(entries); err != nil {
		return err
	}
	_, forgotten := s.tracker.Changes()
	s.state.Apply(entries, s.tracker.State().Totals)
	s.state.Forget(forgotten)
	for i := range arrivals {
		arrivals[i].Ack()
	}
	return nil
}

func (s *Store) store(entries []track.Tracked) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return history.ErrClosed
	}
	for i := range entries {
		if m := entries[i].Message; m != nil {
			s.messages = append(s.messages, m)
			s.bytes += sizeOf(m)
			s.topics.Add(m)
		}
	}
	n := 0
	for ; s.bytes > s.limit && n < len(s.messages)-1; n++ {
		s.bytes -= sizeOf(s.messages[n])
		if old := s.messages[n]; s.topics[old.Topic].LastID == old.ID {
			delete(s.topics, old.Topic)
		}
		s.messages[n] = nil
	}
	s.messages = s.messages[n:]
	s.evicted += uint64(n)
	return nil
}

// sizeOf is about how many bytes m occupies: the struct, its place in the
// slice, and what hangs on it.
func sizeOf(m *stream.Message) int64 {
	return int64(320 + len(m.Topic) + len(m.Payload) + len(m.Sender) + len(m.Text) + len(m.Color) + len(m.Boot))
}

// Maintain implements live.Writer.
func (s *Store) Maintain(context.Context) (time.Time, error) { return s.state.Tick(time.Now()), nil }

// Changed implements live.Writer.
func (s *Store) Changed() <-chan struct{} { return s.state.Changed() }

// SetLink sets the state of the connection that arrivals come through, and
// publishes it.
func (s *Store) SetLink(link stream.Link) { s.state.SetLink(link) }

// SetBroker sets what the broker says about itself.
func (s *Store) SetBroker(b stream.BrokerState) { s.state.SetBroker(b) }

// Messages implements Store.
func (s *Store) Messages(ctx context.Context, q history.Query) (history.Page, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return history.Page{}, history.ErrClosed
	}
	all := s.messages
	at := func(id int64) int { // index of the first message with at least that id
		return sort.Search(len(all), func(i int) bool { return all[i].ID >= id })
	}
	when := func(t time.Time) int {
		return sort.Search(len(all), func(i int) bool { return !all[i].Received.Before(t) })
	}
	lo, hi := at(q.After+1), len(all)
	if q.Before > 0 {
		hi = at(q.Before)
	}
	if !q.Since.IsZero() {
		lo = max(lo, when(q.Since))
	}
	if !q.Until.IsZero() {
		hi = min(hi, when(q.Until))
	}
	if lo >= hi {
		return history.Page{}, nil
	}
	p := live.NewPager(&q)
	if q.Forward() {
		for i := lo; i < hi && p.More(ctx); i++ {
			p.Offer(all[i])
		}
		return p.Page(all[hi-1].ID), ctx.Err()
	}
	for i := hi - 1; i >= lo && p.More(ctx); i-- {
		p.Offer(all[i])
	}
	return p.Page(all[lo].ID), ctx.Err()
}

// Message implements Store.
func (s *Store) Message(_ context.Context, id int64) (stream.Message, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return stream.Message{}, history.ErrClosed
	}
	if len(s.messages) == 0 || id < s.messages[0].ID || id > s.messages[len(s.messages)-1].ID {
		return stream.Message{}, history.ErrNotFound
	}
	return *s.messages[id-s.messages[0].ID], nil
}

// Follow implements Store.
func (s *Store) Follow(q history.Follow) history.Follower { return s.state.Follow(s, q) }

// FirstID implements live.Reader.
func (s *Store) FirstID() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.messages) == 0 {
		return 1
	}
	return s.messages[0].ID
}

// Senders implements Store.
func (s *Store) Senders(context.Context) ([]stream.Sender, error) { return s.state.Senders(), nil }

// Topics implements Store.
func (s *Store) Topics(context.Context) ([]history.Topic, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.topics.Sorted(), nil
}

// Intervals implements Store.
func (s *Store) Intervals(context.Context) ([]history.Intervals, error) {
	return s.state.Intervals(), nil
}

// Stats implements Store.
func (s *Store) Stats(context.Context) (history.Stats, error) {
	st := s.state.Stats()
	s.mu.RLock()
	defer s.mu.RUnlock()
	st.Evicted, st.Bytes, st.Limit = s.evicted, s.bytes, s.limit
	if n := len(s.messages); n > 0 {
		st.FirstID, st.LastID = s.messages[0].ID, s.messages[n-1].ID
		st.Oldest, st.Newest = s.messages[0].Received, s.messages[n-1].Received
	}
	return st, nil
}

// Close ends all followers.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.state.Close()
	return nil
}
