package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/filter"
)

// stored is the Reader of a store that holds nothing but what was published.
type stored struct {
	mu       sync.Mutex
	messages []*stream.Message
}

func (s *stored) Messages(_ context.Context, q history.Query) (page history.Page, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.messages {
		if m.ID <= q.After || !q.Match(m) {
			continue
		}
		if len(page.Messages) == q.PageSize() {
			page.Next = page.Messages[len(page.Messages)-1].ID
			break
		}
		page.Messages = append(page.Messages, *m)
	}
	return page, nil
}

func (s *stored) FirstID() int64 { return 1 }

func unchanged(uint64) []history.Event { return nil }

// publish stores and publishes n messages of the senders s0 to s9 in turn.
func (s *stored) publish(h *hub, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var events []history.Event
	for range n {
		id := int64(len(s.messages)) + 1
		m := &stream.Message{ID: id, Topic: "t", Sender: fmt.Sprintf("s%d", id%10), Delta: stream.None, Latency: stream.None}
		s.messages = append(s.messages, m)
		events = append(events, history.Event{Message: m})
	}
	h.publish(events)
}

func selected(t *testing.T, expression string) history.Select {
	t.Helper()
	f, err := filter.Parse(expression)
	if err != nil {
		t.Fatal(err)
	}
	return history.Select{Filter: f}
}

// read returns the IDs of n messages.
func read(t *testing.T, f history.Follower, n int) (ids []int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for len(ids) < n {
		events, err := f.Next(ctx)
		if err != nil {
			t.Fatalf("after %d of %d messages: %v", len(ids), n, err)
		}
		for _, e := range events {
			ids = append(ids, e.Message.ID)
		}
	}
	return ids
}

func TestEqualSelectionsShareAFeed(t *testing.T) {
	h := newHub(0)
	feedOf := func(sel history.Select) (*feed, history.Follower) {
		f := follow(h, unchanged, &stored{}, history.Follow{After: history.Now, Select: sel, JSON: true})
		return f.feed, f
	}
	a, first := feedOf(selected(t, "sender:s1  text:x"))
	b, second := feedOf(selected(t, " sender:s1 text:x"))
	c, third := feedOf(selected(t, "sender:s2"))
	all, fourth := feedOf(history.Select{})
	if a == nil || a != b || a == c || all != nil {
		t.Errorf("feeds %p and %p of one selection, %p of another, %p of everything", a, b, c, all)
	}
	for _, f := range []history.Follower{first, second, third, fourth, first} {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if len(h.feeds) != 0 || h.encoded.Load() != 0 {
		t.Errorf("%d feeds and %d followers that want JSON are left", len(h.feeds), h.encoded.Load())
	}
	h.close()
	if f, late := feedOf(selected(t, "sender:s1")); f != nil {
		t.Error("a closed hub begins a feed")
	} else if _, err := late.Next(t.Context()); !errors.Is(err, history.ErrClosed) {
		t.Errorf("a follower of a closed hub: %v", err)
	}
}

// Followers of one selection that begin at different times all get what
// matches, once and in order, whether they are fast or behind the ring.
func TestFeedGivesWhatMatches(t *testing.T) {
	h, s := newHub(0), &stored{}
	defer h.close()
	sel := selected(t, "sender:s3")
	var followers []history.Follower
	begin := func(after int64) {
		f := follow(h, unchanged, s, history.Follow{After: after, Select: sel})
		t.Cleanup(func() { f.Close() })
		followers = append(followers, f)
	}
	begin(0)
	s.publish(h, 3*ringEvents)
	begin(0) // in the pages
	begin(3*ringEvents - 100)
	begin(history.Now)
	var writing sync.WaitGroup
	writing.Go(func() {
		for range 100 {
			s.publish(h, 200)
		}
	})
	const last = 3*ringEvents + 20_000
	for i, f := range followers {
		after := []int64{0, 0, 3*ringEvents - 100, 3 * ringEvents}[i]
		want := []int64{}
		for id := after + 1; id <= last; id++ {
			if id%10 == 3 {
				want = append(want, id)
			}
		}
		got := read(t, f, len(want))
		for j := range want {
			if got[j] != want[j] {
				t.Fatalf("follower %d: message %d is %d, want %d", i, j, got[j], want[j])
			}
		}
	}
	writing.Wait()
}

// A follower that has fallen behind the ring reads on in the pages, without gap
// or duplicate, whether it reads the ring or a feed.
func TestFollowerBehindTheRing(t *testing.T) {
	h, s := newHub(0), &stored{}
	defer h.close()
	begin := func(sel history.Select) *follower {
		f := follow(h, unchanged, s, history.Follow{After: history.Now, Select: sel})
		t.Cleanup(func() { f.Close() })
		return f
	}
	all, some, none := begin(history.Select{}), begin(selected(t, "sender:s3")), begin(selected(t, "sender:other"))
	for range 3 * ringEvents / 64 {
		s.publish(h, 64)
		for _, f := range []*follower{some, none} { // the feeds keep up; their followers do not read
			for end, _ := h.position(); ; time.Sleep(time.Microsecond) {
				if _, ok := f.feed.cursor(end); ok {
					break
				}
			}
		}
	}
	for _, c := range []struct {
		name string
		f    *follower
		step int64
		from int64
	}{{"everything", all, 1, 1}, {"a filter", some, 10, 3}} {
		want := []int64{}
		for id := c.from; id <= 3*ringEvents; id += c.step {
			want = append(want, id)
		}
		if got := read(t, c.f, len(want)); !slices.Equal(got, want) {
			t.Errorf("%s: %d messages, want %d, in order", c.name, len(got), len(want))
		}
	}
	// A follower that nothing was for is not behind.
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if events, err := none.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nothing was for it, and it gets %v, %v", events, err)
	}
}

