package historytest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"hellox/history"
	"hellox/stream"
)

// A Model holds every message that a store ever stored, and says what its pages
// and followers must hand out: it matches each message by itself.
type Model struct {
	mu       sync.Mutex
	messages []stream.Message // by ID, from 1
	first    int64            // the oldest one still stored
}

// Update takes note of what s stores and evicted since the last call. Nothing
// that is new may have been evicted yet.
func (m *Model) Update(t testing.TB, s history.Store) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	st, err := s.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for int64(len(m.messages)) < st.LastID {
		page, err := s.Messages(t.Context(), history.Query{After: int64(len(m.messages)), FromStart: true, Limit: history.MaxLimit})
		if err != nil || len(page.Messages) == 0 {
			t.Fatalf("after message %d of %d: %v", len(m.messages), st.LastID, err)
		}
		for i := range page.Messages {
			m.messages = append(m.messages, page.Messages[i])
			if id := page.Messages[i].ID; id != int64(len(m.messages)) {
				t.Fatalf("message %d where %d should be", id, len(m.messages))
			}
		}
	}
	if m.first = st.FirstID; m.first == 0 {
		m.first = int64(len(m.messages)) + 1
	}
}

// ids returns those that sel selects between lo and hi, both excluded.
func (m *Model) ids(sel *history.Select, lo, hi int64) []int64 {
	list := []int64{}
	for id := max(lo+1, 1); id < hi && id <= int64(len(m.messages)); id++ {
		if sel.Match(&m.messages[id-1]) {
			list = append(list, id)
		}
	}
	return list
}

// CheckPages reads q to its end with messages, calling between after each page,
// which may append and evict and then updates m. Each page must hold every
// message that is stored and selected from where it begins to where the next
// one does, in order, and next must move on.
func (m *Model) CheckPages(t testing.TB, q history.Query, messages func(history.Query) history.Page, between func()) {
	t.Helper()
	for pages := 0; ; pages++ {
		if pages > 1000 {
			t.Fatalf("%+v: pages without an end", q)
		}
		p := messages(q)
		if len(p.Messages) > q.PageSize() {
			t.Fatalf("%+v: a page of %d messages", q, len(p.Messages))
		}
		lo, hi := m.first-1, int64(len(m.messages))+1
		switch {
		case q.Forward():
			if lo = max(lo, q.After); p.Next != 0 {
				if hi = p.Next + 1; p.Next <= q.After {
					t.Fatalf("%+v: next is %d", q, p.Next)
				}
			}
			q.After, q.FromStart = p.Next, false
		default:
			if q.Before > 0 {
				hi = min(hi, q.Before)
			}
			if p.Next != 0 {
				if lo = max(lo, p.Next-1); p.Next >= hi {
					t.Fatalf("%+v: next is %d", q, p.Next)
				}
			}
			q.Before = p.Next
		}
		want := m.ids(&q.Select, lo, hi)
		if got := IDs(p.Messages); !slices.Equal(got, want) {
			t.Fatalf("%+v with filter %q: a page from %d to %d holds %v, want %v", q, q.Filter, lo, hi, got, want)
		}
		for i := range p.Messages {
			if got, want := p.Messages[i].AppendJSON(nil), m.messages[p.Messages[i].ID-1].AppendJSON(nil); string(got) != string(want) {
				t.Fatalf("%+v: got %s, want %s", q, got, want)
			}
		}
		if p.Next == 0 {
			return
		}
		between()
	}
}

// CheckFollow follows q, and now and then leaves and follows again from the last
// message it got, until it has every message that is selected of those that
// write appends and evicts meanwhile. Each one must come exactly once, in order;
// one that was evicted may be missing if the follower was told so before the
// next message.
func (m *Model) CheckFollow(t testing.TB, w *Writer, q history.Follow, open func(history.Follow) history.Follower, write func()) {
	t.Helper()
	written := make(chan struct{})
	go func() {
		defer close(written)
		write()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	begin, evicted, got, covered := q.After, int64(0), []int64{}, map[int64]bool{}
	f := open(q)
	defer func() { f.Close() }()
	soon := shortest
	for {
		if w.Random.IntN(4) == 0 {
			f.Close()
			f = open(q)
		}
		events, err := nextSoon(ctx, f, soon)
		if soon *= 2; len(events) > 0 || soon > time.Second { // what takes long to begin, as on a busy machine, begins at last
			soon = shortest
		}
		if err != nil {
			m.mu.Lock()
			defer m.mu.Unlock()
			t.Fatalf("%+v with filter %q from %d: %v; got %v, want %v", q, q.Filter, begin, err, got, m.ids(&q.Select, begin, 1<<62))
		}
		for i := range events {
			switch e := &events[i]; {
			case e.Message != nil:
				for id := q.After + 1; id <= evicted; id++ {
					covered[id] = true
				}
				if e.Message.ID <= q.After {
					t.Fatalf("%+v: message %d after %d", q, e.Message.ID, q.After)
				}
				got, q.After = append(got, e.Message.ID), e.Message.ID
			case e.Evicted > 0:
				evicted = max(evicted, e.Evicted)
			}
		}
		select {
		case <-written:
		default:
			continue
		}
		m.mu.Lock()
		want := m.ids(&q.Select, begin, int64(len(m.messages))+1)
		m.mu.Unlock()
		if rest := slices.DeleteFunc(slices.Clone(want), func(id int64) bool { return id <= max(q.After, evicted) }); len(rest) > 0 {
			continue
		}
		// What was evicted and told need not have come.
		want = slices.DeleteFunc(want, func(id int64) bool {
			return !slices.Contains(got, id) && (covered[id] || id > q.After && id <= evicted)
		})
		if !slices.Equal(got, want) {
			t.Fatalf("%+v with filter %q from %d: got %v, want %v", q, q.Filter, begin, got, want)
		}
		return
	}
}

// shortest is the least time in which events may come to be soon.
const shortest = 20 * time.Millisecond

// nextSoon returns the next events, or none if they do not come within that time.
func nextSoon(ctx context.Context, f history.Follower, within time.Duration) ([]history.Event, error) {
	soon, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	events, err := f.Next(soon)
	if err != nil && soon.Err() != nil && ctx.Err() == nil {
		return nil, nil
	}
	return events, err
}
