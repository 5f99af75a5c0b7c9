package journal

import (
	"slices"
	"sort"
)

// An index is what the journal has in memory of the batches in the file: which
// sessions need them, and the messages of the newest ones. Its methods are
// called with Journal.mu held.
type index struct {
	segments       []*segment // ascending; the last one may grow
	bytes          int64      // of batches in the file
	lastRow        uint64     // key of the newest row in the file
	discarded      []span     // rows in the file that no session needs
	discardedBytes int64
	cachedFrom     uint64 // messages of segments that end before it are not in memory
	cachedBytes    int    // of messages that are
}

// maxCached is how many bytes of messages stay in memory for feeders. To read a message
// from the file costs about as much as to send it.
const maxCached = 20 << 20

// add adds a row that is in the file. Rows come in the order of their keys.
func (x *index) add(r *row) {
	s := x.current()
	if s == nil || r.begins {
		s = x.begin()
	}
	b := s.byGroup[r.group]
	if b == nil {
		b = &batch{group: r.group}
		s.add(b)
	}
	oldKey := b.last
	if n := len(b.spans); n > 0 && b.last == x.lastRow {
		b.spans[n-1].last = r.key
	} else {
		b.spans = append(b.spans, span{r.key, r.key})
	}
	x.lastRow, s.last, b.last = r.key, r.key, r.key
	b.size += r.size
	s.bytes += r.size
	x.bytes += r.size
	if r.messages != nil {
		b.messages = append(b.messages, r.messages...)
		for _, m := range r.messages {
			b.memory += m.Size()
			x.cachedBytes += m.Size()
		}
	}
	for _, q := range r.group.queues {
		q.push(b, oldKey, r.key, r.size)
	}
	if b.needed == 0 {
		x.discard(b)
	}
}

// current returns the segment that may grow, or nil.
func (x *index) current() *segment {
	if n := len(x.segments); n > 0 && x.segments[n-1].byGroup != nil {
		return x.segments[n-1]
	}
	return nil
}

// begin completes the current segment and begins the next one.
func (x *index) begin() *segment {
	x.complete()
	if len(x.segments) == cap(x.segments) {
		// After one that a session away needs, all others may be unneeded.
		needed := slices.DeleteFunc(x.segments, func(s *segment) bool { return len(s.batches) == 0 })
		x.segments = slices.Grow(needed, len(needed)+8)
	}
	s := &segment{first: x.lastRow + 1, byGroup: map[*Group]*batch{}}
	x.segments = append(x.segments, s)
	return s
}

// complete lets the current segment grow no more.
func (x *index) complete() {
	if s := x.current(); s != nil {
		s.byGroup = nil
		s.batches = slices.Clip(s.batches)
	}
}

// release notes that one session no longer needs b.
func (x *index) release(b *batch) {
	b.needed--
	if b.needed == 0 {
		x.discard(b)
	}
}

// discard marks b, which no session needs, for deletion.
func (x *index) discard(b *batch) {
	x.uncache(b)
	x.discarded = append(x.discarded, b.spans...)
	x.discardedBytes += b.size
	b.segment.remove(b)
}

// uncache drops the messages of a batch from memory. They are read from the
// file when they are needed.
func (x *index) uncache(b *batch) {
	x.cachedBytes -= b.memory
	b.messages, b.memory = nil, 0
}

// evict drops the oldest messages from memory while there are too many.
func (x *index) evict() {
	for _, s := range x.from(x.cachedFrom) {
		if x.cachedBytes <= maxCached || s.byGroup != nil {
			return
		}
		for _, b := range s.batches {
			x.uncache(b)
		}
		x.cachedFrom = s.last + 1
	}
}

// from returns the segments that end with seq or later.
func (x *index) from(seq uint64) []*segment {
	return x.segments[sort.Search(len(x.segments), func(i int) bool { return x.segments[i].last >= seq }):]
}

// firstNeeded returns the key of the first row that some session needs, or
// otherwise.
func (x *index) firstNeeded(otherwise uint64) uint64 {
	for len(x.segments) > 0 && len(x.segments[0].batches) == 0 && x.segments[0].byGroup == nil {
		x.segments[0] = nil
		x.segments = x.segments[1:]
	}
	for _, s := range x.segments {
		if len(s.batches) == 0 {
			continue
		}
		first := s.last
		for _, b := range s.batches {
			first = min(first, b.spans[0].first)
		}
		return first
	}
	return otherwise
}

// needed returns how many batches some session needs.
func (x *index) needed() (n int) {
	for _, s := range x.segments {
		n += len(s.batches)
	}
	return n
}
