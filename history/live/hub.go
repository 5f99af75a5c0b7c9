package live

import (
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"hellox/history"
)

// Bounds of the ring of recent events: a follower may be away for that long
// without reading pages.
const (
	ringEvents = 4096
	ringBytes  = 4 << 20
)

// A hub hands events to all followers through one ring that they share, and
// wakes them together. Publishing never waits for a follower: one whose
// position has left the ring reads pages instead (follower.go).
type hub struct {
	encoded atomic.Int64 // open followers that want JSON; events are encoded only if it is > 0
	idle    sync.Pool    // buffers of followers, as *[]history.Event

	mu     sync.RWMutex
	slots  [ringEvents]slot
	first  uint64 // position of the oldest slot still held, from 1
	end    uint64 // position of the next one
	before int64  // newest message ID whose slot is no longer held
	last   int64  // newest message ID published
	bytes  int
	wake   chan struct{} // closed at each publish, and replaced
	closed bool

	feeding sync.Mutex
	feeds   map[string]*feed // by history.Select.Key; guarded by feeding
	running sync.WaitGroup   // the feeds' goroutines
}

// A slot is an event and the newest message ID up to it, which is what the
// ring is searched by.
type slot struct {
	event history.Event
	id    int64
	size  int
}

// newHub returns the hub of a store whose newest message is last.
func newHub(last int64) *hub {
	return &hub{first: 1, end: 1, before: last, last: last, wake: make(chan struct{}), feeds: map[string]*feed{},
		idle: sync.Pool{New: func() any { return new([]history.Event) }}}
}

// publish appends events; IDs of messages rise. After close it does nothing.
func (h *hub) publish(events []history.Event) {
	if len(events) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	for _, e := range events {
		s := slot{event: e, id: h.last, size: 256 + len(e.JSON)}
		if e.Message != nil {
			h.last = e.Message.ID
			s.id = h.last
			s.size += len(e.Message.Payload) + len(e.Message.Topic) + len(e.Message.Text)
		}
		for h.end-h.first == ringEvents || h.bytes+s.size > ringBytes && h.end > h.first {
			old := &h.slots[h.first%ringEvents]
			h.before, h.bytes = old.id, h.bytes-old.size
			*old = slot{}
			h.first++
		}
		h.slots[h.end%ringEvents] = s
		h.end++
		h.bytes += s.size
	}
	close(h.wake)
	h.wake = make(chan struct{})
}

// close ends every follower and waits for the feeds.
func (h *hub) close() {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		close(h.wake)
	}
	h.mu.Unlock()
	h.feeding.Lock() // a feed that is about to begin is waited for, no other begins
	h.feeding.Unlock()
	h.running.Wait()
}

func (h *hub) isClosed() bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.closed
}

// position returns the end of the ring and the newest message ID before it.
func (h *hub) position() (end uint64, last int64) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.end, h.last
}

// join returns the position right after message id; false if the ring no
// longer goes back so far.
func (h *hub) join(id int64) (uint64, bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if id < h.before {
		return 0, false
	}
	n := sort.Search(int(h.end-h.first), func(i int) bool {
		return h.slots[(h.first+uint64(i))%ringEvents].id > id
	})
	return h.first + uint64(n), true
}

// A batch is what one read of the ring, or of a feed, gives.
type batch struct {
	events []history.Event
	next   uint64          // position in the ring up to which everything was looked at
	wake   <-chan struct{} // without events: closed when there may be some
	passed int64           // without events: newest message ID before next, if it is known
}

// read returns up to limit events from pos on, in buf if they have room there.
// It is false if pos has left the ring.
func (h *hub) read(buf []history.Event, pos uint64, limit int) (b batch, ok bool, err error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	switch {
	case h.closed:
		return b, true, history.ErrClosed
	case pos < h.first:
		return b, false, nil
	case pos == h.end:
		return batch{next: pos, wake: h.wake}, true, nil
	}
	n := min(limit, int(h.end-pos))
	b = batch{events: slices.Grow(buf[:0], n), next: pos + uint64(n)}
	for ; pos < b.next; pos++ {
		b.events = append(b.events, h.slots[pos%ringEvents].event)
	}
	return b, true, nil
}
