package web

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"hellox/stream"
)

// The export is what the selection matches, all of it and once, in both formats.
func TestExport(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(3000)...)
	store.put(t, arrival("oven", []byte("a,\"b\"\nc"), time.Now()), arrival("oven", []byte("\xff\x00"), time.Now()))
	s := newServer(t, Options{Store: store})
	lines := strings.Split(strings.TrimSpace(ask(s, "GET", "/api/export", "").Body.String()), "\n")
	if len(lines) != 3002 || !strings.HasPrefix(lines[0], `{"id":1,`) || !strings.HasPrefix(lines[3001], `{"id":3002,`) {
		t.Errorf("%d lines, from %.20s to %.20s", len(lines), lines[0], lines[len(lines)-1])
	}
	w := ask(s, "GET", "/api/export?format=csv&topic=oven", "")
	if got := w.Header().Get("Content-Disposition"); !strings.HasPrefix(got, "attachment; filename=hellox-") || !strings.HasSuffix(got, "Z.csv") {
		t.Errorf("Content-Disposition %q", got)
	}
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) != 3 || rows[0][13] != "payload" || rows[1][13] != "a,\"b\"\nc" || rows[2][14] != "ff00" {
		t.Errorf("%q %v", rows, err)
	}
	// A payload that a spreadsheet would take for a formula stays as it is for programs; for
	// a spreadsheet it is a text, and so that it can be undone. A number is none.
	payloads := []string{"=1+1", "+cmd|'/C calc'!A1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1", "'=1", "-2.5", "+1e3", "-.5", "a=1", "-", ""}
	for _, p := range payloads {
		store.put(t, arrival("formula", []byte(p), time.Now()))
	}
	store.put(t, arrival("=1", []byte("x"), time.Now()))
	for format, guarded := range map[string]bool{"csv": false, "spreadsheet": true} {
		w := ask(s, "GET", "/api/export?topic=formula&topic=%3D1&format="+format, "")
		if got := w.Header().Get("Content-Disposition"); !strings.HasSuffix(got, "Z.csv") {
			t.Errorf("%s: Content-Disposition %q", format, got)
		}
		rows, err := csv.NewReader(w.Body).ReadAll()
		if err != nil || len(rows) != len(payloads)+2 {
			t.Fatalf("%s: %q %v", format, rows, err)
		}
		for i, p := range payloads {
			row, want := rows[i+1], strings.ReplaceAll(p, "\r\n", "\n")
			formula := i < 7 || p == "-"
			if guarded && formula {
				want = "'" + want
			}
			if row[13] != want || len(row) != map[bool]int{false: 15, true: 16}[guarded] || guarded && (row[15] == "payload") != formula {
				t.Errorf("%s: %q is %q", format, p, row)
			}
		}
		if last := rows[len(rows)-1]; (last[3] == "'=1") != guarded || guarded && last[15] != "sender topic" {
			t.Errorf("%s: the topic is %q", format, last)
		}
	}
	ours := ask(s, "GET", "/api/export?filter="+"seq%3D7", "").Body.String()
	if strings.Count(ours, "\n") != 1 || !strings.Contains(ours, `"seq":7`) {
		t.Errorf("filtered: %s", ours)
	}
}

