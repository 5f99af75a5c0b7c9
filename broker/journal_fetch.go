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
// first, in order.
func (j *journal) fetch(keys []uint64) ([]fetched, error) {
	var got []fetched
	j.mu.Lock()
	for _, key := range keys {
		b := j.batches[key]
		if b == nil || b.messages == nil {
			break
		}
		got = append(got, fetched{key, b.messages})
	}
	j.mu.Unlock()
	if len(got) > 0 {
		return got, nil
	}
	return j.file.read(keys)
}
