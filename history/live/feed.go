package live

import (
	"slices"
	"sync"

	"hellox/history"
)

// A feed matches the ring's events against one selection, once for all
// followers that have it. It holds no events, only where in the ring those
// stand that match. A goroutine of its own matches, so that neither the writer
// nor a follower waits for it; it ends with the last follower, or with the hub.
type feed struct {
	hub       *hub
	sel       history.Select
	key       string
	followers int           // guarded by hub.feeding
	done      chan struct{} // closed when the last follower has left

	mu       sync.RWMutex
	began    uint64             // position in the ring it began at
	matched  uint64             // position up to which events were matched
	found    [ringEvents]uint64 // positions of the events that matched, by number
	end      uint64             // number of the next one
	wake     chan struct{}      // closed when another was found, and replaced
	overrun  bool               // it was slower than the ring; followers read pages and come back
	finished bool               // the hub was closed
}

// feed returns the feed of sel, which the caller leaves. It is nil for the
// selection of everything: the ring itself is its feed.
func (h *hub) feed(sel history.Select) *feed {
	key := sel.Key()
	if key == "" {
		return nil
	}
	h.feeding.Lock()
	defer h.feeding.Unlock()
	f := h.feeds[key]
	if f == nil && h.isClosed() {
		return nil
	}
	if f == nil {
		f = &feed{hub: h, sel: sel, key: key, done: make(chan struct{}), wake: make(chan struct{})}
		f.began, _ = h.position()
		f.matched = f.began
		h.feeds[key] = f
		h.running.Go(f.run)
	}
	f.followers++
	return f
}

// leave ends the feed with its last follower.
func (f *feed) leave() {
	f.hub.feeding.Lock()
	defer f.hub.feeding.Unlock()
	if f.followers--; f.followers == 0 {
		close(f.done)
		f.forget()
	}
}

// forget makes the next follower of the selection begin a new feed. The caller
// holds hub.feeding.
func (f *feed) forget() {
	if f.hub.feeds[f.key] == f {
		delete(f.hub.feeds, f.key)
	}
}

// feedEvents is how many events are matched between two times that followers
// are woken.
const feedEvents = 256

// run matches what is published.
func (f *feed) run() {
	var buf []history.Event
	for pos := f.began; ; {
		b, ok, err := f.hub.read(buf, pos, feedEvents)
		if err != nil || !ok {
			f.stop(err != nil)
			return
		}
		if len(b.events) == 0 {
			select {
			case <-b.wake:
				continue
			case <-f.done:
				return
			}
		}
		var found []uint64
		for i := range b.events {
			if f.sel.Wants(&b.events[i]) {
				found = append(found, pos+uint64(i))
			}
		}
		pos, buf = b.next, b.events
		f.add(found, pos)
	}
}

// add takes note of what was found up to a position of the ring.
func (f *feed) add(found []uint64, matched uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, pos := range found {
		f.found[f.end%ringEvents] = pos
		f.end++
	}
	f.matched = matched
	if len(found) > 0 {
		close(f.wake)
		f.wake = make(chan struct{})
	}
}

// stop wakes the followers for the last time.
func (f *feed) stop(finished bool) {
	f.hub.feeding.Lock()
	f.forget()
	f.hub.feeding.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.overrun, f.finished = !finished, finished
	close(f.wake)
}

// cursor returns the number of the first event found at or after a position of
// the ring; false if the feed has not looked at all that is between them.
func (f *feed) cursor(pos uint64) (uint64, bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if pos < f.began || pos > f.matched || f.overrun {
		return 0, false
	}
	n := f.end
	for n > 0 && f.end-n < ringEvents && f.found[(n-1)%ringEvents] >= pos {
		n--
	}
	return n, true
}

// read returns up to limit events from number cursor on, in buf if they have
// room there, and the number after them. It is false if one of them has left
// the ring.
func (f *feed) read(buf []history.Event, cursor uint64, limit int) (b batch, next uint64, ok bool, err error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	f.hub.mu.RLock()
	defer f.hub.mu.RUnlock()
	switch {
	case f.finished || f.hub.closed:
		return b, cursor, true, history.ErrClosed
	case f.overrun || f.end-cursor > ringEvents:
		return b, cursor, false, nil
	case cursor == f.end:
		b = batch{next: f.matched, wake: f.wake}
		if f.matched > f.hub.first {
			b.passed = f.hub.slots[(f.matched-1)%ringEvents].id
		}
		return b, cursor, true, nil
	case f.found[cursor%ringEvents] < f.hub.first:
		return b, cursor, false, nil
	}
	n := min(limit, int(f.end-cursor))
	b = batch{events: slices.Grow(buf[:0], n), next: f.matched}
	for next = cursor; next < cursor+uint64(n); next++ {
		b.events = append(b.events, f.hub.slots[f.found[next%ringEvents]%ringEvents].event)
	}
	if next < f.end {
		b.next = f.found[next%ringEvents]
	}
	return b, next, true, nil
}
