package journal

// An index is what the journal has in memory of the batches in the file: which
// consumers need them, and the messages of the newest ones. Its methods are
// called with Journal.mu held.
type index struct {
	batches        batches
	bytes          int64  // of batches in the file
	discarded      []span // batches in the file that no session needs
	discardedBytes int64
	cachedFrom     uint64 // messages of batches that end before it are not in memory
	cachedBytes    int    // of messages that are
}

const maxCached = 4 << 20 // bytes of messages that stay in memory for feeders

// release notes that one consumer of each of these batches no longer needs it.
func (x *index) release(keys []uint64) {
	for _, key := range keys {
		if b := x.batches.endingAt(key); b != nil {
			b.needed--
			x.discard(b)
		}
	}
}

// discard marks b for deletion once no session needs it.
func (x *index) discard(b *batch) {
	if b.needed > 0 {
		return
	}
	x.uncache(b)
	x.discarded = append(x.discarded, b.span)
	x.discardedBytes += b.size
}

// add adds a batch that is one row of the file. If it extends the batch
// before it, add returns the key which that had, else 0.
func (x *index) add(b *batch) (oldKey uint64) {
	x.bytes += b.size
	x.cachedBytes += b.memory
	return x.batches.add(b)
}

// uncache drops the messages of a batch from memory. They are read from the
// file when they are needed.
func (x *index) uncache(b *batch) {
	x.cachedBytes -= b.memory
	b.messages, b.memory = nil, 0
}

// evict drops the oldest messages from memory while there are too many.
func (x *index) evict() {
	for _, b := range x.batches.from(x.cachedFrom) {
		if x.cachedBytes <= maxCached {
			return
		}
		x.uncache(b)
		x.cachedFrom = b.last + 1
	}
}

// cached returns the first batches of keys if they are in memory, else their
// place in the file.
func (x *index) cached(keys []uint64) (got []Batch, spans []span) {
	for _, key := range keys {
		b := x.batches.containing(key)
		switch {
		case b == nil:
		case b.messages != nil && len(spans) == 0:
			got = append(got, Batch{b.last, b.messages})
		case b.messages == nil && len(got) == 0:
			spans = append(spans, b.span)
		default:
			return got, spans
		}
	}
	return got, spans
}

// allNeeded reports whether all batches of keys are needed.
func (x *index) allNeeded(keys []uint64) bool {
	for _, key := range keys {
		if x.batches.containing(key) == nil {
			return false
		}
	}
	return true
}
