package web

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"hellox/history"
	"hellox/stream"
)

// A memStore is a Store whose messages and senders the test decides.
type memStore struct {
	mu       sync.Mutex
	messages []stream.Message
	senders  map[string]*stream.Sender
	events   []history.Event
	stats    history.Stats
	wake     chan struct{}
	closed   bool
}

func newMemStore() *memStore {
	return &memStore{
		senders: map[string]*stream.Sender{},
		wake:    make(chan struct{}),
		stats:   history.Stats{Started: time.Now(), Link: stream.Link{State: stream.Connected, Since: time.Now()}},
	}
}

// add keeps m, giving it its id and deltas.
func (s *memStore) add(m stream.Message) stream.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.ID = s.stats.LastID + 1
	m.Delta, m.DeltaAny = stream.None, stream.None
	sender := s.senders[m.Sender]
	if sender == nil {
		sender = &stream.Sender{Sender: m.Sender, Ours: m.Ours, State: stream.OnTime, Since: m.Received}
		s.senders[m.Sender] = sender
	} else {
		m.Delta = m.Received.Sub(sender.LastSeen)
	}
	if n := len(s.messages); n > 0 {
		m.DeltaAny = m.Received.Sub(s.messages[n-1].Received)
	}
	if !m.Ours {
		m.Latency = stream.None
	}
	sender.LastSeen, sender.LastID, sender.Boot, sender.Seq, sender.Color = m.Received, m.ID, m.Boot, m.Seq, m.Color
	sender.Messages++
	sender.Missed += m.Missed
	s.messages = append(s.messages, m)
	s.stats.Received++
	s.stats.Kept++
	s.stats.LastID, s.stats.Newest = m.ID, m.Received
	s.stats.FirstID, s.stats.Oldest = s.messages[0].ID, s.messages[0].Received
	s.stats.Missed += m.Missed
	kept := m
	s.tell(history.Event{Message: &kept})
	return m
}

// tell hands e to the followers. The caller holds mu.
func (s *memStore) tell(e history.Event) {
	s.events = append(s.events, e)
	close(s.wake)
	s.wake = make(chan struct{})
}

// setSender changes a sender and tells of it.
func (s *memStore) setSender(name string, change func(*stream.Sender)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.senders[name])
	now := *s.senders[name]
	s.tell(history.Event{Sender: &now})
}

func (s *memStore) setStats(change func(*history.Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.stats)
}

// letGo drops the messages up to id.
func (s *memStore) letGo(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.messages) > 0 && s.messages[0].ID <= id {
		s.messages = s.messages[1:]
		s.stats.LetGo++
	}
	s.stats.FirstID = 0
	if len(s.messages) > 0 {
		s.stats.FirstID, s.stats.Oldest = s.messages[0].ID, s.messages[0].Received
	}
}

func (s *memStore) Messages(_ context.Context, q history.Query) (history.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := q.Limit
	if limit == 0 {
		limit = 100
	}
	var page history.Page
	forward := q.After > 0 || q.FromStart
	all := s.messages
	if !forward {
		all = slices.Clone(all)
		slices.Reverse(all)
	}
	for i := range all {
		m := &all[i]
		switch {
		case forward && m.ID <= q.After, q.Before > 0 && m.ID >= q.Before,
			!q.Since.IsZero() && m.Received.Before(q.Since), !q.Until.IsZero() && !m.Received.Before(q.Until),
			!passes(q.Select, &entry{message: m}):
			continue
		}
		if len(page.Messages) == limit {
			page.Next = page.Messages[limit-1].ID
			break
		}
		page.Messages = append(page.Messages, *m)
	}
	if !forward {
		slices.Reverse(page.Messages)
	}
	return page, nil
}

func (s *memStore) Message(_ context.Context, id int64) (stream.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.messages {
		if m.ID == id {
			return m, nil
		}
	}
	return stream.Message{}, history.ErrNotFound
}

func (s *memStore) Senders(context.Context) ([]stream.Sender, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var senders []stream.Sender
	for _, sender := range s.senders {
		senders = append(senders, *sender)
	}
	slices.SortFunc(senders, func(a, b stream.Sender) int { return cmp.Compare(a.Sender, b.Sender) })
	return senders, nil
}

func (s *memStore) Stats(context.Context) (history.Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	stats := s.stats
	stats.Senders = len(s.senders)
	return stats, nil
}

func (s *memStore) Intervals(context.Context) ([]history.Intervals, error) {
	const step = 500
	s.mu.Lock()
	defer s.mu.Unlock()
	by := map[string]*history.Intervals{}
	for _, m := range s.messages {
		if m.Delta == stream.None {
			continue
		}
		in := by[m.Sender]
		if in == nil {
			in = &history.Intervals{Sender: m.Sender, StepMS: step, Counts: make([]uint64, 31), MinMS: stream.Millis(m.Delta)}
			by[m.Sender] = in
		}
		ms := stream.Millis(m.Delta)
		n := float64(total(in.Counts))
		in.MinMS, in.MaxMS = min(in.MinMS, ms), max(in.MaxMS, ms)
		in.MeanMS = (in.MeanMS*n + ms) / (n + 1)
		in.Counts[min(int(ms/step), 30)]++
	}
	var all []history.Intervals
	for _, in := range by {
		all = append(all, *in)
	}
	slices.SortFunc(all, func(a, b history.Intervals) int { return cmp.Compare(a.Sender, b.Sender) })
	return all, nil
}

func (s *memStore) Follow(history.Follow) history.Follower {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &memFollower{store: s, next: len(s.events)}
}

func (s *memStore) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	close(s.wake)
	s.wake = make(chan struct{})
	return nil
}

// A memFollower follows what comes next: all that the hub asks for.
type memFollower struct {
	store *memStore
	next  int
}

func (f *memFollower) Next(ctx context.Context) ([]history.Event, error) {
	for {
		f.store.mu.Lock()
		events, wake, closed := f.store.events[f.next:], f.store.wake, f.store.closed
		f.store.mu.Unlock()
		if len(events) > 0 {
			f.next += len(events)
			return events, nil
		}
		if closed {
			return nil, context.Canceled
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (f *memFollower) Close() error { return nil }

// hello is a message of ours.
func hello(sender string, seq uint64, at time.Time) stream.Message {
	h := stream.Hello{Text: "Hello world", Sender: sender, Boot: "01JD0000000000000000000000", Seq: seq, Sent: at.Add(-1800 * time.Microsecond), Next: 4 * time.Second}
	return stream.Message{
		Topic: "hello_world/broadcast/" + sender, Payload: h.AppendJSON(nil), QoS: 1, Received: at, Sender: sender,
		Ours: true, Text: h.Text, Boot: h.Boot, Seq: seq, Latency: 1800 * time.Microsecond,
	}
}
