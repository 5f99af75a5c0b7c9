package web

import (
	"sync"

	"hellox/stream"
)

// Bounds of a ring. A client whose position has left it is cut off.
const (
	ringEntries = 4096
	ringBytes   = 4 << 20
)

// An entry is one event, encoded once for every client.
type entry struct {
	id      int64           // of the message; 0 if it is another event
	message *stream.Message // shared; nil if it is another event
	sender  string          // whom it is about; "": everybody
	frame   []byte          // as it goes over the wire; shared
}

// A ring holds the newest entries. Writers never wait for readers: each
// reader has a position of its own, and one that is overtaken is told so.
type ring struct {
	mu      sync.Mutex
	entries []entry // a power of two, indexed by position modulo its length
	first   uint64  // position of the oldest entry held
	end     uint64  // position that the next entry gets
	bytes   int
	wake    chan struct{} // closed, and replaced, when something is added
	closed  bool
}

func newRing() *ring {
	return &ring{entries: make([]entry, ringEntries), wake: make(chan struct{})}
}

// add appends entries and wakes every reader.
func (r *ring) add(entries []entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || len(entries) == 0 {
		return
	}
	for _, e := range entries {
		for r.end-r.first == uint64(len(r.entries)) || (r.bytes+len(e.frame) > ringBytes && r.end > r.first) {
			oldest := &r.entries[r.first%uint64(len(r.entries))]
			r.bytes -= len(oldest.frame)
			*oldest = entry{}
			r.first++
		}
		r.entries[r.end%uint64(len(r.entries))] = e
		r.bytes += len(e.frame)
		r.end++
	}
	close(r.wake)
	r.wake = make(chan struct{})
}

// position is where the next entry will stand.
func (r *ring) position() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.end
}

// read appends to into the entries from position on, as many as its capacity
// holds. With none, it returns the channel that is closed when there are. ok is
// false when the position has left the ring, or the ring is closed and read to
// its end.
func (r *ring) read(position uint64, into []entry) (entries []entry, next uint64, wake <-chan struct{}, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if position < r.first || (r.closed && position == r.end) {
		return into, position, nil, false
	}
	for ; position < r.end && len(into) < cap(into); position++ {
		into = append(into, r.entries[position%uint64(len(r.entries))])
	}
	return into, position, r.wake, true
}

// close wakes every reader for the last time.
func (r *ring) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.closed = true
		close(r.wake)
	}
}
