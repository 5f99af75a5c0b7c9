package stats

import "math"

// Uniformity returns the probability that intervals which are uniform over bins of
// equal width are counted in them at least as unevenly as by counts (Pearson's
// chi-square test). The bins are those of the frame that the sender declares, so
// that no parameter is estimated from the intervals. ok is false if there are too
// few of them for the test to mean anything: fewer than three classes that expect
// five.
func Uniformity(counts []uint64) (p float64, ok bool) {
	n := 0.0
	for _, c := range counts {
		n += float64(c)
	}
	due := n / float64(len(counts))
	if n == 0 || due*float64(len(counts)) < 3*minDue {
		return 0, false
	}
	// Bins are put together until a class expects enough for the test; what is
	// left over at the end goes to the last class.
	each := int(math.Ceil(minDue / due))
	classes := len(counts) / each
	if classes < 3 {
		return 0, false
	}
	x := 0.0
	for i := range classes {
		from, to := i*each, (i+1)*each
		if i == classes-1 {
			to = len(counts)
		}
		seen := 0.0
		for _, c := range counts[from:to] {
			seen += float64(c)
		}
		want := due * float64(to-from)
		x += (seen - want) * (seen - want) / want
	}
	return chiSquareTail(x, classes-1), true
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
