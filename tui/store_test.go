package tui

import (
	"context"
	"slices"
	"sort"
	"sync"
	"time"

	"hellox/history"
	"hellox/stream"
)

// memory is a Store for tests: a slice, and a condition to wait on.
type memory struct {
	mu        sync.Mutex
	changed   chan struct{} // closed and made anew with each event
	events    []history.Event
	messages  []stream.Message
	senders   []stream.Sender
	intervals []history.Intervals
	stats     history.Stats
}

func newMemory() *memory { return &memory{changed: make(chan struct{})} }

// add appends events, numbering messages that have no id.
func (s *memory) add(events ...history.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range events {
		if m := e.Message; m != nil {
			if m.ID == 0 {
				m.ID = s.stats.LastID + 1
			}
			s.stats.LastID = m.ID
			s.stats.Received++
			s.messages = append(s.messages, *m)
		}
		s.events = append(s.events, e)
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *memory) say(messages ...stream.Message) {
	events := make([]history.Event, len(messages))
	for i := range messages {
		events[i].Message = &messages[i]
	}
	s.add(events...)
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

func (s *memory) Messages(_ context.Context, q history.Query) (history.Page, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var fit []stream.Message
	for i := range s.messages {
		m := &s.messages[i]
		if m.ID > q.After && (q.Before == 0 || m.ID < q.Before) && !m.Received.Before(q.Since) && selects(q.Select, m) {
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

func (s *memory) Message(_ context.Context, id int64) (stream.Message, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.messages {
		if m.ID == id {
			return m, nil
		}
	}
	return stream.Message{}, history.ErrNotFound
}

func (s *memory) Senders(context.Context) ([]stream.Sender, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Clone(s.senders)
	sort.Slice(all, func(i, j int) bool { return all[i].Sender < all[j].Sender })
	return all, nil
}

func (s *memory) Stats(context.Context) (history.Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats, nil
}

func (s *memory) Intervals(context.Context) ([]history.Intervals, error) { return s.intervals, nil }

func (s *memory) Close() error { return nil }

func (s *memory) Follow(f history.Follow) history.Follower {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &follower{store: s, sel: f.Select}
	if f.After == history.Now {
		w.at = len(s.events)
		return w
	}
	for w.at < len(s.events) && (s.events[w.at].Message == nil || s.events[w.at].Message.ID <= f.After) {
		w.at++
	}
	return w
}

type follower struct {
	store *memory
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

// at is the moment that the tests begin.
var at = time.Date(2026, 11, 24, 14, 2, 31, 114e6, time.UTC)

// hello is a broadcast of ours.
func hello(sender string, seq uint64, received time.Time, since, took time.Duration) stream.Message {
	h := stream.Hello{Text: "Hello world", Sender: sender, Boot: "01JDFQK3V0000000000000000" + "A", Seq: seq, Sent: received.Add(-took)}
	any := since
	if since != stream.None {
		any = (since / 3).Truncate(time.Microsecond)
	}
	return stream.Message{
		Topic: "hello_world/broadcast/" + sender, Payload: h.AppendJSON(nil), QoS: 1, Received: received,
		Sender: sender, Delta: since, DeltaAny: any,
		Ours: true, Text: h.Text, Boot: h.Boot, Seq: seq, Latency: took,
	}
}
