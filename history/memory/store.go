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

// Options say how much a Live store holds.
type Options struct {
	Memory int64            // bytes of messages; 0 means 256 MiB
	Now    func() time.Time // nil means time.Now
}

// Store is a Store that keeps only what fits in memory and only while it runs:
// ids, deltas and counts are those of this run. It is what watch reads when it
// is given a broker's URL.
type Store struct {
	limit int64
	now   func() time.Time
	hub   *live.Hub
	pulse *live.State

	writing sync.Mutex // held by Append; guards ledger
	ledger  *track.Tracker

	mu       sync.RWMutex
	messages []*stream.Message // ids follow one another without a gap
	bytes    int64
	letGo    uint64
	closed   bool
}

var _ history.Store = (*Store)(nil)

// New returns an empty Live store.
func New(o Options) *Store {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Memory <= 0 {
		o.Memory = 256 << 20
	}
	h := live.NewHub(0)
	return &Store{limit: o.Memory, now: o.Now, hub: h, pulse: live.NewState(h, o.Now),
		ledger: track.New(track.State{}, nil)}
}

// Run appends and acknowledges what comes in until in is closed or ctx is
// done, and publishes what time does to senders.
func (l *Store) Run(ctx context.Context, in <-chan stream.Arrival) error { return live.Run(ctx, l, in) }

// Append keeps arrivals, publishes them and acknowledges them in order.
func (l *Store) Append(_ context.Context, arrivals []stream.Arrival) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	entries := make([]track.Tracked, len(arrivals))
	for i := range arrivals {
		entries[i] = l.ledger.Track(arrivals[i])
	}
	if err := l.keep(entries); err != nil {
		return err
	}
	_, forgotten := l.ledger.Changes()
	l.pulse.Take(entries, l.ledger.State().Totals)
	l.pulse.Forget(forgotten)
	for i := range arrivals {
		arrivals[i].Ack()
	}
	return nil
}

func (l *Store) keep(entries []track.Tracked) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return history.ErrClosed
	}
	for i := range entries {
		if m := entries[i].Message; m != nil {
			l.messages = append(l.messages, m)
			l.bytes += inMemory(m)
		}
	}
	n := 0
	for ; l.bytes > l.limit && n < len(l.messages)-1; n++ {
		l.bytes -= inMemory(l.messages[n])
		l.messages[n] = nil
	}
	l.messages = l.messages[n:]
	l.letGo += uint64(n)
	return nil
}

// inMemory is about how many bytes m occupies: the struct, its place in the
// slice, and what hangs on it.
func inMemory(m *stream.Message) int64 {
	return int64(320 + len(m.Topic) + len(m.Payload) + len(m.Sender) + len(m.Text) + len(m.Color) + len(m.Boot))
}

// Maintain implements live.Writer.
func (l *Store) Maintain(context.Context) (time.Time, error) { return l.pulse.Tick(l.now()), nil }

// SetLink tells the store, and by it everybody, how the connection that its
// arrivals come through stands.
func (l *Store) SetLink(link stream.Link) { l.pulse.SetLink(link) }

// Messages implements Store.
func (l *Store) Messages(ctx context.Context, q history.Query) (history.Page, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return history.Page{}, history.ErrClosed
	}
	all := l.messages
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
		for i := lo; i < hi && p.Want(ctx); i++ {
			p.Look(all[i])
		}
		return p.Page(all[hi-1].ID), ctx.Err()
	}
	for i := hi - 1; i >= lo && p.Want(ctx); i-- {
		p.Look(all[i])
	}
	return p.Page(all[lo].ID), ctx.Err()
}

// Message implements Store.
func (l *Store) Message(_ context.Context, id int64) (stream.Message, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return stream.Message{}, history.ErrClosed
	}
	if len(l.messages) == 0 || id < l.messages[0].ID || id > l.messages[len(l.messages)-1].ID {
		return stream.Message{}, history.ErrNotFound
	}
	return *l.messages[id-l.messages[0].ID], nil
}

// Follow implements Store.
func (l *Store) Follow(q history.Follow) history.Follower { return live.Follow(l.hub, l, q) }

// FirstID implements live.Reader.
func (l *Store) FirstID() int64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.messages) == 0 {
		return 1
	}
	return l.messages[0].ID
}

// ChangedSince implements live.Reader.
func (l *Store) ChangedSince(pos uint64) []history.Event { return l.pulse.ChangedSince(pos) }

// Senders implements Store.
func (l *Store) Senders(context.Context) ([]stream.Sender, error) { return l.pulse.Senders(), nil }

// Intervals implements Store.
func (l *Store) Intervals(context.Context) ([]history.Intervals, error) {
	return l.pulse.Intervals(), nil
}

// Stats implements Store.
func (l *Store) Stats(context.Context) (history.Stats, error) {
	s := l.pulse.Stats()
	l.mu.RLock()
	defer l.mu.RUnlock()
	s.Evicted, s.Bytes, s.Limit = l.letGo, l.bytes, l.limit
	if n := len(l.messages); n > 0 {
		s.FirstID, s.LastID = l.messages[0].ID, l.messages[n-1].ID
		s.Oldest, s.Newest = l.messages[0].Received, l.messages[n-1].Received
	}
	return s, nil
}

// Close ends all followers.
func (l *Store) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.hub.Close()
	return nil
}
