package stats

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// binned returns n values of draw in bins of half a second, and their extremes.
func binned(n int, draw func() time.Duration) (counts []uint64, shortest, longest time.Duration) {
	counts = make([]uint64, 24)
	for i := range n {
		d := draw()
		if i == 0 {
			shortest, longest = d, d
		}
		shortest, longest = min(shortest, d), max(longest, d)
		counts[min(int(d/(500*time.Millisecond)), 23)]++
	}
	return counts, shortest, longest
}

// Of uniform intervals, p is below 0.05 in 5 % of all cases, and so on.
func TestUniformityOfUniformIntervals(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	const runs = 4000
	below := map[float64]int{0.01: 0, 0.05: 0, 0.5: 0}
	for range runs {
		counts, shortest, longest := binned(600, func() time.Duration {
			return time.Second + time.Duration(r.Int64N(int64(9*time.Second)))
		})
		p, ok := Uniformity(counts, 500*time.Millisecond, shortest, longest)
		if !ok {
			t.Fatal("600 intervals are too few")
		}
		for level := range below {
			if p < level {
				below[level]++
			}
		}
	}
	for level, n := range below {
		// Four standard deviations of a binomial count; the seed is fixed.
		if dev := math.Abs(float64(n) - runs*level); dev > 4*math.Sqrt(runs*level*(1-level)) {
			t.Errorf("p is below %g in %d of %d uniform cases", level, n, runs)
		}
	}
}

func TestUniformityOfOthers(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	calls := 0
	for name, draw := range map[string]func() time.Duration{
		"normal":      func() time.Duration { return time.Duration(math.Abs(5.5+1.5*r.NormFloat64()) * 1e9) },
		"whole":       func() time.Duration { return time.Duration(1+r.IntN(10)) * time.Second },
		"exponential": func() time.Duration { return time.Second + time.Duration(2*r.ExpFloat64()*1e9) },
		"an outage": func() time.Duration {
			calls++
			if calls == 300 {
				return time.Minute
			}
			return time.Second + time.Duration(r.Int64N(9e9))
		},
	} {
		counts, shortest, longest := binned(600, draw)
		if p, ok := Uniformity(counts, 500*time.Millisecond, shortest, longest); !ok || p > 0.001 {
			t.Errorf("%s: p %g, %t", name, p, ok)
		}
	}
}

func TestUniformityNeedsEnough(t *testing.T) {
	for name, f := range map[string]func() (float64, bool){
		"nothing":  func() (float64, bool) { return Uniformity(nil, 0, 0, 0) },
		"few":      func() (float64, bool) { return Uniformity([]uint64{0, 4, 4, 4}, time.Second, 1e9, 4e9-1) },
		"one bin":  func() (float64, bool) { return Uniformity([]uint64{0, 90, 0}, time.Second, 1e9, 2e9-1) },
		"one":      func() (float64, bool) { return Uniformity([]uint64{0, 1, 0}, time.Second, 1e9, 1e9) },
		"inverted": func() (float64, bool) { return Uniformity([]uint64{9, 9, 9}, time.Second, 3e9, 1e9) },
	} {
		if p, ok := f(); ok {
			t.Errorf("%s: p %g", name, p)
		}
	}
}

// Values of Abramowitz and Stegun, table 26.8.
func TestChiSquareTail(t *testing.T) {
	for _, c := range []struct {
		x    float64
		df   int
		want float64
	}{
		{3.84146, 1, 0.05}, {5.99147, 2, 0.05}, {7.81473, 3, 0.05}, {27.5871, 17, 0.05},
		{28.8693, 18, 0.05}, {6.63490, 1, 0.01}, {34.8053, 18, 0.01}, {0, 5, 1}, {0, 6, 1}, {17.3379, 18, 0.5},
	} {
		if got := chiSquareTail(c.x, c.df); math.Abs(got-c.want) > 1e-5 {
			t.Errorf("chiSquareTail(%g, %d) = %g, want %g", c.x, c.df, got, c.want)
		}
	}
}
