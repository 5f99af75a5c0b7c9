package live

import (
	"context"
	"sync"

	"hellox/history"
)

// A Reader is what a follower that has fallen behind reads from.
type Reader interface {
	Messages(ctx context.Context, q history.Query) (history.Page, error)
	// FirstID is the oldest message kept; one above the newest if none is.
	FirstID() int64
	// ChangedSince returns, as events, the senders and the link that have
	// changed at or after a position of the ring, as they are now.
	ChangedSince(pos uint64) []history.Event
}

// follower is the Follower of the stores that write themselves. It reads the
// ring; when it is not there (yet, or any more) it reads pages by id until it
// has caught up with the ring, and joins it without gap or double.
type follower struct {
	hub  *Hub
	from Reader
	sel  history.Select

	after  int64 // the newest id handed out or passed over
	joined bool
	pos    uint64 // in the ring, if joined; else where it was lost
	lost   bool   // it was in the ring once and has left it

	close sync.Once
	done  chan struct{} // closed by Close
}

// The most that one call of Next hands out.
const (
	followEvents = 512
	followPage   = 500
)

// Follow returns a Follower of the ring of h, which reads from when it is behind.
func Follow(h *Hub, from Reader, q history.Follow) history.Follower {
	h.followers.Add(1)
	f := &follower{hub: h, from: from, sel: q.Select, after: q.After, done: make(chan struct{})}
	end, last := h.position()
	// An id from the future is one of another history: there is nothing to
	// resume, what comes next is.
	if q.After == history.Now || q.After > last {
		f.after, f.pos, f.joined = last, end, true
	}
	return f
}

// Next implements Follower.
func (f *follower) Next(ctx context.Context) ([]history.Event, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !f.joined {
			events, err := f.catchUp(ctx)
			if err != nil || len(events) > 0 {
				return events, err
			}
			continue
		}
		events, pos, wake, ok, err := f.hub.read(nil, f.pos, followEvents)
		if err != nil {
			return nil, err
		}
		if !ok {
			f.joined, f.lost = false, true
			continue
		}
		f.pos = pos
		if events = f.wanted(events); len(events) > 0 {
			return events, nil
		}
		if wake == nil {
			continue
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-f.done:
			return nil, history.ErrClosed
		}
	}
}

// wanted keeps what this follower wants of events read from the ring.
func (f *follower) wanted(events []history.Event) []history.Event {
	kept := events[:0]
	for _, e := range events {
		if m := e.Message; m != nil {
			if m.ID <= f.after {
				continue // a page, read from the disk, was ahead of the ring
			}
			f.after = m.ID
			if !f.sel.Match(m) {
				continue
			}
		}
		kept = append(kept, e)
	}
	return kept
}

// catchUp hands out one page, and joins the ring as soon as that is possible.
func (f *follower) catchUp(ctx context.Context) ([]history.Event, error) {
	var events []history.Event
	if first := f.from.FirstID(); f.after > 0 && f.after+1 < first {
		f.after = first - 1
		events = append(events, history.Event{Evicted: f.after})
	}
	if pos, ok := f.hub.join(f.after); ok {
		if f.lost {
			events = append(events, f.from.ChangedSince(f.pos)...)
		}
		f.joined, f.lost, f.pos = true, false, pos
		return events, nil
	}
	_, last := f.hub.position()
	page, err := f.from.Messages(ctx, history.Query{After: f.after, FromStart: true, Select: f.sel, Limit: followPage})
	if err != nil {
		return nil, err
	}
	for i := range page.Messages {
		events = append(events, history.Event{Message: &page.Messages[i]})
		f.after = page.Messages[i].ID
	}
	if page.Next > 0 {
		f.after = page.Next
	} else {
		f.after = max(f.after, last)
	}
	return events, nil
}

// Close implements Follower.
func (f *follower) Close() error {
	f.close.Do(func() {
		f.hub.followers.Add(-1)
		close(f.done)
	})
	return nil
}
