package journal

// releaseLocked is Release for a caller that holds j.mu.
func (j *Journal) releaseLocked(keys []uint64) {
	for _, key := range keys {
		if b := j.batches.endingAt(key); b != nil {
			b.needed--
			j.discard(b)
		}
	}
}

// discard marks b for deletion once no session needs it.
func (j *Journal) discard(b *batch) {
	if b.needed > 0 {
		return
	}
	j.uncache(b)
	j.discarded = append(j.discarded, b.span)
	j.discardedBytes += b.size
}

// addBatch adds a batch that is one row of the file. If it extends the batch
// before it, addBatch returns the key which that had, else 0.
func (j *Journal) addBatch(b *batch) (oldKey uint64) {
	j.storedBytes += b.size
	j.cachedBytes += b.memory
	return j.batches.add(b)
}

// uncache drops the messages of a batch from memory. They are read from the
// file when they are needed.
func (j *Journal) uncache(b *batch) {
	j.cachedBytes -= b.memory
	b.messages, b.memory = nil, 0
}
