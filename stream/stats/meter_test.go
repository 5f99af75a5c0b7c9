package stats

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"hellox/stream"
)

// heard is one message as a Meter observes it.
type heard struct {
	at                time.Time
	interval, latency time.Duration
}

// randomHeard returns n messages that follow each other after 1 to 10 s, with
// latencies that spread over three decades.
func randomHeard(seed uint64, start time.Time, n int) []heard {
	r := rand.New(rand.NewPCG(seed, 0))
	all := make([]heard, n)
	for i := range all {
		interval := stream.None
		if i > 0 {
			interval = time.Second + time.Duration(r.Int64N(int64(9*time.Second)))
			start = start.Add(interval)
		}
		latency := time.Duration(float64(100*time.Microsecond) * math.Pow(1000, r.Float64()))
		all[i] = heard{start, interval, latency}
	}
	return all
}

func TestMeterAgreesWithExactValues(t *testing.T) {
	start := time.Date(2026, 5, 4, 14, 0, 0, 0, time.UTC)
	all := randomHeard(1, start, 2000)
	var m Meter
	for i, h := range all {
		m.Observe(h.at, h.interval, h.latency)
		if i%97 != 0 || i == 0 {
			continue
		}
		now := h.at.Add(1500 * time.Millisecond)
		// The slots that lie partly in the hour, as documented.
		slot := now.Sub(start) / slotLength
		from := start.Add((slot - hourSlots) * slotLength)
		var intervals, latencies []time.Duration
		for _, h := range all[:i+1] {
			if h.at.Before(from) {
				continue
			}
			latencies = append(latencies, h.latency)
			if h.interval != stream.None {
				intervals = append(intervals, h.interval)
			}
		}
		slices.Sort(intervals)
		slices.Sort(latencies)

		spread, ok := m.Spread(now)
		var sum float64
		for _, d := range intervals {
			sum += float64(d) / 1e6
		}
		mean := sum / float64(len(intervals))
		want := stream.Spread{Last: stream.Millis(h.interval), Min: stream.Millis(intervals[0]), Mean: spread.Mean, Max: stream.Millis(intervals[len(intervals)-1])}
		if !ok || spread != want || math.Abs(spread.Mean-mean) > 1e-6*mean {
			t.Fatalf("spread after %d: %+v, want %+v and mean %g", i, spread, want, mean)
		}

		q, ok := m.Quantile(now)
		for _, c := range []struct{ got, q float64 }{{q.P50, 0.50}, {q.P90, 0.90}, {q.P99, 0.99}, {q.Max, 1}} {
			exact := stream.Millis(latencies[int(math.Ceil(c.q*float64(len(latencies))))-1])
			if !ok || math.Abs(c.got-exact) > max(exact/32, 0.004) {
				t.Fatalf("quantile %g after %d: %g, want %g", c.q, i, c.got, exact)
			}
		}

		hist, _ := m.Histogram(now)
		step, counts := hist.Step, hist.Counts
		exact := make([]uint64, len(counts))
		for _, d := range intervals {
			exact[min(int(d/step), len(exact)-1)]++
		}
		if !slices.Equal(counts, exact) {
			t.Fatalf("histogram after %d: %v, want %v", i, counts, exact)
		}
	}
	if h, _ := m.Histogram(all[len(all)-1].at); h.Step != 500*time.Millisecond || len(h.Counts) != 24 || h.Max != 0 {
		t.Errorf("a histogram of 1 to 10 s has %d bins of %v, want 24 of 500ms", len(h.Counts), h.Step)
	}
}

func TestMeterRatesFallInSilence(t *testing.T) {
	start := time.Date(2026, 5, 4, 14, 0, 0, 0, time.UTC)
	var m Meter
	if r := m.Rates(start); r != (stream.Rates{}) {
		t.Errorf("rates of an unused meter: %+v", r)
	}
	for i := range 36000 { // ten a second for an hour
		m.Observe(start.Add(time.Duration(i)*100*time.Millisecond), stream.None, stream.None)
	}
	end := start.Add(time.Hour)
	for _, c := range []struct {
		after time.Duration
		want  stream.Rates
	}{
		{0, stream.Rates{Second: 10, Minute: 10, Hour: 10}},
		{500 * time.Millisecond, stream.Rates{Second: 5, Minute: 10 - 10*0.5/60, Hour: 10 - 10*0.5/3600}},
		{30 * time.Second, stream.Rates{Second: 0, Minute: 5, Hour: 10 - 10*30/3600.0}},
		{time.Minute, stream.Rates{Second: 0, Minute: 0, Hour: 10 - 10/60.0}},
		{30 * time.Minute, stream.Rates{Second: 0, Minute: 0, Hour: 5}},
		{time.Hour, stream.Rates{}},
		{1000 * time.Hour, stream.Rates{}},
	} {
		got := m.Rates(end.Add(c.after))
		for _, d := range []float64{got.Second - c.want.Second, got.Minute - c.want.Minute, got.Hour - c.want.Hour} {
			if math.Abs(d) > 1e-9 {
				t.Errorf("%v after the last: %+v, want %+v", c.after, got, c.want)
				break
			}
		}
	}
}

