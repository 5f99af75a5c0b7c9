package historytest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/filter"
)

// A Writer makes random arrivals of several senders and topics.
type Writer struct {
	Random  *rand.Rand
	Senders int
	N       int // arrivals so far
	seqs    [8]uint64
}

// NewWriter returns a Writer of up to five senders.
func NewWriter(random *rand.Rand) *Writer {
	return &Writer{Random: random, Senders: 1 + random.IntN(5)}
}

// Batch returns the next arrivals.
func (w *Writer) Batch(size int) []stream.Arrival {
	batch := make([]stream.Arrival, size)
	for i := range batch {
		w.N++
		// The first sender falls silent: its newest message lies before most
		// of what the pages ask for.
		s := w.Random.IntN(w.Senders)
		if w.N > 100 && s == 0 {
			s = w.Senders
		}
		if w.Random.IntN(3) == 0 {
			batch[i] = Foreign(fmt.Sprintf("other/%d", s), fmt.Sprintf(`{"n":%d}`, w.Random.IntN(20)), w.N)
			continue
		}
		w.seqs[s] += 1 + w.Random.Uint64N(2)
		batch[i] = Hello(fmt.Sprintf("s-%d", s), w.seqs[s], w.N)
	}
	return batch
}

// Query returns a random query of what w makes.
func (w *Writer) Query(t testing.TB) history.Query {
	q := history.Query{Select: w.Select(t), Limit: 1 + w.Random.IntN(40)}
	last := int64(w.N)
	switch w.Random.IntN(3) {
	case 0:
		q.FromStart = true
	case 1:
		q.After = 1 + w.Random.Int64N(last+5)
	case 2:
		q.Before = 1 + w.Random.Int64N(last+1) // what comes later is above it
	}
	return q
}

// Select returns a random selection of what w makes.
func (w *Writer) Select(t testing.TB) (s history.Select) {
	t.Helper()
	expressions := []string{"", "sender:s-1", "topic:other/+", "-sender:s-0", "sender:s-2 or topic:other/1", "is:ours", "delta>2ms", "payload.n<5", "nothing"}
	f, err := filter.Parse(expressions[w.Random.IntN(len(expressions))])
	if err != nil {
		t.Fatal(err)
	}
	s.Filter = f
	switch w.Random.IntN(4) {
	case 0:
		s.Sender = fmt.Sprintf("s-%d", w.Random.IntN(6))
	case 1:
		s.Topics = []string{[]string{"other/+", "hello_world/#", "other/0", "#"}[w.Random.IntN(4)]}
	}
	return s
}
