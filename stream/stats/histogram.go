package stats

import "time"

// A Histogram counts intervals in bins of equal width.
type Histogram struct {
	From   time.Duration // where the first bin begins
	Step   time.Duration // width of a bin
	Counts []uint64      // without a frame the last one counts all beyond, too

	// The frame: what the sender declares to keep to. 0 without.
	Min, Max time.Duration
	Beyond   uint64 // intervals outside of it; no bin counts them
}

// A frame is the interval that a sender declares.
type frame struct{ shortest, longest time.Duration }

const (
	// frameBins is the number of bins in a frame: half a second for 1 to 10 s.
	frameBins = 18
	// An interval that leaves the frame by less than a hundredth of its width,
	// or by 5 ms, is counted in its first or last bin: timers and the way of two
	// messages are not exact, and what they add and take there is as much.
	frameTolerance = 100
	minTolerance   = 5 * time.Millisecond
	// minTested is the narrowest frame for which Uniformity is given. In the bins
	// of a narrower one there is more of timers than of what was drawn.
	minTested = 100 * time.Millisecond
)

// set reports whether there are bins between the two.
func (f frame) set() bool { return f.longest-f.shortest >= frameBins }

// bin returns the bin of an interval; -1 or frameBins if it is beyond.
func (f frame) bin(d time.Duration) int {
	width := f.longest - f.shortest
	tolerance := max(width/frameTolerance, minTolerance)
	switch {
	case d < f.shortest-tolerance:
		return -1
	case d > f.longest+tolerance:
		return frameBins
	}
	into := min(max(d-f.shortest, 0), width-1)
	return int(into * frameBins / width)
}

// histogram returns the intervals that were counted by bin.
func (f frame) histogram(t *tally) Histogram {
	h := Histogram{From: f.shortest, Step: (f.longest - f.shortest) / frameBins, Counts: make([]uint64, frameBins), Min: f.shortest, Max: f.longest}
	t.each(func(bin int, n uint32) {
		if bin < 0 || bin >= frameBins {
			h.Beyond += uint64(n)
		} else {
			h.Counts[bin] += uint64(n)
		}
	})
	return h
}

// Tested reports whether Uniformity of the counts means anything: not without a
// frame, nor if that is too narrow.
func (h *Histogram) Tested() bool { return h.Max-h.Min >= minTested }
