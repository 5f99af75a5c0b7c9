package timeline_test

import (
	"testing"
	"time"

	"hellox/tui/timeline"
)

func TestSumFallsByItself(t *testing.T) {
	at := time.Date(2026, 11, 24, 14, 2, 31, 114e6, time.UTC)
	w := timeline.New(time.Minute, 12)
	for i := range 30 {
		w.Add(at.Add(time.Duration(i) * time.Second))
	}
	w.Add(at.Add(-time.Hour)) // too old to count
	for _, test := range []struct {
		after time.Duration
		want  uint64
	}{{29 * time.Second, 30}, {70 * time.Second, 21}, {2 * time.Minute, 0}} {
		if n := w.Sum(at.Add(test.after), time.Minute); n > test.want || n+5 < test.want {
			t.Errorf("%s later %d are counted, want %d or a slot less", test.after, n, test.want)
		}
	}
	if got := timeline.Spark(w.Bars(at.Add(30*time.Second), 6)); len(got) != 6 {
		t.Errorf("six bars are drawn as %q", string(got))
	}
}
