package stats

import (
	"time"

	"hellox/stream"
)

// A Distribution counts durations as a Meter does, but all that are added, without a
// window of time. It is not safe for concurrent use.
type Distribution struct {
	tally tally
	frame frame
}

// NewDistribution returns an empty Distribution of intervals of which their sender
// declares the shortest and the longest; 0 and 0 if it declares none, and for what is
// no interval.
func NewDistribution(shortest, longest time.Duration) *Distribution {
	return &Distribution{frame: frame{shortest, longest}}
}

// Add counts d.
func (s *Distribution) Add(d time.Duration) {
	if s.frame.set() {
		s.tally.addTo(s.frame.bin(d), d)
	} else {
		s.tally.add(d)
	}
}

// Merge counts what other has counted, which has the same frame.
func (s *Distribution) Merge(other *Distribution) { s.tally.merge(&other.tally) }

// Count returns how many durations were added.
func (s *Distribution) Count() uint64 { return s.tally.n }

// Quantile returns the smallest duration that the fraction q does not exceed, off by
// at most 1/32 of it. There must be one, and no frame.
func (s *Distribution) Quantile(q float64) time.Duration { return s.tally.quantile(q) }

// Spread returns the extremes and the mean. There must be a duration.
func (s *Distribution) Spread() stream.Spread {
	return stream.Spread{Min: stream.Millis(s.tally.min), Mean: s.tally.sum / float64(s.tally.n) / 1e6, Max: stream.Millis(s.tally.max)}
}

// Histogram counts the durations in bins, as Meter.Histogram does. There must be one.
func (s *Distribution) Histogram() Histogram {
	if s.frame.set() {
		return s.frame.histogram(&s.tally)
	}
	step, counts := s.tally.bins(s.tally.quantile(0.99), histogramBins)
	return Histogram{Step: step, Counts: counts}
}
