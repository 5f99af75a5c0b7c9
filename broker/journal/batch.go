package journal

import (
	"cmp"
	"slices"
)

// A batch is what one commit wrote, or several in a row for the same sessions:
// rows of the file that stand side by side. Its key, by which sessions know it,
// is the last of its rows'.
type batch struct {
	span
	size     int64      // in the file
	to       []Consumer // that it was for
	needed   int        // of to, those that have not acknowledged all of theirs
	messages []*Message // nil: only in the file
	memory   int        // of messages
}

// A span is the keys of rows side by side, from the first to the last.
type span struct{ first, last uint64 }

// JoinBytes is how far a batch grows. Without that, a session that is away
// while little is published had a batch in memory for every message.
const JoinBytes = 64 << 10

// batches are all that some session needs, ascending, and some among them that
// are not needed any more.
type batches []*batch

// add adds b, or what it consists of to the batch before it. It returns the
// key that this had, or 0.
//
// A session that holds the former key does not need what was added less: until
// it has been told, the key means nothing, and it cannot let go of the batch.
func (all *batches) add(b *batch) (was uint64) {
	if n := len(*all); n > 0 && (*all)[n-1].joins(b) {
		last := (*all)[n-1]
		was = last.last
		last.last = b.last
		last.size += b.size
		last.memory += b.memory
		last.messages = append(last.messages, b.messages...)
		return was
	}
	if len(*all) == cap(*all) {
		// Behind one that nobody comes back for, all others are dead.
		needed := slices.DeleteFunc(*all, func(b *batch) bool { return b.needed == 0 })
		*all = slices.Grow(needed, len(needed)+8)
	}
	*all = append(*all, b)
	return 0
}

// joins tells whether next can be added to b, which all that it is for still need.
func (b *batch) joins(next *batch) bool {
	return b.needed == len(b.to) && b.needed > 0 && slices.Equal(b.to, next.to) &&
		(b.messages == nil) == (next.messages == nil) && b.size+next.size <= JoinBytes
}

// endingAt returns the batch of that key, or nil.
func (all batches) endingAt(key uint64) *batch {
	if b := all.containing(key); b != nil && b.last == key {
		return b
	}
	return nil
}

// containing returns the batch that the row of that key belongs to, or nil.
func (all batches) containing(key uint64) *batch {
	if all = all.from(key); len(all) == 0 || all[0].first > key || all[0].needed == 0 {
		return nil
	}
	return all[0]
}

// from returns those that end with key or later.
func (all batches) from(key uint64) batches {
	i, _ := slices.BinarySearchFunc(all, key, func(b *batch, key uint64) int { return cmp.Compare(b.last, key) })
	return all[i:]
}

// firstNeeded returns the first row of those that are needed, or else.
func (all *batches) firstNeeded(otherwise uint64) uint64 {
	for len(*all) > 0 {
		if b := (*all)[0]; b.needed > 0 {
			return b.first
		}
		(*all)[0] = nil
		*all = (*all)[1:]
	}
	return otherwise
}
