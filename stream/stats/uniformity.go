package stats

import (
	"math"
	"time"
)

// Uniformity returns how well intervals that were counted in bins of equal width
// (counts[i]: from i*step to (i+1)*step, the last: all beyond) agree with a
// uniform distribution between the shortest and the longest of them: p is the
// probability that uniform ones spread at least as unevenly (Pearson's
// chi-square test). Below 0.01 these hardly are uniform. ok is false if there
// are too few intervals or bins for the test to mean anything: fewer than three
// classes that expect five.
func Uniformity(counts []uint64, step, shortest, longest time.Duration) (p float64, ok bool) {
	if len(counts) == 0 || step <= 0 || shortest < 0 || longest <= shortest {
		return 0, false
	}
	first, last := int(shortest/step), min(int(longest/step), len(counts)-1)
	if first >= last {
		return 0, false
	}
	// Given the two extremes, the others are uniform between them whatever
	// the true limits are: so the extremes are left out, and cost no degree
	// of freedom.
	inside := -2.0
	for _, n := range counts[first : last+1] {
		inside += float64(n)
	}
	// Bins are put together until each class expects enough for the test;
	// what is left over at the end goes to the last one.
	type class struct{ seen, due float64 }
	var classes []class
	var c class
	for i := first; i <= last; i++ {
		from, to := max(time.Duration(i)*step, shortest), time.Duration(i+1)*step
		c.seen += float64(counts[i])
		if i == first {
			c.seen--
		}
		if i == last {
			c.seen--
			to = longest
		}
		c.due += inside * float64(to-from) / float64(longest-shortest)
		if c.due >= minDue {
			classes = append(classes, c)
			c = class{}
		}
	}
	if len(classes) < 3 {
		return 0, false
	}
	end := &classes[len(classes)-1]
	end.seen, end.due = end.seen+c.seen, end.due+c.due
	x := 0.0
	for _, c := range classes {
		x += (c.seen - c.due) * (c.seen - c.due) / c.due
	}
	return chiSquareTail(x, len(classes)-1), true
}

// minDue is the customary least number of values expected in each class of a
// chi-square test.
const minDue = 5

// chiSquareTail returns the probability that the sum of the squares of df
// independent standard normal values is x or more. For whole numbers the
// incomplete gamma function is a finite sum (Abramowitz and Stegun, 26.4.4 and
// 26.4.5).
func chiSquareTail(x float64, df int) float64 {
	sum, term, i := 0.0, math.Exp(-x/2), 2
	if df%2 == 1 {
		sum, term, i = math.Erfc(math.Sqrt(x/2)), math.Sqrt(2*x/math.Pi)*math.Exp(-x/2), 3
	}
	for ; i <= df; i += 2 {
		sum += term
		term *= x / float64(i)
	}
	return math.Min(sum, 1)
}