// The page comes with its first rows; without JavaScript they are the list, and
// hostile text is only text.
func TestPageFirstRows(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(200)...)
	store.put(t, arrival("hello_world/x<script>alert(1)</script>", []byte(`</table><script>document.title='hacked'</script><img src=x onerror=alert(1)>`), time.Now()))
	address := serve(t, Options{Store: store})
	// The page comes without them when they cannot be read within 100 ms.
	withRows := func(path string) (html string) {
		eventually(t, "first rows of "+path, func() bool {
			html = ask(newServer(t, Options{Store: store}), "GET", path, "").Body.String()
			return strings.Contains(html, "<tr><td>")
		})
		return html
	}
	html := withRows("/")
	if strings.Count(html, "<tr><td>") != 50 || !strings.Contains(html, "Hello 200") || strings.Contains(html, "<script>document") {
		t.Errorf("%d rows in the page", strings.Count(html, "<tr><td>"))
	}
	if got := withRows("/?filter=seq%3D7"); strings.Count(got, "<tr><td>") != 1 {
		t.Error("the first rows do not follow the filter")
	}
	ctx := chromium(t)
	open(t, ctx, address)
	until(t, ctx, `!document.querySelector('#list .first') && document.querySelector('#list .grid').ariaRowCount === '203'`)
	t.Logf("first paint after %.0f ms", evaluate[float64](t, ctx, `performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1`))
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	open(t, ctx, address)
	var text string
	for end, again := time.Now().Add(time.Minute), time.Now().Add(3*time.Second); time.Now().Before(end) && !strings.Contains(text, "Hello 200"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(again) {
			open(t, ctx, address)
			again = time.Now().Add(3 * time.Second)
		}
		text, _ = chromedp.Run(ctx, chromedp.Text(chromedp.CSS("body")))
	}
	if !strings.Contains(text, "Hello 200") || !strings.Contains(text, "Without JavaScript this is a plain list") || !strings.Contains(text, "<img src=x") {
		t.Errorf("without JavaScript: %.400s", text)
	}
	// They stand on the screen: the newest is the last one.
	whole, row := boxOf(t, ctx, "#list .first"), boxOf(t, ctx, "#list .first tbody tr:last-child")
	if whole[5]-whole[1] < 300 || row[1] < whole[1] || row[5] > whole[5]+1 {
		t.Errorf("without JavaScript the list stands at %v, its newest message at %v", whole, row)
	}
	if dir := os.Getenv("HELLOX_LOOK"); dir != "" {
		if picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot()); err == nil {
			_ = os.WriteFile(filepath.Join(dir, "noscript.png"), picture, 0o644)
		}
	}
	if _, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{}); err != nil {
		t.Fatal(err)
	}
}

// boxOf returns the corners of an element on the screen, for a page without scripts.
func boxOf(t *testing.T, ctx context.Context, selector string) dom.Quad {
	t.Helper()
	document, err := chromedp.Call(ctx, dom.GetDocument, dom.GetDocumentParams{})
	if err != nil {
		t.Fatal(err)
	}
	found, err := chromedp.Call(ctx, dom.QuerySelector, dom.QuerySelectorParams{NodeID: document.Root.NodeID, Selector: selector})
	if err != nil {
		t.Fatal(err)
	}
	box, err := chromedp.Call(ctx, dom.GetContentQuads, dom.GetContentQuadsParams{NodeID: found.NodeID})
	if err != nil || len(box.Quads) == 0 {
		t.Fatalf("%s is not on the screen: %v", selector, err)
	}
	return box.Quads[0]
}

// A person saves what is filtered.
func TestPageExport(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(20)...)
	dir := t.TempDir()
	ctx := chromium(t)
	allow := cdpbrowser.SetDownloadBehaviorParams{Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir, BrowserContextID: chromedp.FromContext(ctx).BrowserContextID}
	if _, err := chromedp.CallBrowser(ctx, cdpbrowser.SetDownloadBehavior, allow); err != nil {
		t.Fatal(err)
	}
	open(t, ctx, serve(t, Options{Store: store})+"/?filter=seq%3C5")
	until(t, ctx, `document.querySelector('#list .grid').ariaRowCount === '6'`)
	evaluate[bool](t, ctx, `[...document.querySelectorAll('#list .export button')].find((b) => b.textContent === 'CSV').click(), true`)
	var names []string
	for end := time.Now().Add(time.Minute); len(names) == 0 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		names, _ = filepath.Glob(filepath.Join(dir, "*.csv"))
	}
	if len(names) != 1 {
		t.Fatal("nothing was saved")
	}
	content, err := os.ReadFile(names[0])
	if err != nil || strings.Count(string(content), "\n") != 5 || !strings.Contains(string(content), "Hello 4") {
		t.Errorf("%s: %s %v", names[0], content, err)
	}
}

