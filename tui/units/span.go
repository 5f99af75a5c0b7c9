package units

import (
	"strconv"
	"time"
)

// Span formats what lies between two durations, with the unit once if it is the
// same: 1–10 s, 200 ms–2 s.
func Span(from, to time.Duration) string {
	a, unitA := bound(from)
	b, unitB := bound(to)
	if unitA == unitB {
		return a + "–" + b + " " + unitB
	}
	return a + " " + unitA + "–" + b + " " + unitB
}

// Bound formats a duration as Span does: 1 s, 200 ms, 1.5 s.
func Bound(d time.Duration) string {
	n, unit := bound(d)
	return n + " " + unit
}

func bound(d time.Duration) (number, unit string) {
	if d > 0 && d < time.Second {
		return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', -1, 64), "ms"
	}
	return strconv.FormatFloat(float64(d.Milliseconds())/1000, 'f', -1, 64), "s"
}
