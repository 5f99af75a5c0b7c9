package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"hellox/stream"
)

// A source simulates a sender that declares an interval: it draws, its timer is
// late, its messages travel.
type source struct {
	draw  func() time.Duration
	timer func() time.Duration // by which the timer is late; what is scheduled does not move
	delay func() time.Duration // of a message on its way
}

// run observes n intervals as a receiver sees them: between arrivals, in order.
func (s source) run(m *Meter, at time.Time, n int) time.Time {
	var scheduled, last time.Duration
	for i := range n + 1 {
		arrived := scheduled + s.timer() + s.delay()
		arrived = max(arrived, last)
		interval := stream.None
		if i > 0 {
			interval = arrived - last
		}
		m.Observe(at.Add(arrived), interval, stream.None)
		scheduled, last = scheduled+s.draw(), arrived
	}
	return at.Add(last)
}

func none() time.Duration { return 0 }

// uniform draws from shortest to longest by a generator that broadcasters do not use.
func uniform(r *rand.Rand, shortest, longest time.Duration) func() time.Duration {
	return func() time.Duration {
		return shortest + time.Duration(r.Float64()*float64(longest-shortest))
	}
}

// Of uniform intervals p is uniform, too, whatever timers and delivery add: below
// 0.01 in 1 % of all cases, and so on; and next to none is beyond.
func TestUniformityOfUniformIntervals(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	exponential := func(mean time.Duration) func() time.Duration {
		return func() time.Duration { return time.Duration(r.ExpFloat64() * float64(mean)) }
	}
	for _, c := range []struct {
		name              string
		shortest, longest time.Duration
		n                 int
		timer, delay      func() time.Duration
	}{
		{"exact", time.Second, 10 * time.Second, 600, none, none},
		{"few", time.Second, 10 * time.Second, 40, none, none},
		{"a usual machine", time.Second, 10 * time.Second, 600, exponential(500 * time.Microsecond), exponential(2 * time.Millisecond)},
		{"a busy machine", time.Second, 10 * time.Second, 600, exponential(5 * time.Millisecond), exponential(20 * time.Millisecond)},
		{"odd bounds", 137 * time.Millisecond, 911 * time.Millisecond, 3000, exponential(500 * time.Microsecond), exponential(2 * time.Millisecond)},
		{"fast", time.Millisecond, 101 * time.Millisecond, 20_000, exponential(500 * time.Microsecond), exponential(500 * time.Microsecond)},
	} {
		t.Run(c.name, func(t *testing.T) {
			const runs = 1000
			var ps []float64
			var beyond, all uint64
			for range runs {
				var m Meter
				m.Declare(c.shortest, c.longest)
				end := source{uniform(r, c.shortest, c.longest), c.timer, c.delay}.run(&m, noon, c.n)
				h, _ := m.Histogram(end)
				p, ok := Uniformity(h.Counts)
				if !ok || !h.Tested() {
					t.Fatalf("%d intervals are too few", c.n)
				}
				ps = append(ps, p)
				beyond, all = beyond+h.Beyond, all+uint64(c.n)
			}
			// Kolmogorov and Smirnov: a distance above 1.95/√n is seen once in a
			// thousand times; the seed is fixed.
			slices.Sort(ps)
			distance := 0.0
			for i, p := range ps {
				distance = max(distance, math.Abs(p-float64(i)/runs), math.Abs(p-float64(i+1)/runs))
			}
			t.Logf("distance %.3f; p < 0.01 in %d, < 0.05 in %d of %d; %d of %d beyond", distance, below(ps, 0.01), below(ps, 0.05), runs, beyond, all)
			// With few intervals the distribution of p has steps.
			if limit := 1.95/math.Sqrt(runs) + 1/math.Sqrt(float64(c.n))/4; distance > limit {
				t.Errorf("p is not uniform: distance %.3f, want at most %.3f", distance, limit)
			}
			if n := below(ps, 0.01); n > 25 {
				t.Errorf("p is below 0.01 in %d of %d uniform cases", n, runs)
			}
			if beyond*1000 > all {
				t.Errorf("%d of %d uniform intervals count as beyond", beyond, all)
			}
		})
	}
}

func below(sorted []float64, p float64) int {
	n, _ := slices.BinarySearch(sorted, p)
	return n
}

func TestUniformityOfOthers(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for name, draw := range map[string]func() time.Duration{
		"normal":              func() time.Duration { return time.Duration(min(max(5.5+1.5*r.NormFloat64(), 1), 10) * 1e9) },
		"whole seconds":       func() time.Duration { return time.Duration(1+r.IntN(10)) * time.Second },
		"exponential":         func() time.Duration { return time.Second + time.Duration(min(2*r.ExpFloat64(), 9)*1e9) },
		"a part of the range": uniform(r, 2*time.Second, 10*time.Second),
	} {
		var m Meter
		m.Declare(time.Second, 10*time.Second)
		h, _ := m.Histogram(source{draw, none, none}.run(&m, noon, 600))
		if p, ok := Uniformity(h.Counts); !ok || p > 0.001 {
			t.Errorf("%s: p %g, %t", name, p, ok)
		}
	}
}

