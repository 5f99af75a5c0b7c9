package journal

// A Batch is messages that were committed together, as Fetch returns them.
type Batch struct {
	Key      uint64
	Messages []*Message
}

// MaxFetch is how many batches one Fetch returns at most.
const MaxFetch = 64

// fetchBytes is how much one Fetch reads from the file, beyond one batch.
const fetchBytes = 256 << 10

// Fetch returns the batches of keys from memory or the file, in order: at least
// the first one, or none if no session needs them any more.
func (j *Journal) Fetch(keys []uint64) ([]Batch, error) {
	got, spans := j.cached(keys)
	if len(got) > 0 || len(spans) == 0 {
		return got, nil
	}
	got, err := j.file.read(spans)
	if err != nil && !j.allNeeded(keys) {
		return nil, nil // the session has ended meanwhile, and its batches were deleted
	}
	return got, err
}

// cached returns the first batches of keys if they are in memory, else their
// place in the file.
func (j *Journal) cached(keys []uint64) (got []Batch, spans []span) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, key := range keys {
		b := j.batches.containing(key)
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
func (j *Journal) allNeeded(keys []uint64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, key := range keys {
		if j.batches.containing(key) == nil {
			return false
		}
	}
	return true
}
