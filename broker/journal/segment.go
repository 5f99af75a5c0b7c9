package journal

import (
	"cmp"
	"slices"
)

// A segment is the messages of a range of sequence numbers: a batch for each
// group that had messages in it. All of a segment are older than all of the
// next one, so a session reads segment by segment, and within one merges its
// batches.
type segment struct {
	first, last uint64            // sequence numbers: what precedes it, plus 1, and that of its newest message
	bytes       int64             // of its messages, in the file
	batches     []*batch          // those that some session needs
	byGroup     map[*Group]*batch // of batches; nil once the segment is complete
}

// SegmentBytes is the size at which a segment is complete. A session that is
// away while little is published for it has a batch in memory for each.
const SegmentBytes = 256 << 10

// A batch is the messages of one group in a segment. It is deleted when each
// session of the group has acknowledged all of it.
type batch struct {
	segment  *segment
	at       int // in segment.batches
	group    *Group
	spans    []span     // its rows in the file
	last     uint64     // key of its last row
	size     int64      // in the file, in bytes
	needed   int        // sessions that have not acknowledged all of it
	messages []*Message // nil: only in the file
	memory   int        // bytes of messages
}

// A span is the keys of adjacent rows, from the first to the last.
type span struct{ first, last uint64 }

// joined returns spans, none of which overlap, with those joined that are adjacent.
// Sessions that fetch at the same time discard rows that lie between each other's. It
// sorts spans.
func joined(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	var all []span
	for _, s := range spans {
		if n := len(all); n > 0 && all[n-1].last+1 == s.first {
			all[n-1].last = s.last
		} else {
			all = append(all, s)
		}
	}
	return all
}

// guarded reports whether a session without a limit needs the batch.
func (b *batch) guarded() bool {
	if !b.group.guarded {
		return false
	}
	for _, q := range b.group.queues {
		if q.limit == 0 && !q.ended && q.cursor < b.last {
			return true
		}
	}
	return false
}

func (s *segment) add(b *batch) {
	b.segment, b.at = s, len(s.batches)
	s.batches = append(s.batches, b)
	s.byGroup[b.group] = b
}

// remove removes a batch that no session needs.
func (s *segment) remove(b *batch) {
	last := s.batches[len(s.batches)-1]
	last.at, s.batches[b.at] = b.at, last
	s.batches[len(s.batches)-1] = nil
	s.batches = s.batches[:len(s.batches)-1]
	if s.byGroup != nil {
		delete(s.byGroup, b.group)
	}
}
