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
	j.mu.Lock()
	got, spans := j.stored.cached(keys)
	j.mu.Unlock()
	if len(got) > 0 || len(spans) == 0 {
		return got, nil
	}
	got, err := j.file.read(spans)
	if err != nil && !j.allNeeded(keys) {
		return nil, nil // the session has ended meanwhile, and its batches were deleted
	}
	return got, err
}

func (j *Journal) allNeeded(keys []uint64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.stored.allNeeded(keys)
}
