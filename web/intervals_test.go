package web

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"hellox/history"
	"hellox/stream"
	"hellox/tui/units"
)

// putUniform stores n messages of a sender whose intervals are uniform between
// two bounds.
func (s *testStore) putUniform(t *testing.T, sender string, n int, shortest, longest time.Duration) {
	t.Helper()
	r := rand.New(rand.NewPCG(5, 5))
	at := time.Now().Add(-time.Duration(n) * (shortest + longest) / 2)
	arrivals := make([]stream.Arrival, n)
	for i := range arrivals {
		at = at.Add(shortest + time.Duration(r.Float64()*float64(longest-shortest)))
		arrivals[i] = hello(sender, uint64(i+1), at)
	}
	s.put(t, arrivals...)
}

type intervalsAnswer struct {
	Intervals []history.Intervals `json:"intervals"`
	All       history.Intervals   `json:"all"`
}

func TestIntervalsAnswer(t *testing.T) {
	store := newStore(t)
	s := newServer(t, Options{Store: store})
	get := func() intervalsAnswer {
		t.Helper()
		w := ask(s, "GET", "/api/stats/intervals", "")
		if w.Code != http.StatusOK {
			t.Fatalf("%d: %s", w.Code, w.Body)
		}
		return decodeJSON[intervalsAnswer](t, w)
	}
	if a := get(); a.Intervals == nil || a.All.Counts == nil {
		t.Errorf("of nothing: %+v", a)
	}
	store.put(t, hello("press-1", 1, time.Now().Add(-time.Hour)))
	store.present(t, "here", false)
	store.putUniform(t, "press-1", 300, time.Second, 10*time.Second)
	store.putUniform(t, "other", 40, 20*time.Millisecond, 30*time.Millisecond)
	store.put(t, hello("press-1", 302, time.Now().Add(10*time.Minute))) // an outage
	a := get()
	if len(a.Intervals) != 2 {
		t.Fatalf("%+v", a.Intervals)
	}
	other, press := a.Intervals[0], a.Intervals[1]
	if other.Declared != nil || press.Declared == nil || press.Declared.Beyond < 1 || press.Declared.P == nil || *press.Declared.P < 0.01 || press.FromMS != 1000 {
		t.Errorf("%+v, %+v", other, press.Declared)
	}
	total := func(in history.Intervals) (n uint64) {
		for _, c := range in.Counts {
			n += c
		}
		if in.Declared != nil {
			n += in.Declared.Beyond
		}
		return n
	}
	if got, want := total(a.All), total(other)+total(press); got != want {
		t.Errorf("all are %d intervals, want %d", got, want)
	}
	if d := a.All.Declared; d == nil || d.Count != press.Declared.Count || d.MinMS != 1000 || d.MaxMS != 10_000 {
		t.Errorf("all: %+v", d)
	}
}

// The page compares intervals with what is declared, in numbers.
func TestPageComparesIntervals(t *testing.T) {
	store := newStore(t)
	store.put(t, hello("press-1", 1, time.Now().Add(-time.Hour)))
	store.present(t, "here", false)
	store.putUniform(t, "press-1", 200, time.Second, 10*time.Second)
	store.putUniform(t, "other", 40, 20*time.Millisecond, 30*time.Millisecond)
	s := serve(t, Options{Store: store})
	all, err := store.Intervals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := all[1].Declared
	want := fmt.Sprintf("declared 1–10 s: %d of %d outside; uniform within: p %.2f", d.Beyond, d.Count, *d.P)
	ctx := chromium(t)
	shown := `document.querySelector('#intervals .declared').textContent.replaceAll('\u202f', ' ')`
	open(t, ctx, s+"/?sender=press-1")
	until(t, ctx, fmt.Sprintf(`%s === %q && !document.querySelector('#intervals .frame').hidden`, shown, want))
	// The frame is the whole plot, 1 to 10 s, and the line of what is expected lies in it.
	until(t, ctx, `(() => {
  const box = (s) => document.querySelector('#intervals ' + s).getBoundingClientRect(), over = box('.u-over'), frame = box('.frame'), line = box('.expected');
  return Math.abs(over.left - frame.left) < 2 && Math.abs(over.right - frame.right) < 2 && line.top > over.top + 5 && line.top < over.bottom - 5;
})()`)
	first := all[1].Counts[0]
	hover(t, ctx, "#intervals .u-over", 0.01, fmt.Sprintf(`document.querySelector('#intervals .readout').textContent.replaceAll('\u202f', ' ') === '1–1.5 s: %d, expected %.2g'`, first, float64(d.Count-d.Beyond)/18))
	open(t, ctx, s+"/?sender=other")
	until(t, ctx, `document.querySelector('#intervals .numbers').textContent.startsWith('min 0.02')`)
	until(t, ctx, shown+` === '' && document.querySelector('#intervals .frame').hidden`)
	open(t, ctx, s)
	until(t, ctx, fmt.Sprintf(`%s === %q`, shown, want))

	for _, span := range [][2]time.Duration{{time.Second, 10 * time.Second}, {0, time.Second}, {200 * time.Millisecond, 2 * time.Second}, {time.Millisecond, 2 * time.Millisecond}, {1500 * time.Millisecond, time.Hour}} {
		got := evaluate[string](t, ctx, fmt.Sprintf(`import('/static/js/format.js').then(({ span }) => span(%v, %v))`, stream.Millis(span[0]), stream.Millis(span[1])))
		if want := units.Span(span[0], span[1]); strings.ReplaceAll(got, "\u202f", " ") != want {
			t.Errorf("the page writes %q, the terminal %q", got, want)
		}
	}
}