// A notification of the browser comes when messages are missing and when a sender falls
// silent, once the person has asked for them, has allowed them and looks elsewhere.
func TestPageNotices(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(3)...)
	ctx := chromium(t)
	// What the browser made of each is asked of its own object.
	const record = `window.told = []; document.hasFocus = () => false;
window.Notification = class extends Notification { constructor(...all) { super(...all); told.push([this.title, this.tag, this.body].join('|')); } };`
	if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: record}); err != nil {
		t.Fatal(err)
	}
	allow := func(setting cdpbrowser.PermissionSetting) {
		t.Helper()
		p := cdpbrowser.SetPermissionParams{Permission: &cdpbrowser.PermissionDescriptor{Name: "notifications"}, Setting: setting, BrowserContextID: chromedp.FromContext(ctx).BrowserContextID}
		if _, err := chromedp.CallBrowser(ctx, cdpbrowser.SetPermission, p); err != nil {
			t.Fatal(err)
		}
	}
	allow(cdpbrowser.PermissionSettingPrompt)
	address := serve(t, Options{Store: store})
	open(t, ctx, address)
	until(t, ctx, `document.querySelector('#list .grid').ariaRowCount === '5'`)
	gap := func(seq uint64) {
		store.put(t, says("press-1", seq, time.Now(), fmt.Sprintf("Hello %d", seq)))
		until(t, ctx, fmt.Sprintf(`document.querySelector('#list').innerText.includes('Hello %d')`, seq))
	}
	gap(10)
	if told := evaluate[[]string](t, ctx, `told`); len(told) != 0 {
		t.Errorf("told before it was asked: %q", told)
	}
	if got := evaluate[string](t, ctx, `Notification.permission`); got != "default" {
		t.Fatalf("before it is allowed, the permission is %q", got)
	}
	allow(cdpbrowser.PermissionSettingGranted)
	evaluate[bool](t, ctx, `[...document.querySelectorAll('#head button')].find((b) => b.textContent === 'notify').click(), true`)
	until(t, ctx, `[...document.querySelectorAll('#head button')].find((b) => b.textContent === 'notify').ariaPressed === 'true'`)
	begun := time.Now()
	gap(20)
	until(t, ctx, `told.length === 1 && told[0] === 'press-1: 9 missed|hellox missed|hellox'`)
	gap(30)
	if told := evaluate[[]string](t, ctx, `told`); len(told) != 1 && time.Since(begun) < 10*time.Second {
		t.Errorf("told again within ten seconds: %q", told)
	}
	until(t, ctx, `import('/static/js/notices.js').then(({ Notices }) => { const n = new Notices(() => {}); n.state('press-2', 'on time'); n.state('press-2', 'silent'); return told.at(-1) === 'press-2 fell silent|hellox silent|hellox'; })`)
	allow(cdpbrowser.PermissionSettingDenied)
	open(t, ctx, address)
	until(t, ctx, `[...document.querySelectorAll('#head button')].find((b) => b.textContent === 'notify').disabled`)
}

// The keys do what they do in the terminal.
func TestPageKeysOfTheTerminal(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(3)...)
	store.put(t, says("press-2", 1, time.Now(), "of another"), arrival("hello_world/oven", []byte(`{"a":1}`), time.Now()))
	client := &recordingClient{answer: stream.Answer{ID: "1", OK: true}}
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: store, Client: client}))
	until(t, ctx, `document.querySelector('#list .grid').ariaRowCount === '7' && document.querySelectorAll('#send select[aria-label="send to"] option').length === 3`)
	const asks = ` && document.activeElement === document.querySelector('#send select[aria-label="send to"]') && document.activeElement.value === ''`
	press(t, ctx, "t") // without one that is told, nothing can be typed that would be published
	until(t, ctx, `document.querySelector('#send .result').innerText.startsWith('no broadcaster is chosen: select one')`+asks)
	press(t, ctx, "j")
	press(t, ctx, "t")
	until(t, ctx, `document.querySelector('#send .result').innerText.startsWith('hello_world/oven is no broadcaster')`+asks)
	press(t, ctx, "p") // publishes to the topic of the selection
	until(t, ctx, `document.querySelector('#send .topic').value === 'hello_world/oven' && document.activeElement === document.querySelector('#send .grow')`)
	press(t, ctx, "k")
	press(t, ctx, "t") // tells the sender of the selection
	until(t, ctx, `document.querySelector('#send select[aria-label="send to"]').value === 'press-2' && document.activeElement.closest('#send') != null`)
	press(t, ctx, "x")
	until(t, ctx, `!document.querySelector('#detail').hidden && document.querySelector('#detail [aria-selected=true]').innerText === 'JSON'`)
	press(t, ctx, "x")
	until(t, ctx, `document.querySelector('#detail .tabs [aria-selected=true]').innerText === 'raw'`)
	press(t, ctx, "s")
	until(t, ctx, `new URLSearchParams(location.search).get('sender') === 'press-2' && document.querySelector('#list .grid').ariaRowCount === '3'`)
}

