package live

import (
	"context"
	"sync"

	"hellox/history"
)

// Reader is what a follower that has fallen behind reads from.
type Reader interface {
	Messages(ctx context.Context, q history.Query) (history.Page, error)
	// FirstID is the oldest message stored; one above the newest if none is.
	FirstID() int64
}

// follower is the Follower of the stores that write themselves. It reads the
// ring, or the feed of its selection; while it is not there (yet, or any more)
// it reads pages by ID until it has caught up with the ring, and joins it
// without gap or duplicate.
type follower struct {
	hub  *hub
	from Reader

	changedSince func(pos uint64) []history.Event
	q            history.Follow

	after  int64 // the newest ID handed out or passed over
	joined bool
	pos    uint64 // in the ring, if joined; else where it was lost
	lost   bool   // it was in the ring once and has left it

	feed   *feed  // of its selection; nil: the ring itself
	onFeed bool   // it reads feed, from cursor on
	cursor uint64 // number of the next event in feed

	mu     sync.Mutex // guards what Close may find while Next runs: feed and closed
	closed bool
	done   chan struct{} // closed by Close

	buf *[]history.Event // what Next returned last; nil while it waits
}

// The most that one call of Next returns.
const (
	followEvents = 512
	followPage   = 500
)

// follow returns a Follower of h, which reads pages of from while it is behind.
// changedSince returns, as events, the senders and the link that have changed at
// or after a position of the ring, as they are now.
func follow(h *hub, changedSince func(pos uint64) []history.Event, from Reader, q history.Follow) *follower {
	if q.JSON {
		h.encoded.Add(1)
	}
	f := &follower{hub: h, changedSince: changedSince, from: from, q: q, after: q.After, feed: h.feed(q.Select), done: make(chan struct{})}
	end, last := h.position()
	// An ID from the future is one of another history: there is nothing to
	// resume, what comes next is.
	if q.After == history.Now || q.After > last {
		f.after, f.pos, f.joined = last, end, true
	}
	return f
}

// Next implements history.Follower.
func (f *follower) Next(ctx context.Context) ([]history.Event, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if f.isClosed() {
			return nil, history.ErrClosed
		}
		if !f.joined {
			events, err := f.catchUp(ctx)
			if err != nil || len(events) > 0 {
				return events, err
			}
			continue
		}
		b, ok, err := f.read()
		switch {
		case err != nil:
			return nil, err
		case !ok:
			f.leaveRing()
			continue
		}
		f.pos = b.next
		if events := f.wanted(b.events); len(events) > 0 {
			return events, nil
		}
		f.after = max(f.after, b.passed)
		if b.wake == nil {
			continue
		}
		if err := f.wait(ctx, b.wake); err != nil {
			return nil, err
		}
	}
}

// wait returns when there may be events. A thousand followers wait here: their
// buffers are with others meanwhile.
func (f *follower) wait(ctx context.Context, wake <-chan struct{}) error {
	f.hub.idle.Put(f.buf)
	f.buf = nil
	select {
	case <-wake:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-f.done:
		return history.ErrClosed
	}
}

// read reads the feed of the selection, or the ring as long as the feed has
// not come to where this follower is.
func (f *follower) read() (b batch, ok bool, err error) {
	if f.feed != nil && !f.onFeed {
		f.cursor, f.onFeed = f.feed.cursor(f.pos)
	}
	if f.buf == nil {
		f.buf = f.hub.idle.Get().(*[]history.Event)
	}
	if !f.onFeed {
		b, ok, err = f.hub.read(*f.buf, f.pos, followEvents)
	} else {
		b, f.cursor, ok, err = f.feed.read(*f.buf, f.cursor, followEvents)
	}
	if b.events != nil {
		*f.buf = b.events
	}
	return b, ok, err
}

// leaveRing begins to catch up, and to look for a feed that goes on.
func (f *follower) leaveRing() {
	f.joined, f.lost = false, true
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.feed != nil && !f.closed {
		f.feed.leave()
		f.feed, f.onFeed = f.hub.feed(f.q.Select), false
	}
}

// wanted filters events read from the ring; those of a feed match already.
func (f *follower) wanted(events []history.Event) []history.Event {
	wanted := events[:0]
	for i := range events {
		e := &events[i]
		if m := e.Message; m != nil {
			if m.ID <= f.after {
				continue // a page, read from the store, was ahead of the ring
			}
			f.after = m.ID
		}
		if f.onFeed || f.q.Wants(e) {
			wanted = append(wanted, *e)
		}
	}
	return wanted
}

// catchUp returns one page, and joins the ring as soon as that is possible.
func (f *follower) catchUp(ctx context.Context) ([]history.Event, error) {
	var events []history.Event
	if first := f.from.FirstID(); f.after > 0 && f.after+1 < first {
		f.after = first - 1
		events = append(events, history.Event{Evicted: f.after})
	}
	if pos, ok := f.hub.join(f.after); ok {
		if f.lost {
			for _, e := range f.changedSince(f.pos) {
				if f.q.Wants(&e) {
					events = append(events, e)
				}
			}
		}
		f.joined, f.lost, f.pos = true, false, pos
		return events, nil
	}
	_, last := f.hub.position()
	began := f.after
	page, err := f.from.Messages(ctx, history.Query{After: f.after, FromStart: true, Select: f.q.Select, Limit: followPage})
	if err != nil {
		return nil, err
	}
	// What was evicted while the page was read may be missing from its start.
	gone := f.from.FirstID() - 1
	if len(page.Messages) > 0 {
		gone = min(gone, page.Messages[0].ID-1)
	} else if page.Next > 0 {
		gone = min(gone, page.Next)
	}
	if gone > began {
		f.after = gone
		events = append(events, history.Event{Evicted: gone})
	}
	for i := range page.Messages {
		events = append(events, history.Event{Message: &page.Messages[i]})
		f.after = page.Messages[i].ID
	}
	if page.Next > 0 {
		f.after = max(f.after, page.Next)
	} else {
		f.after = max(f.after, last)
	}
	return events, nil
}

func (f *follower) isClosed() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// Close implements history.Follower.
func (f *follower) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	if f.q.JSON {
		f.hub.encoded.Add(-1)
	}
	if f.feed != nil {
		f.feed.leave()
	}
	close(f.done)
	return nil
}