// An outage, and what comes at once after it, is told apart and does not touch p.
func TestOutliersAreApart(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 9))
	var m, same Meter
	at := noon
	for _, one := range []*Meter{&m, &same} {
		one.Declare(time.Second, 10*time.Second)
	}
	for i := range 600 {
		d := uniform(r, time.Second, 10*time.Second)()
		at = at.Add(d)
		m.Observe(at, d, stream.None)
		same.Observe(at, d, stream.None)
		if i%200 == 100 { // a minute away, then two messages that had waited
			for _, odd := range []time.Duration{time.Minute, 0, 100 * time.Microsecond} {
				m.Observe(at, odd, stream.None)
			}
		}
	}
	h, _ := m.Histogram(at)
	want, _ := same.Histogram(at)
	if h.Beyond != 9 || want.Beyond != 0 || !slices.Equal(h.Counts, want.Counts) {
		t.Errorf("%d beyond, counts %v; want 9 and %v", h.Beyond, h.Counts, want.Counts)
	}
	p, ok := Uniformity(h.Counts)
	if wanted, _ := Uniformity(want.Counts); !ok || p != wanted || p < 0.01 {
		t.Errorf("p %g, %t; without the outages %g", p, ok, wanted)
	}
	if s, _ := m.Spread(at); s.Max != 60_000 || s.Min != 0 {
		t.Errorf("spread %+v", s)
	}
}

func TestFrameBins(t *testing.T) {
	f := frame{time.Second, 10 * time.Second}
	for d, want := range map[time.Duration]int{
		0: -1, 909 * time.Millisecond: -1, 910 * time.Millisecond: 0, time.Second: 0, 1499 * time.Millisecond: 0, 1500 * time.Millisecond: 1,
		9499 * time.Millisecond: 16, 9500 * time.Millisecond: 17, 10 * time.Second: 17, 10090 * time.Millisecond: 17, 10091 * time.Millisecond: 18, time.Hour: 18,
	} {
		if got := f.bin(d); got != want {
			t.Errorf("%v is in bin %d, want %d", d, got, want)
		}
	}
}

// Another declaration begins a new histogram, the same one does not; without one
// there is no frame, and nothing to test.
func TestDeclare(t *testing.T) {
	var m Meter
	for range 100 {
		m.Observe(noon, 5*time.Second, time.Millisecond)
	}
	if h, ok := m.Histogram(noon); !ok || h.Max != 0 || h.Tested() || h.Counts[20] != 100 {
		t.Errorf("without a declaration: %+v", h)
	}
	m.Declare(time.Second, 10*time.Second)
	if h, ok := m.Histogram(noon); ok {
		t.Errorf("with a declaration it begins with %+v", h)
	}
	m.Observe(noon, 5*time.Second, stream.None)
	m.Declare(time.Second, 10*time.Second)
	if h, _ := m.Histogram(noon); h.From != time.Second || h.Step != 500*time.Millisecond || h.Max != 10*time.Second || h.Counts[8] != 1 || !h.Tested() {
		t.Errorf("with a declaration: %+v", h)
	}
	m.Declare(time.Second, time.Second) // nothing lies between
	m.Observe(noon, time.Second, stream.None)
	if h, _ := m.Histogram(noon); h.Tested() || h.Max != 0 {
		t.Errorf("of a fixed interval: %+v", h)
	}
	m.Declare(time.Millisecond, 2*time.Millisecond)
	m.Observe(noon, time.Millisecond, stream.None)
	if h, _ := m.Histogram(noon); h.Tested() || h.Max != 2*time.Millisecond || h.Counts[0] != 1 {
		t.Errorf("of a narrow frame: %+v", h)
	}
	if q, ok := m.Quantile(noon); !ok || q.Max != 1 {
		t.Errorf("latencies went with the intervals: %+v", q)
	}
}

func TestUniformityNeedsEnough(t *testing.T) {
	for name, counts := range map[string][]uint64{
		"nothing": nil, "no intervals": make([]uint64, 18), "few": {5, 5, 4}, "two bins": {900, 900},
	} {
		if p, ok := Uniformity(counts); ok {
			t.Errorf("%s: p %g", name, p)
		}
	}
	if p, ok := Uniformity([]uint64{5, 5, 5}); !ok || p != 1 {
		t.Errorf("even: p %g, %t", p, ok)
	}
	// By hand: 10, 20, 30 of 20 each is x = 10 with two degrees of freedom, e^-5.
	if p, ok := Uniformity([]uint64{10, 20, 30}); !ok || math.Abs(p-math.Exp(-5)) > 1e-12 {
		t.Errorf("uneven: p %g, %t", p, ok)
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