// On a telephone one part is shown at a time.
func TestPageOnATelephone(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(30)...)
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: store}))
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(390, 844)); err != nil {
		t.Fatal(err)
	}
	// What was laid out for a mouse is for a finger now: higher rows, in their places.
	touched := func(p *emulation.SetDeviceMetricsOverrideParams, q *emulation.SetTouchEmulationEnabledParams) {
		chromedp.EmulateMobile(p, q)
		chromedp.EmulateTouch(p, q)
	}
	until(t, ctx, `document.querySelectorAll('#list .row:not([hidden])').length > 20`)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(390, 844, touched)); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `(() => {
  const list = document.querySelector('#list .rows').getBoundingClientRect();
  const boxes = [...document.querySelectorAll('#list .row:not([hidden])')].map((r) => r.getBoundingClientRect()).filter((b) => b.top >= list.top && b.bottom <= list.bottom + 1).sort((a, b) => a.top - b.top);
  return boxes.length > 8 && boxes.every((b, i) => b.height === 36 && (i === 0 || b.top === boxes[i - 1].bottom)) && list.bottom - boxes.at(-1).bottom < 36;
})()`)
	visible := func(selector string) string {
		return fmt.Sprintf(`(document.querySelector(%q)?.getBoundingClientRect().height > 20)`, selector)
	}
	place := func(name string) {
		evaluate[bool](t, ctx, fmt.Sprintf(`[...document.querySelectorAll('#places button')].find((b) => b.textContent === %q).click(), true`, name))
	}
	until(t, ctx, visible("#list .rows")+` && !`+visible("#side")+` && `+visible("#places"))
	place("senders")
	until(t, ctx, visible("#senders .rows")+` && !`+visible("#list .rows")+` && document.querySelector('#senders .rows').innerText.includes('press-1') && document.querySelector('#places [aria-current]').innerText === 'senders'`)
	place("topics")
	until(t, ctx, visible("#topics .rows")+` && !`+visible("#senders .rows"))
	place("charts")
	until(t, ctx, visible("#charts .place")+` && !`+visible("#topics .rows"))
	place("stream")
	until(t, ctx, visible("#list .rows")+` && !`+visible("#side"))
	for _, width := range []int64{390, 320} {
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 568, touched)); err != nil {
			t.Fatal(err)
		}
		until(t, ctx, fmt.Sprintf(`innerWidth === %d`, width))
		untilNone(t, ctx, `(() => {
  const box = (s) => document.querySelector(s).getBoundingClientRect(), wrong = [];
  if (document.documentElement.scrollWidth > innerWidth) wrong.push('the page is ' + document.documentElement.scrollWidth + ' px wide');
  if (box('#list .export').right > box('#list .foot > :not(.export, [hidden])').left) wrong.push('what is exported stands under the state of the list');
  if (box('#send [type=submit]').top > box('#send > *').bottom) wrong.push('Send stands alone on a line');
  if (box('#head .buttons').top > box('#head h1').bottom) wrong.push('the buttons stand alone on a line');
  return wrong.map((w) => innerWidth + ' px: ' + w);
})()`)
	}
}

