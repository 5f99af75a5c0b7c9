package history_test

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"hellox/history"
	"hellox/history/historytest"
	"hellox/history/sqlite"
	"hellox/stream"
	"hellox/stream/stats"
)

// measured is what a meter makes of n intervals of a sender.
func measured(sender string, shortest, longest time.Duration, n int, draw func() time.Duration) history.Intervals {
	var m stats.Meter
	m.Declare(shortest, longest)
	at := historytest.Epoch
	for range n {
		m.Observe(at, draw(), stream.None)
	}
	h, _ := m.Histogram(at)
	spread, _ := m.Spread(at)
	return history.NewIntervals(sender, h, spread)
}

func size(in history.Intervals) (n uint64) {
	for _, c := range in.Counts {
		n += c
	}
	if in.Declared != nil {
		n += in.Declared.Beyond
	}
	return n
}

// The sum holds every interval of every sender once, whatever their bins are.
func TestSumIntervalsHoldsAll(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var all []history.Intervals
		var want, beyond, compared uint64
		var sum, shortest, longest float64
		for range r.IntN(6) {
			lo := time.Duration(r.IntN(2000)+1) * time.Millisecond
			hi := lo + time.Duration(math.Exp(r.Float64()*14))*time.Microsecond
			n := r.IntN(300)
			declared := r.IntN(3) > 0
			draw := func() time.Duration { return lo + time.Duration(r.Float64()*1.1*float64(hi-lo)) }
			in := measured("s", 0, 0, n, draw)
			if declared {
				in = measured("s", lo, hi, n, draw)
			}
			if n > 0 && in.Declared != nil {
				beyond, compared = beyond+in.Declared.Beyond, compared+uint64(n)
			}
			if n > 0 {
				if want == 0 || in.MinMS < shortest {
					shortest = in.MinMS
				}
				longest = max(longest, in.MaxMS)
				sum += float64(n) * in.MeanMS
			}
			want += uint64(n)
			all = append(all, in)
		}
		got := history.SumIntervals(all)
		if size(got) != want {
			t.Fatalf("the sum holds %d of %d intervals: %+v of %+v", size(got), want, got, all)
		}
		if want > 0 && (got.MinMS != shortest || got.MaxMS != longest || math.Abs(got.MeanMS-sum/float64(want)) > 1e-6*got.MeanMS) {
			t.Fatalf("min %g mean %g max %g, want %g %g %g", got.MinMS, got.MeanMS, got.MaxMS, shortest, sum/float64(want), longest)
		}
		if compared > 0 && (got.Declared.Count != compared || got.Declared.Beyond != beyond) || compared == 0 && got.Declared != nil && got.Declared.Count > 0 {
			t.Fatalf("declared %+v, want %d compared and %d beyond", got.Declared, compared, beyond)
		}
	}
}

// Of senders that declare the same, the sum is in the bins of that; of others each
// interval is compared with what its own sender declares.
func TestSumIntervalsCompares(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	uniform := func(lo, hi time.Duration) func() time.Duration {
		return func() time.Duration { return lo + time.Duration(r.Float64()*float64(hi-lo)) }
	}
	slow := uniform(time.Second, 10*time.Second)
	a, b := measured("a", time.Second, 10*time.Second, 500, slow), measured("b", time.Second, 10*time.Second, 300, slow)
	same := history.SumIntervals([]history.Intervals{a, b})
	if same.FromMS != 1000 || same.StepMS != 500 || same.Counts[7] != a.Counts[7]+b.Counts[7] || same.Declared.MinMS != 1000 || same.Declared.MaxMS != 10_000 {
		t.Errorf("%+v", same)
	}
	fast := measured("c", 200*time.Millisecond, 2*time.Second, 4000, uniform(200*time.Millisecond, 2*time.Second))
	foreign := measured("x/y", 0, 0, 100, func() time.Duration { return time.Minute })
	mixed := history.SumIntervals([]history.Intervals{a, fast, foreign})
	if d := mixed.Declared; d.MaxMS != 0 || d.Count != 4500 || d.P == nil || *d.P < 0.01 {
		t.Errorf("of several declarations: %+v", d)
	}
	// Two halves that are each uneven the other way are uneven in the sum of their
	// own places, too.
	skewed := measured("d", time.Second, 10*time.Second, 500, uniform(time.Second, 5*time.Second))
	if d := history.SumIntervals([]history.Intervals{a, skewed}).Declared; d.P == nil || *d.P > 0.001 {
		t.Errorf("with a skewed sender: %+v", d)
	}
	if d := history.SumIntervals([]history.Intervals{foreign}).Declared; d != nil {
		t.Errorf("without a declaration: %+v", d)
	}
	if d := foreign.Declared; d != nil {
		t.Errorf("a sender without a declaration is compared: %+v", d)
	}
	if len(history.SumIntervals(nil).Counts) != 0 {
		t.Error("the sum of nothing has bins")
	}
}

// A presence declares the interval; another one begins a new histogram, also for
// a store that is opened again.
func TestIntervalsAgainstPresence(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.db")
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	seq, ms := uint64(0), 0
	hellos := func(n, every int) {
		t.Helper()
		var batch []stream.Arrival
		for range n {
			seq, ms = seq+1, ms+every
			batch = append(batch, historytest.Hello("a", seq, ms))
		}
		historytest.AppendAll(t, s, batch...)
	}
	present := func(interval string) {
		t.Helper()
		a := historytest.Foreign(stream.PresenceTopic("a"), `{"state":"here","boot":"`+historytest.BootName(0)+`"`+interval+`}`, ms+1)
		historytest.AppendAll(t, s, a)
	}
	is := func(n uint64, minMS, maxMS float64, beyond uint64) {
		t.Helper()
		all, err := s.Intervals(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 && len(all) == 0 {
			return
		}
		if len(all) != 1 || size(all[0]) != n {
			t.Fatalf("%+v, want %d intervals", all, n)
		}
		switch d := all[0].Declared; {
		case maxMS == 0 && d != nil:
			t.Errorf("declared %+v, want none", d)
		case maxMS > 0 && (d == nil || d.MinMS != minMS || d.MaxMS != maxMS || d.Beyond != beyond || d.Count != n):
			t.Errorf("declared %+v, want %g to %g, %d beyond", d, minMS, maxMS, beyond)
		}
	}
	hellos(10, 100)
	is(9, 0, 0, 0)
	present(`,"min":"50ms","max":"200ms"`)
	is(0, 0, 0, 0)
	hellos(10, 100)
	hellos(1, 300)
	present(`,"min":"50ms","max":"200ms","paused":true`) // no other interval
	is(11, 50, 200, 1)
	present(`,"min":"1s","max":"10s"`)
	hellos(3, 1500)
	is(3, 1000, 10_000, 0)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = sqlite.Open(t.Context(), path, sqlite.Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	is(3, 1000, 10_000, 0)
	present(`,"min":"no time","max":"10s"`) // cannot be read
	present(`,"min":"10s","max":"1s"`)      // cannot be kept to
	is(0, 0, 0, 0)
	hellos(3, 100)
	is(3, 0, 0, 0)
}
