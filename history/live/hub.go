package live

import (
	"sort"
	"sync"
	"sync/atomic"

	"hellox/history"
)

// The ring of recent events holds this much, so that a follower may be away
// for a moment without reading pages.
const (
	ringEvents = 4096
	ringBytes  = 4 << 20
)

// A Hub hands events to all followers through one ring that they share, and
// wakes them together. Whoever publishes never waits for a follower: one whose
// position has left the ring reads pages instead (follower.go).
type Hub struct {
	followers atomic.Int64 // open; nobody encodes for nobody

	mu     sync.RWMutex
	slots  [ringEvents]slot
	first  uint64 // position of the oldest slot still held, from 1
	end    uint64 // position of the next one
	before int64  // newest message id whose slot is no longer held
	last   int64  // newest message id published
	bytes  int
	wake   chan struct{} // closed at each publish, and replaced
	closed bool
}

// A slot is an event and the newest message id up to it, which is what the
// ring is searched by.
type slot struct {
	event history.Event
	id    int64
	size  int
}

// NewHub returns the hub of a store whose newest message is last.
func NewHub(last int64) *Hub {
	return &Hub{first: 1, end: 1, before: last, last: last, wake: make(chan struct{})}
}

// publish appends events; ids of messages rise.
func (h *Hub) publish(events []history.Event) {
	if len(events) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
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

// Close wakes every follower for the last time.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		h.closed = true
		close(h.wake)
	}
}

// position returns the end of the ring and the newest message id before it.
func (h *Hub) position() (end uint64, last int64) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.end, h.last
}

// join returns the position right after message id; false if the ring no
// longer goes back so far.
func (h *Hub) join(id int64) (uint64, bool) {
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

// read appends up to limit events from pos on, returns the position after
// them and, if there were none, what is closed when there are. It is false if
// pos has left the ring.
func (h *Hub) read(buf []history.Event, pos uint64, limit int) (events []history.Event, next uint64, wake <-chan struct{}, ok bool, err error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	switch {
	case h.closed:
		return buf, pos, nil, true, history.ErrClosed
	case pos < h.first:
		return buf, pos, nil, false, nil
	case pos == h.end:
		return buf, pos, h.wake, true, nil
	}
	for ; pos < h.end && limit > 0; pos, limit = pos+1, limit-1 {
		buf = append(buf, h.slots[pos%ringEvents].event)
	}
	return buf, pos, nil, true, nil
}
