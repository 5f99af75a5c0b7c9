package broker

// A fetched batch is as it was committed.
type fetched struct {
	key      uint64
	messages []*message
}

const (
	fetchBatches = 64
	fetchBytes   = 256 << 10
)

// fetch returns batches from memory or the file: those of keys, at least the
// first, in order; none if nobody needs them any more.
func (j *journal) fetch(keys []uint64) ([]fetched, error) {
	got, spans := j.cachedOf(keys)
	if len(got) > 0 || len(spans) == 0 {
		return got, nil
	}
	got, err := j.file.read(spans)
	if err != nil && !j.needs(keys) {
		return nil, nil // the session has ended meanwhile, and they were deleted
	}
	return got, err
}

// cachedOf returns what is in memory of the batches of keys, or where they stand
// in the file.
func (j *journal) cachedOf(keys []uint64) (got []fetched, spans []span) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, key := range keys {
		b := j.batches.with(key)
		switch {
		case b == nil:
		case b.messages != nil && len(spans) == 0:
			got = append(got, fetched{b.last, b.messages})
		case b.messages == nil && len(got) == 0:
			spans = append(spans, b.span)
		default:
			return got, spans
		}
	}
	return got, spans
}

// needs tells whether all batches of keys are needed.
func (j *journal) needs(keys []uint64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, key := range keys {
		if j.batches.with(key) == nil {
			return false
		}
	}
	return true
}