// What is told while someone types moves no field of the send line, and can be read whole.
func TestPageSendLineStands(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(30)...)
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: store, Client: &recordingClient{}}))
	until(t, ctx, live)
	const fields = `[...document.querySelectorAll('#send > :not(.result)')].map((e) => { const b = e.getBoundingClientRect(); return [b.left, b.top, b.width].join() }).join(' ')`
	for _, width := range []int64{1440, 1000} {
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 800)); err != nil {
			t.Fatal(err)
		}
		// Nothing is typed or told of the width before, and the fields stand where they are at this one.
		evaluate[bool](t, ctx, `(({ input }) => { input.value = ''; return input.dispatchEvent(new Event('input', { bubbles: true })); })({ input: document.querySelector('#send .grow') })`)
		until(t, ctx, fmt.Sprintf(`innerWidth === %d && document.querySelector('#send .result').innerText === ''`, width))
		before := evaluate[string](t, ctx, `new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(`+fields+`))))`)
		if err := chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS("#send .grow"), `{"a":`)); err != nil {
			t.Fatal(err)
		}
		until(t, ctx, `document.querySelector('#send .result').innerText.startsWith('not JSON')`)
		if after := evaluate[string](t, ctx, fields); after != before {
			t.Errorf("%d px: the fields stood at %s and stand at %s", width, before, after)
		}
		until(t, ctx, `(({ left, top, right, bottom, height }) => left > 0 && top > 0 && right < innerWidth && bottom <= document.querySelector('#send').getBoundingClientRect().top + 1 && height > 20)(document.querySelector('#send .result').getBoundingClientRect())`)
	}
}

// The number of missed messages shows where they are missing; a narrow head has it as well.
func TestPageShowsWhatIsMissed(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(30)...)
	store.put(t, hello("press-1", 40, time.Now()))
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: store}))
	until(t, ctx, live)
	for _, width := range []int64{2560, 1440, 1100, 700, 390, 320} {
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 800)); err != nil {
			t.Fatal(err)
		}
		until(t, ctx, `innerWidth === `+fmt.Sprint(width)+` && (({ right, height }) => height > 10 && right <= innerWidth)(document.querySelector('#head button.missed').getBoundingClientRect()) && document.querySelector('#head button.missed').innerText === 'missed\u00a09'`)
	}
	evaluate[bool](t, ctx, `document.querySelector('#head button.missed').click(), true`)
	until(t, ctx, `new URLSearchParams(location.search).get('filter') === 'is:missed' && document.querySelectorAll('#list .row:not(.line, [hidden])').length === 1`)
}

// The names of times below the strip stand within it, and the figures on one line.
func TestPageNarrowHeadAndStrip(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(3000)...)
	store.put(t, hello("press-1", 3010, time.Now()))
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: store}))
	for _, width := range []int64{1440, 700, 320} {
		if width < 1440 { // by what is known: not only with the next counts
			evaluate[bool](t, ctx, `window.fetch = ((fetch) => (path, ...rest) => path.startsWith('/api/timeline') ? new Promise(() => {}) : fetch(path, ...rest))(window.fetch), true`)
		}
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 700)); err != nil {
			t.Fatal(err)
		}
		until(t, ctx, fmt.Sprintf(`innerWidth === %d && document.querySelector('.timeline .times span') != null && document.querySelector('#head button.missed').checkVisibility()`, width))
		until(t, ctx, `(() => {
  const strip = document.querySelector('.timeline .times').getBoundingClientRect();
  return [...document.querySelectorAll('.timeline .times span')].every((e) => (({ left, right }) => left >= strip.left && right <= strip.right)(e.getBoundingClientRect()));
})()`)
		until(t, ctx, `(([a, ...others]) => others.every((b) => Math.abs(a - b) < 1))([...document.querySelectorAll('#head .figure:not([hidden])')].filter((e) => e.checkVisibility()).map((e) => {
  const words = document.createRange();
  words.selectNodeContents(e);
  return words.getBoundingClientRect().bottom;
}))`)
		until(t, ctx, `innerWidth >= 900 || !document.querySelector('#senders > .pods').checkVisibility()`)
	}
}
