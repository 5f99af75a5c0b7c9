package journal

import (
	"cmp"
	"slices"
)

// A batch is the messages of one commit, or of several in a row for the same
// consumers: adjacent rows of the file. Consumers know it by its key, which is
// that of its last row.
type batch struct {
	span
	size     int64      // in the file, in bytes
	to       []Consumer // consumers that it was written for
	needed   int        // of to: those that have not acknowledged all of it
	messages []*Message // nil: only in the file, in bytes
	memory   int        // bytes of messages
}

// A span is the keys of adjacent rows, from the first to the last.
type span struct{ first, last uint64 }

// JoinBytes is the size in bytes up to which batches are joined. Without joining,
// a session that is away while little is published would have a batch in memory
// for every message.
const JoinBytes = 64 << 10

// batches are all batches that some consumer needs, in ascending order, and some
// that no consumer needs any more.
type batches []*batch

// add adds b, or joins it to the batch before it and returns the key that this
// one had; else it returns 0.
//
// A consumer that still holds the old key cannot release the joined batch with
// it: until Committed has told it the new key, the old one names no batch.
func (all *batches) add(b *batch) (oldKey uint64) {
	if n := len(*all); n > 0 && (*all)[n-1].joins(b) {
		last := (*all)[n-1]
		oldKey = last.last
		last.last = b.last
		last.size += b.size
		last.memory += b.memory
		last.messages = append(last.messages, b.messages...)
		return oldKey
	}
	if len(*all) == cap(*all) {
		// After a batch whose consumer never comes back, all others may be unneeded.
		needed := slices.DeleteFunc(*all, func(b *batch) bool { return b.needed == 0 })
		*all = slices.Grow(needed, len(needed)+8)
	}
	*all = append(*all, b)
	return 0
}

// joins reports whether next can be joined to b: all consumers of b still need it.
func (b *batch) joins(next *batch) bool {
	return b.needed == len(b.to) && b.needed > 0 && slices.Equal(b.to, next.to) &&
		(b.messages == nil) == (next.messages == nil) && b.size+next.size <= JoinBytes
}

// endingAt returns the needed batch whose last row has the key, or nil.
func (all batches) endingAt(key uint64) *batch {
	if b := all.containing(key); b != nil && b.last == key {
		return b
	}
	return nil
}

// containing returns the needed batch that has a row with the key, or nil.
func (all batches) containing(key uint64) *batch {
	if all = all.from(key); len(all) == 0 || all[0].first > key || all[0].needed == 0 {
		return nil
	}
	return all[0]
}

// from returns the batches that end with key or later.
func (all batches) from(key uint64) batches {
	i, _ := slices.BinarySearchFunc(all, key, func(b *batch, key uint64) int { return cmp.Compare(b.last, key) })
	return all[i:]
}

// firstNeeded returns the first row of the first needed batch, or otherwise.
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
