package history

import (
	"cmp"
	"math"
	"slices"
	"time"

	"hellox/stream"
	"hellox/stream/stats"
)

// Intervals are the times between the messages of one sender over the last
// hour, counted in bins.
type Intervals struct {
	Sender   string    `json:"sender"`
	FromMS   float64   `json:"from_ms"` // where the first bin begins
	StepMS   float64   `json:"step_ms"` // width of a bin
	Counts   []uint64  `json:"counts"`  // Counts[i]: from FromMS+i*StepMS on; the last: all beyond, unless that is Declared's
	MinMS    float64   `json:"min_ms"`
	MeanMS   float64   `json:"mean_ms"`
	MaxMS    float64   `json:"max_ms"`
	Declared *Declared `json:"declared,omitempty"` // nil: the sender declares no interval
}

// Declared compares intervals with what their senders declare to keep to.
type Declared struct {
	MinMS  float64  `json:"min_ms,omitzero"` // 0 with MaxMS 0: several senders declare different ones
	MaxMS  float64  `json:"max_ms,omitzero"`
	Count  uint64   `json:"count"`               // intervals compared
	Beyond uint64   `json:"beyond"`              // of those, outside of what was declared; not in Counts
	P      *float64 `json:"uniform_p,omitempty"` // of those within: see stats.Uniformity; nil: too few, or too narrow

	bins []uint64 // of those within, by their place between what was declared
}

// NewIntervals returns the intervals of a sender.
func NewIntervals(sender string, h stats.Histogram, spread stream.Spread) Intervals {
	in := Intervals{Sender: sender, FromMS: stream.Millis(h.From), StepMS: millis(h.Step), Counts: h.Counts,
		MinMS: spread.Min, MeanMS: spread.Mean, MaxMS: spread.Max}
	if h.Max > 0 {
		d := &Declared{MinMS: stream.Millis(h.Min), MaxMS: stream.Millis(h.Max), Count: total(h.Counts) + h.Beyond, Beyond: h.Beyond}
		if h.Tested() {
			d.test(h.Counts)
		}
		in.Declared = d
	}
	return in
}

// millis keeps what a bin's width has beyond microseconds.
func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// test sets P.
func (d *Declared) test(bins []uint64) {
	if p, ok := stats.Uniformity(bins); ok {
		d.P = &p
	}
}

// SumIntervals returns all intervals of several senders together, as those of the
// sender "". If the senders' bins differ, others are chosen, and each bin's count
// is spread over those that it overlaps; no interval is lost or counted twice.
func SumIntervals(all []Intervals) Intervals {
	sum := Intervals{Counts: []uint64{}}
	var n, weighted float64
	some := slices.DeleteFunc(slices.Clone(all), func(in Intervals) bool { return in.size() == 0 })
	for i, in := range some {
		size := float64(in.size())
		n, weighted = n+size, weighted+size*in.MeanMS
		if i == 0 || in.MinMS < sum.MinMS {
			sum.MinMS = in.MinMS
		}
		sum.MaxMS = max(sum.MaxMS, in.MaxMS)
		sum.Declared = addDeclared(sum.Declared, &in)
	}
	if n == 0 {
		return sum
	}
	sum.MeanMS = weighted / n
	sum.FromMS, sum.StepMS = some[0].FromMS, some[0].StepMS
	bins := len(some[0].Counts)
	if slices.ContainsFunc(some, func(in Intervals) bool {
		return in.FromMS != sum.FromMS || in.StepMS != sum.StepMS || len(in.Counts) != bins
	}) {
		bins = sumBins
		sum.FromMS, sum.StepMS = 0, commonStep(some)
	}
	sum.Counts = make([]uint64, bins)
	for _, in := range some {
		addBins(&sum, &in)
	}
	return sum
}

// sumBins is the number of bins of a sum whose parts have different ones.
const sumBins = 24

// size is how many intervals there are.
func (in *Intervals) size() uint64 {
	n := total(in.Counts)
	if in.Declared != nil {
		n += in.Declared.Beyond
	}
	return n
}

func total(counts []uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}

// addDeclared adds what in declares to sum, which is nil for the first one. Each
// interval is tested by its place in what its own sender declares.
func addDeclared(sum *Declared, in *Intervals) *Declared {
	d := in.Declared
	if d == nil {
		return sum
	}
	if sum == nil {
		sum = &Declared{MinMS: d.MinMS, MaxMS: d.MaxMS}
	}
	if sum.MinMS != d.MinMS || sum.MaxMS != d.MaxMS {
		sum.MinMS, sum.MaxMS = 0, 0
	}
	sum.Count += d.Count
	sum.Beyond += d.Beyond
	h := stats.Histogram{Min: stream.FromMillis(d.MinMS), Max: stream.FromMillis(d.MaxMS)}
	if h.Tested() && (sum.bins == nil || len(sum.bins) == len(in.Counts)) {
		if sum.bins == nil {
			sum.bins = make([]uint64, len(in.Counts))
		}
		for i, c := range in.Counts {
			sum.bins[i] += c
		}
		sum.P = nil
		sum.test(sum.bins)
	}
	return sum
}

// commonStep returns the width of sumBins bins from 0 on in which all but a
// hundredth of the intervals find room: half a second, halved or doubled.
func commonStep(all []Intervals) float64 {
	type bin struct {
		end   float64
		count uint64
	}
	var bins []bin
	var n uint64
	for _, in := range all {
		for i, c := range in.Counts {
			if c > 0 {
				bins = append(bins, bin{in.FromMS + float64(i+1)*in.StepMS, c})
				n += c
			}
		}
	}
	slices.SortFunc(bins, func(a, b bin) int { return cmp.Compare(a.end, b.end) })
	end, passed := 0.0, uint64(0)
	for _, b := range bins {
		end = b.end
		if passed += b.count; passed*100 >= n*99 {
			break
		}
	}
	step := 500.0
	for step*sumBins < end {
		step *= 2
	}
	for step*sumBins/2 >= end && step > 0.1 {
		step /= 2
	}
	return step
}

// addBins spreads the bins of in over those of the sum, to the last interval: a bin's
// parts are rounded so that together they are what it counts.
func addBins(sum, in *Intervals) {
	last := len(sum.Counts) - 1
	for i, c := range in.Counts {
		if c == 0 {
			continue
		}
		from := (in.FromMS + float64(i)*in.StepMS - sum.FromMS) / sum.StepMS
		width := in.StepMS / sum.StepMS
		given := uint64(0)
		for j := min(max(int(math.Floor(from+1e-9)), 0), last); given < c; j++ {
			part := c // up to the end of bin j
			if end := float64(j + 1); j < last && end < from+width-1e-9 {
				part = uint64(math.Round(float64(c) * (end - from) / width))
			}
			sum.Counts[j] += part - given
			given = part
		}
	}
}
