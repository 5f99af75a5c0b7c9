package timeline

import (
	"context"
	"time"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/stats"
)

// The latencies of all messages are read of a sample of each bin: at 2,000 messages a
// second an hour has 7 million. A bin of up to sampleSize messages is read whole, of
// another one samplePages pages spread over it.
const (
	sampleSize  = 512
	samplePages = 8
	sampleTime  = 200 * time.Millisecond // of one answer; the next one goes on
)

// samples holds the latencies of bins that are over.
type samples struct {
	step  time.Duration
	known map[int64]sampled // by the start of the bin in Unix nanoseconds
}

// A sampled is what was read of the bin that held so many messages from an id on.
type sampled struct {
	first, messages int64
	latency         *Latency
}

// fill sets the latencies of the bins, the newest first, as far as the time allows.
func (s *samples) fill(ctx context.Context, store history.Store, c *Counts) error {
	if s.step != c.Step || len(s.known) > 4*MaxBins {
		s.step, s.known = c.Step, map[int64]sampled{}
	}
	began := time.Now()
	for i := len(c.Bins) - 1; i >= 0; i-- {
		b, key := &c.Bins[i], c.Since.Add(time.Duration(i)*c.Step).UnixNano()
		if b.Messages == 0 {
			continue
		}
		if k := s.known[key]; k.first == b.First && k.messages == b.Messages {
			b.Latency = k.latency
			continue
		}
		if time.Since(began) > sampleTime {
			continue
		}
		d, err := sample(ctx, store, b.First, b.Messages)
		if err != nil {
			return err
		}
		b.Latency = newLatency(d)
		s.known[key] = sampled{b.First, b.Messages, b.Latency}
	}
	return nil
}

// sample reads latencies of n messages from an id on.
func sample(ctx context.Context, store history.Store, first, n int64) (*stats.Distribution, error) {
	d := stats.NewDistribution(0, 0)
	pages, size := int64(1), n
	if n > sampleSize {
		pages, size = samplePages, sampleSize/samplePages
	}
	for i := range pages {
		from := first + i*(n/pages)
		page, err := store.Messages(ctx, history.Query{After: from - 1, FromStart: from == 1, Limit: int(size)})
		if err != nil {
			return nil, err
		}
		for j := range page.Messages {
			if m := &page.Messages[j]; m.ID < first+n && hasLatency(m) {
				d.Add(m.Latency)
			}
		}
	}
	return d, nil
}

// hasLatency reports whether m tells how long messages travel: one that was retained
// tells how long it lay at the broker.
func hasLatency(m *stream.Message) bool { return m.Latency != stream.None && !m.Retained }
