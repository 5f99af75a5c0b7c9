package web

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// At every width what tells senders and their states apart is to be seen: no name
// in the list and the panel, and no state, is cut where it is shown.
func TestPageNamesAreNotCut(t *testing.T) {
	store := newStore(t)
	now := time.Now()
	for i := range 12 {
		store.put(t, hello(fmt.Sprintf("broadcast-%d", i), 1, now.Add(-665*time.Second)))
	}
	store.put(t, arrival("hello_world/a/long/way/to/lamp-1", []byte("1"), now), arrival("hello_world/a/long/way/to/lamp-2", []byte("2"), now))
	retained := arrival("hello_world/sensor", []byte("21"), now)
	retained.Retained = true
	store.put(t, retained)
	address := serve(t, Options{Store: store})
	ctx := chromium(t)
	const shown = `[...document.querySelectorAll('#list .row:not(.line, [hidden]) .sender, #senders .rows .row:not([hidden]) :is(.name, .words)')].filter((e) => e.offsetParent && e.innerText)`
	for _, width := range []int64{320, 390, 560, 700, 899, 1000, 1200, 1400, 3840} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(address)); err != nil {
				t.Fatal(err)
			}
			until(t, ctx, fmt.Sprintf(`(%s).includes('21')`, newestRow))
			uncut := func() {
				t.Helper()
				untilNone(t, ctx, shown+`.filter((e) => e.scrollWidth > e.clientWidth).map((e) => 'cut: ' + e.className + ': ' + e.innerText)`)
			}
			uncut()
			if n := evaluate[int](t, ctx, `new Set([...document.querySelectorAll('#list .row:not(.line, [hidden]) .sender')].map((e) => e.innerText)).size`); n != 15 {
				t.Errorf("15 senders have %d names in the list", n)
			}
			// A telephone shows the senders in the list's place.
			evaluate[bool](t, ctx, `[...document.querySelectorAll('#places button')].find((b) => b.textContent === 'senders')?.click(), true`)
			until(t, ctx, `document.querySelectorAll('#senders [data-sender]').length >= 15`)
			uncut()
		})
	}
}
