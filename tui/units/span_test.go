package units_test

import (
	"testing"
	"time"

	"hellox/tui/units"
)

func TestSpan(t *testing.T) {
	for _, c := range []struct {
		from, to time.Duration
		want     string
	}{
		{time.Second, 10 * time.Second, "1–10 s"}, {200 * time.Millisecond, 2 * time.Second, "200 ms–2 s"},
		{time.Millisecond, 2 * time.Millisecond, "1–2 ms"}, {1500 * time.Millisecond, 2 * time.Second, "1.5–2 s"},
		{0, 6 * time.Second, "0–6 s"}, {500 * time.Microsecond, time.Hour, "0.5 ms–3600 s"},
	} {
		if got := units.Span(c.from, c.to); got != c.want {
			t.Errorf("%v to %v is %q, want %q", c.from, c.to, got, c.want)
		}
	}
	if got := units.Bound(1500 * time.Millisecond); got != "1.5 s" {
		t.Errorf("a bound is %q", got)
	}
}