func TestMeterForgetsDistributions(t *testing.T) {
	start := time.Date(2026, 5, 4, 14, 0, 0, 0, time.UTC)
	var m Meter
	m.Observe(start, stream.None, time.Millisecond)
	if _, ok := m.Spread(start); ok {
		t.Error("a spread without an interval")
	}
	m.Observe(start.Add(time.Second), time.Second, -time.Millisecond)
	if q, ok := m.Quantile(start.Add(time.Hour)); !ok || q.Max != 1 || q.P50 > -1+1/32. || q.P50 < -1-1/32. {
		t.Errorf("within the hour: %+v, %t", q, ok)
	}
	later := start.Add(70 * time.Minute)
	if q, ok := m.Quantile(later); ok {
		t.Errorf("70 minutes later there is still %+v", q)
	}
	if s, ok := m.Spread(later); ok {
		t.Errorf("70 minutes later there is still %+v", s)
	}
	if h, ok := m.Histogram(later); ok || h.Counts != nil {
		t.Errorf("70 minutes later there is still a histogram: %v", h.Counts)
	}
}

func TestMeterClockSetBack(t *testing.T) {
	start := time.Date(2026, 5, 4, 14, 0, 0, 0, time.UTC)
	var m Meter
	for i := range 600 {
		m.Observe(start.Add(time.Duration(i)*time.Second), time.Second, stream.None)
	}
	back := start.Add(-time.Hour) // set back by an hour and ten minutes
	if r := m.Rates(back); math.Abs(r.Minute-1) > 0.02 {
		t.Errorf("just after the clock was set back: %+v", r)
	}
	for i := range 600 {
		m.Observe(back.Add(time.Duration(i)*time.Second), time.Second, stream.None)
	}
	end := back.Add(10 * time.Minute)
	if r := m.Rates(end); math.Abs(r.Minute-1) > 0.02 || math.Abs(r.Hour-1200/3600.) > 0.01 {
		t.Errorf("ten minutes after the clock was set back: %+v", r)
	}
	if r := m.Rates(end.Add(time.Minute)); r.Minute != 0 {
		t.Errorf("a minute of silence later: %+v", r)
	}
}

func TestHistogramAdapts(t *testing.T) {
	start := time.Date(2026, 5, 4, 14, 0, 0, 0, time.UTC)
	for _, c := range []struct{ interval, step time.Duration }{
		{time.Second, 62500 * time.Microsecond},
		{10 * time.Second, 500 * time.Millisecond},
		{11999 * time.Millisecond, 500 * time.Millisecond},
		{time.Minute, 4 * time.Second},
		{time.Hour, 256 * time.Second},
	} {
		var m Meter
		for i := range 200 {
			m.Observe(start.Add(time.Duration(i)), c.interval, stream.None)
		}
		m.Observe(start, 100*c.interval, stream.None) // one outlier does not squeeze the rest
		h, _ := m.Histogram(start)
		step, counts := h.Step, h.Counts
		want := make([]uint64, 24)
		want[c.interval/c.step] += 200
		want[23]++
		if step != c.step || !slices.Equal(counts, want) {
			t.Errorf("intervals of %v: step %v, want %v; counts %v", c.interval, step, c.step, counts)
		}
	}
}

func TestTallyBuckets(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 0))
	for range 100_000 {
		d := time.Duration(math.Exp(r.Float64() * math.Log(float64(maxTallied))))
		got := bucketMiddle(bucketOf(d))
		if diff := (got - d).Abs(); diff > d/32 && diff > 4*time.Microsecond {
			t.Fatalf("%v is counted as %v", d, got)
		}
		if neg := bucketMiddle(bucketOf(-d)); neg != -got {
			t.Fatalf("%v is counted as %v, but %v as %v", d, got, -d, neg)
		}
	}
}

func TestTallyIsBounded(t *testing.T) {
	var m tally
	for i := range 200_000 { // more than two bytes hold, and up to a day apart
		m.add(time.Duration(i%2) * 24 * time.Hour)
	}
	for d := time.Nanosecond; d < 48*time.Hour; d *= 2 {
		m.add(d)
		m.add(-d)
	}
	var n uint64
	m.each(func(_ int, c uint32) { n += uint64(c) })
	if n != m.n || m.buckets() > maxBuckets {
		t.Errorf("%d of %d values are in %d buckets", n, m.n, m.buckets())
	}
	if p := m.quantile(0.9); p < 23*time.Hour {
		t.Errorf("the upper half is a day, p90 says %v", p)
	}
}

func TestMeterMemory(t *testing.T) {
	all := randomHeard(3, time.Date(2026, 5, 4, 14, 0, 0, 0, time.UTC), 1000)
	meters := make([]Meter, 300)
	for i := range meters {
		if i%2 == 0 {
			meters[i].Declare(time.Second, 10*time.Second)
		}
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range meters {
		for _, h := range all {
			meters[i].Observe(h.at, h.interval, h.latency)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (after.HeapAlloc - before.HeapAlloc) / uint64(len(meters))
	t.Logf("a meter that is used all the time holds %d bytes", each)
	if each > 6<<10 {
		t.Errorf("a meter holds %d bytes, want at most 6 KiB", each)
	}
	runtime.KeepAlive(meters)
}

func BenchmarkMeterObserve(b *testing.B) {
	all := randomHeard(3, time.Date(2026, 5, 4, 14, 0, 0, 0, time.UTC), 10_000)
	b.ReportAllocs()
	for b.Loop() {
		var m Meter
		for _, h := range all {
			m.Observe(h.at, h.interval, h.latency)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(all)), "ns/message")
}

func BenchmarkMeterRead(b *testing.B) {
	all := randomHeard(3, time.Date(2026, 5, 4, 14, 0, 0, 0, time.UTC), 2000)
	var m Meter
	for _, h := range all {
		m.Observe(h.at, h.interval, h.latency)
	}
	now := all[len(all)-1].at
	b.ReportAllocs()
	for b.Loop() {
		m.Rates(now)
		m.Spread(now)
		m.Quantile(now)
	}
}
