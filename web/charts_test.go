package web

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hellox/history"
	"hellox/stream/filter"
	"hellox/web/timeline"
)

// hover moves the mouse over an element, at a fraction of its width, until an expression
// is true: what stands there may be laid out anew after a move.
func hover(t *testing.T, ctx context.Context, selector string, at float64, shows string) {
	t.Helper()
	eventually(t, shows, func() bool {
		to := evaluate[[]float64](t, ctx, fmt.Sprintf(`(() => { const b = document.querySelector(%q).getBoundingClientRect(); return [b.left + b.width * %g, b.top + b.height / 2]; })()`, selector, at))
		if err := chromedp.Do(ctx, chromedp.MouseEvent(chromedp.MouseMoved, to[0], to[1])); err != nil {
			t.Fatal(err)
		}
		return evaluate[bool](t, ctx, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(`+shows+`))))`)
	})
}

// inked counts the pixels of a picture that have about a colour of the page.
func inked(selector, color string) string {
	return fmt.Sprintf(`(() => {
  const canvas = document.querySelector('%s canvas'), probe = document.createElement('i');
  probe.style.color = 'var(%s)';
  document.body.append(probe);
  const [r, g, b] = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
  probe.remove();
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let n = 0;
  for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200 && Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 30) n++;
  return n;
})()`, selector, color)
}

// storeOfAnHour returns 1,800 messages of press-1 and as many of press-2, two seconds apart, of which
// press-2 lost three half an hour ago.
func storeOfAnHour(t *testing.T) *testStore {
	store := newStore(t)
	now := time.Now()
	for i := range 1800 {
		at, seq := now.Add(time.Duration(i-1799)*2*time.Second), uint64(i+1)
		store.put(t, hello("press-1", seq, at))
		if i >= 900 {
			seq += 3
		}
		store.put(t, hello("press-2", seq, at.Add(time.Millisecond)))
	}
	return store
}

// The charts show what the server counts, the values under the cursor as well; they,
// the strip and the histogram follow the filter, and a click goes to a place.
func TestPageCharts(t *testing.T) {
	store := storeOfAnHour(t)
	address := serve(t, Options{Store: store})
	ctx := chromium(t)
	open(t, ctx, address)
	until(t, ctx, live)
	press(t, ctx, "4")
	const first, second = "#charts .place", "#charts .place ~ .place"
	until(t, ctx, inked(first, "--dim")+` > 100 && `+inked(second, "--accent")+` > 100`)
	until(t, ctx, inked(first, "--bad")+` > 5`)
	const readout = `[...document.querySelectorAll('#charts .readout')].map((e) => e.textContent.replaceAll('\u202f', ' ')).join('|')`
	hover(t, ctx, "#charts .u-over", 0.3, `/^\d\d:\d\d:\d\d  1\.0\/s\|p50 1\.8 ms  p99 1\.8 ms$/.test(`+readout+`)`)
	const bars = `document.querySelector('svg.time .bars').getAttribute('d')`
	all := evaluate[string](t, ctx, bars)

	f, err := filter.Parse("sender:press-2")
	if err != nil {
		t.Fatal(err)
	}
	// The server's truth of the filter, half of all.
	truth, err := timeline.New(store).Read(ctx, history.Select{Filter: f}, time.Now().Add(-time.Hour), time.Now(), 180)
	if err != nil || truth.Bins[90].Messages*2 < 19 {
		t.Fatalf("%+v, %v", truth.Bins[90], err)
	}
	open(t, ctx, address+"/?filter=sender:press-2")
	until(t, ctx, live)
	press(t, ctx, "4")
	until(t, ctx, `document.querySelector('#charts .of').textContent === 'of the filter' && document.querySelector('#intervals h2').textContent === 'intervals, of the filter'`)
	until(t, ctx, inked(first, "--bad")+` > 5`)
	hover(t, ctx, "#charts .u-over", 0.3, `/^\d\d:\d\d:\d\d  30\.0\/min\|p50 1\.8 ms  p99 1\.8 ms$/.test(`+readout+`)`)
	open(t, ctx, address+"/?filter=is:missed")
	until(t, ctx, bars+`?.split('z').length === 2`) // one message
	if n := evaluate[int](t, ctx, `(`+bars+`).split('z').length`); n != 2 || all == "" {
		t.Errorf("%d bars of one message; of all %q", n, all)
	}

	// A click shows that time.
	open(t, ctx, address)
	until(t, ctx, live)
	press(t, ctx, "4")
	until(t, ctx, inked(first, "--dim")+` > 100`)
	hover(t, ctx, "#charts .u-over", 0.5, readout+`.length > 10`)
	if err := chromedp.Do(ctx, chromedp.Click("#charts .u-over")); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `Math.abs(Number(new URLSearchParams(location.search).get('at')) - 1800) < 200`)
}

// The strip has times below it and another scale at a press, which is remembered.
func TestPageStripScale(t *testing.T) {
	store := storeOfAnHour(t)
	for i := range 500 {
		store.put(t, hello("press-3", uint64(i+1), time.Now()))
	}
	address := serve(t, Options{Store: store})
	ctx := chromium(t)
	open(t, ctx, address)
	const bars = `document.querySelector('svg.time .bars').getAttribute('d')`
	until(t, ctx, bars+`?.length > 500`)
	until(t, ctx, `document.querySelectorAll('.timeline .times span').length >= 3 && /^\d\d:\d\d$/.test(document.querySelector('.timeline .times span').textContent)`)
	// The height of the first bar whose bin is over, of the usual 20 messages.
	const height = `Number(/v-([\d.]+)/.exec(` + bars + `.split('z')[20])[1])`
	root := evaluate[float64](t, ctx, height)
	if err := chromedp.Do(ctx, chromedp.Click(`.timeline button[title^="square root"]`)); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, fmt.Sprintf(height+` > %g * 1.5`, root))
	open(t, ctx, address)
	until(t, ctx, bars+`?.length > 500 && `+fmt.Sprintf(height+` > %g * 1.5`, root))
}
