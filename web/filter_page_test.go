package web

import (
	"fmt"
	"io/fs"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The filter is put together with the mouse and the keys: a press on a sender or a
// topic shows it only or leaves it out, terms are removed one by one, and keys,
// senders and topics are completed.
func TestPageFilterTerms(t *testing.T) {
	store := newStore(t)
	now := time.Now()
	for i := range 3 {
		store.put(t, hello(fmt.Sprintf("press-%d", i+1), 1, now))
	}
	store.put(t, arrival("hello_world/küche/lamp 1", []byte("on"), now))
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: store}))
	until(t, ctx, live+` && document.getElementById('message-4') != null`)
	tap := func(selector string, shift bool) {
		t.Helper()
		evaluate[bool](t, ctx, fmt.Sprintf(`(() => {
  const e = document.querySelector(%q), box = e.getBoundingClientRect();
  for (const kind of ['pointerdown', 'pointerup']) e.dispatchEvent(new PointerEvent(kind, { bubbles: true, button: 0, pointerType: 'mouse', shiftKey: %t, clientX: box.left + 2, clientY: box.top + 2 }));
  return true;
})()`, selector, shift))
	}
	filter := func(want string) {
		t.Helper()
		until(t, ctx, fmt.Sprintf(`(new URLSearchParams(location.search).get('filter') ?? '') === %q`, want))
	}
	tap("#message-4 .topic bdi", true)
	filter(`-topic:"hello_world/küche/lamp 1"`)
	until(t, ctx, `document.querySelector('#message-4:not([hidden])') == null`)
	tap("#message-2 .sender bdi", true)
	filter(`-topic:"hello_world/küche/lamp 1" -sender:press-2`)
	until(t, ctx, `document.querySelector('#message-2:not([hidden])') == null && document.querySelectorAll('.filter .terms button').length === 2`)
	evaluate[bool](t, ctx, `document.querySelector('.filter .terms button').click(), true`)
	filter(`-sender:press-2`)
	until(t, ctx, `document.getElementById('message-4') != null && document.querySelector('#message-2:not([hidden])') == null`)
	tap("#message-1 .sender bdi", false)
	until(t, ctx, `new URLSearchParams(location.search).get('sender') === 'press-1'`)
	until(t, ctx, `document.querySelector('#message-4:not([hidden])') == null`)

	open(t, ctx, evaluate[string](t, ctx, `location.origin`))
	until(t, ctx, live+` && document.querySelectorAll('#senders [data-sender]').length > 3`)
	enter := func(keys string) {
		t.Helper()
		if err := chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS(".filter input"), keys)); err != nil {
			t.Fatal(err)
		}
	}
	enter("send")
	until(t, ctx, `document.querySelector('.filter .completion').innerText.split('\n').includes('sender:')`)
	enter("\t")
	until(t, ctx, `document.querySelector('.filter input').value === 'sender:' && document.querySelector('.filter .completion').innerText.includes('sender:press-3')`)
	enter("3" + keyDown + "\r")
	until(t, ctx, `document.querySelector('.filter input').value === 'sender:press-3' && document.querySelector('.filter .completion').hidden`)
	filter("sender:press-3")
	// At once: of what is typed slowly, what parses on the way is shown.
	evaluate[bool](t, ctx, `(({ input }) => { input.value += ' delta>>1'; return input.dispatchEvent(new Event('input')); })({ input: document.querySelector('.filter input') })`)
	until(t, ctx, `document.querySelector('#tools .problem').innerText.endsWith('still showing: sender:press-3')`)
	// It hides neither the heads of the columns nor a row.
	until(t, ctx, `document.querySelector('#tools .problem').getBoundingClientRect().bottom <= document.querySelector('#list .columns').getBoundingClientRect().top`)
}

// The scripts are asked for at once, and the time strip begins with the history.
func TestPageBegins(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(300)...)
	f := newFront(t, Options{Store: store})
	body := ask(newServer(t, Options{Store: store}), "GET", "/", "").Body.String()
	if n := strings.Count(body, `rel="modulepreload"`); n < 30 {
		t.Errorf("%d scripts are preloaded", n)
	}
	// What is painted waits for one file, which is asked for before the scripts.
	sheet, script := strings.Index(body, `rel="stylesheet"`), strings.Index(body, `rel="modulepreload"`)
	if n := strings.Count(body, `rel="stylesheet"`); n != 1 || sheet > script {
		t.Errorf("%d style sheets, at %d, the scripts at %d", n, sheet, script)
	}
	files, err := fs.Glob(static, "static/css/*.css")
	if err != nil || len(files) < 8 {
		t.Fatal(files, err)
	}
	served := func(name string) string {
		return ask(newServer(t, Options{Store: store}), "GET", name, "").Body.String()
	}
	all := served("/static/page.css")
	for _, name := range files {
		if path.Base(name) != "login.css" && !strings.Contains(all, served("/"+name)) {
			t.Errorf("%s is no part of the page's style sheet", name)
		}
	}
	ctx := chromium(t)
	open(t, ctx, f.URL)
	until(t, ctx, `document.querySelector('svg.time .bars').getAttribute('d')?.length > 0`)
	// 300 s of history fill the strip: its bars begin near the left end.
	until(t, ctx, `Number(/^M([\d.]+)/.exec(document.querySelector('svg.time .bars').getAttribute('d'))[1]) < document.querySelector('svg.time').viewBox.baseVal.width / 10`)
}

// Enter takes the filter and goes to the list; a wrong one is mended where it was
// typed. Where nothing matches, a press shows all again.
func TestPageLeavesTheFilter(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(3)...)
	ctx := chromium(t)
	address := serve(t, Options{Store: store})
	open(t, ctx, address)
	until(t, ctx, live+` && document.getElementById('message-3') != null`)
	keys := func(keys string) {
		t.Helper()
		if err := chromedp.Do(ctx, chromedp.KeyEvent(keys)); err != nil {
			t.Fatal(err)
		}
	}
	press(t, ctx, "/")
	keys("seq<3\r")
	until(t, ctx, `document.activeElement === document.querySelector('#list .rows') && document.querySelectorAll('#list .row:not(.line, [hidden])').length === 2`)
	keys("jk")
	until(t, ctx, `document.getElementById('message-1').ariaSelected === 'true' && document.querySelector('.filter input').value === 'seq<3'`)
	press(t, ctx, "/")
	keys("delta>>8\r")
	until(t, ctx, `document.activeElement === document.querySelector('.filter input') && document.querySelector('#tools .problem').innerText.endsWith('still showing: seq<3')`)

	if err := chromedp.Do(ctx, chromedp.EmulateViewport(390, 844), chromedp.Navigate(address+"/?sender=press-1&filter=nothinglikethis")); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `document.querySelector('#list .empty').innerText.startsWith('No message for') && !document.querySelector('#list .empty').innerText.includes('Esc')`)
	if err := chromedp.Do(ctx, chromedp.Click(`#list .empty button`)); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `location.search === '' && document.querySelectorAll('#list .row:not(.line, [hidden])').length === 3 && document.activeElement === document.querySelector('#list .rows')`)
}
