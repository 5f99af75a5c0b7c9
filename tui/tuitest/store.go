package tuitest

import (
	"context"
	"slices"
	"sort"
	"sync"

	"hellox/history"
	"hellox/stream"
)

// A Store is a history.Store made of slices. Its exported fields may be set
// while nothing reads it.
type Store struct {
	mu         sync.Mutex
	changed    chan struct{} // closed and made anew with each event
	events     []history.Event
	Stored     []stream.Message
	Known      []stream.Sender
	Histograms []history.Intervals
	Totals     history.Stats
}

// NewStore returns an empty store.
func NewStore() *Store { return &Store{changed: make(chan struct{})} }

// Add appends events. Messages without an ID get the next one; with an event of Anew the
// store has no messages any more, and the next ID is 1.
func (s *Store) Add(events ...history.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range events {
		if e.Anew {
			s.Stored, s.Totals.LastID = nil, 0
		}
		if m := e.Message; m != nil {
			if m.ID == 0 {
				m.ID = s.Totals.LastID + 1
			}
			s.Totals.LastID = m.ID
			s.Totals.Received++
			s.Totals.Stored++
			s.Stored = append(s.Stored, *m)
		}
		s.events = append(s.events, e)
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// Degrade sets what the store says that it lacks; empty when it is well.
func (s *Store) Degrade(why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Totals.Degraded = why
}

// Say appends messages.
func (s *Store) Say(messages ...stream.Message) {
	events := make([]history.Event, len(messages))
	for i := range messages {
		events[i].Message = &messages[i]
	}
	s.Add(events...)
}

func selects(sel history.Select, m *stream.Message) bool {
	if sel.Sender != "" && sel.Sender != m.Sender {
		return false
	}
	if len(sel.Topics) > 0 && !slices.ContainsFunc(sel.Topics, func(f string) bool { return stream.MatchTopic(f, m.Topic) }) {
		return false
	}
	return sel.Filter.Match(m)
}

// Messages implements history.Store.
func (s *Store) Messages(_ context.Context, q history.Query) (history.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var fit []stream.Message
	for i := range s.Stored {
		m := &s.Stored[i]
		if m.ID > q.After && (q.Before == 0 || m.ID < q.Before) && !m.Received.Before(q.Since) && (q.Until.IsZero() || m.Received.Before(q.Until)) && selects(q.Select, m) {
			fit = append(fit, *m)
		}
	}
	limit := q.Limit
	if limit == 0 {
		limit = 100
	}
	if len(fit) <= limit {
		return history.Page{Messages: fit}, nil
	}
	if q.After > 0 || q.FromStart {
		return history.Page{Messages: fit[:limit], Next: fit[limit-1].ID}, nil
	}
	fit = fit[len(fit)-limit:]
	return history.Page{Messages: fit, Next: fit[0].ID}, nil
}

// Message implements history.Store.
func (s *Store) Message(_ context.Context, id int64) (stream.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.Stored {
		if m.ID == id {
			return m, nil
		}
	}
	return stream.Message{}, history.ErrNotFound
}

// Senders implements history.Store.
func (s *Store) Senders(context.Context) ([]stream.Sender, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.Known)
	sort.Slice(all, func(i, j int) bool { return all[i].Sender < all[j].Sender })
	return all, nil
}

// Topics implements history.Store.
func (s *Store) Topics(context.Context) ([]history.Topic, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	topics := history.TopicCounts{}
	for i := range s.Stored {
		topics.Add(&s.Stored[i])
	}
	return topics.Sorted(), nil
}

// Stats implements history.Store.
func (s *Store) Stats(context.Context) (history.Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Totals, nil
}

// Intervals implements history.Store.
func (s *Store) Intervals(context.Context) ([]history.Intervals, error) { return s.Histograms, nil }

// Close implements history.Store.
func (s *Store) Close() error { return nil }

// Follow implements history.Store.
func (s *Store) Follow(f history.Follow) history.Follower {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &follower{store: s, sel: f.Select}
	if f.After == history.Now {
		w.at = len(s.events)
		return w
	}
	for i := range s.events {
		if s.events[i].Anew {
			w.at = i + 1 // what is before has gone
		}
	}
	for w.at < len(s.events) && (s.events[w.at].Message == nil || s.events[w.at].Message.ID <= f.After) {
		w.at++
	}
	return w
}

type follower struct {
	store *Store
	sel   history.Select
	at    int
}

func (f *follower) Next(ctx context.Context) ([]history.Event, error) {
	for {
		f.store.mu.Lock()
		var events []history.Event
		for ; f.at < len(f.store.events); f.at++ {
			if e := f.store.events[f.at]; e.Message == nil || selects(f.sel, e.Message) {
				events = append(events, e)
			}
		}
		changed := f.store.changed
		f.store.mu.Unlock()
		if len(events) > 0 {
			return events, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (f *follower) Close() error { return nil }