// A selection of one sender is not told how other senders do.
func TestEventsOfOtherSenders(t *testing.T) {
	h := newHub(0)
	defer h.close()
	f := follow(h, unchanged, &stored{}, history.Follow{After: history.Now, Select: history.Select{Sender: "a"}})
	defer f.Close()
	h.publish([]history.Event{{Sender: &stream.Sender{Sender: "b"}}, {Sender: &stream.Sender{Sender: "a"}}, {Link: &stream.Link{}}})
	var got []string
	for len(got) < 2 {
		events, err := f.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if e.Sender != nil {
				got = append(got, e.Sender.Sender)
			} else {
				got = append(got, "link")
			}
		}
	}
	if fmt.Sprint(got) != "[a link]" {
		t.Errorf("events of %v", got)
	}
}

// evicting is a Reader whose oldest messages are evicted while a page is read.
type evicting struct {
	stored
	first int64
}

func (e *evicting) FirstID() int64 { return e.first }

func (e *evicting) Messages(ctx context.Context, q history.Query) (history.Page, error) {
	e.first = 51
	q.After = max(q.After, e.first-1)
	return e.stored.Messages(ctx, q)
}

// A follower is told what was evicted between the page and the question what
// there is.
func TestEvictedWhileAPageIsRead(t *testing.T) {
	h, from := newHub(0), &evicting{first: 1}
	from.publish(h, 3*ringEvents)
	f := follow(h, unchanged, from, history.Follow{After: 10})
	defer f.Close()
	events, err := f.Next(t.Context())
	if err != nil || len(events) < 2 || events[0].Evicted != 50 || events[1].Message == nil || events[1].Message.ID != 51 {
		t.Errorf("%v, %+v", err, events[:min(len(events), 2)])
	}
}

// A message that is published after the end is no reason to panic.
func TestPublishAfterClose(t *testing.T) {
	h := newHub(0)
	h.close()
	h.publish([]history.Event{{Message: &stream.Message{ID: 1}}})
}
