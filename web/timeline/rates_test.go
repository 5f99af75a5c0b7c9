package timeline_test

import (
	"math"
	"testing"
	"time"

	"hellox/history"
	"hellox/web/timeline"
)

// A topic's rate is known from the second time on that the topics are asked for; one
// without new messages has 0.
func TestTopicRates(t *testing.T) {
	now, r := time.Now(), new(timeline.Rates)
	ask := func(at time.Duration, a, b uint64) []float64 {
		return r.Observe([]history.Topic{{Topic: "a", Messages: a}, {Topic: "b", Messages: b}}, now.Add(at))
	}
	if rates := ask(0, 100, 50); rates != nil {
		t.Errorf("at first: %v", rates)
	}
	if rates := ask(time.Second, 110, 50); rates != nil {
		t.Errorf("too soon: %v", rates)
	}
	for _, c := range []struct {
		at   time.Duration
		a, b uint64
		want [2]float64
	}{{10, 200, 50, [2]float64{10, 0}}, {60, 700, 20, [2]float64{10, 0}}, {70, 700, 170, [2]float64{500.0 / 60, 2}}, {130, 700, 230, [2]float64{0, 1}}} {
		if rates := ask(c.at*time.Second, c.a, c.b); len(rates) != 2 || math.Abs(rates[0]-c.want[0]) > 1e-9 || math.Abs(rates[1]-c.want[1]) > 1e-9 {
			t.Errorf("after %d s: %v, want %v", c.at, rates, c.want)
		}
	}
	if rates := ask(time.Hour, 9000, 9000); rates != nil {
		t.Errorf("after an hour: %v", rates)
	}
}
