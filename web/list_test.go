package web

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The scrollbar stands for the whole history: it reaches any place with few
// requests, and g the oldest message; while it is dragged only the newest place
// counts.
func TestPageScrollsTheWholeHistory(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(20_000)...)
	f := newFront(t, Options{Store: store})
	ctx := chromium(t)
	open(t, ctx, f.URL)
	until(t, ctx, fmt.Sprintf(`(%s).includes('Hello 20000')`, newestRow))
	before := f.requests("/api/messages")
	press(t, ctx, "g")
	until(t, ctx, inView(1, false))
	if n := f.requests("/api/messages") - before; n > 2 {
		t.Errorf("%d requests to the oldest message", n)
	}
	const rail = `document.querySelector('#list .rail').getBoundingClientRect()`
	top := evaluate[float64](t, ctx, rail+`.top`)
	height := evaluate[float64](t, ctx, rail+`.height`)
	x := evaluate[float64](t, ctx, rail+`.left`) + 7
	if err := chromedp.Do(ctx, chromedp.MouseEvent(chromedp.MousePressed, x, top+4, chromedp.ButtonLeft, chromedp.ClickCount(1))); err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		if err := chromedp.Do(ctx, chromedp.MouseEvent(chromedp.MouseMoved, x, top+4+height/2*float64(i+1)/40, chromedp.ButtonLeft)); err != nil {
			t.Fatal(err)
		}
	}
	until(t, ctx, `/^#1?\d{1,4}$/.test(document.querySelector('#list .rail .label').innerText.replaceAll('\u202f', ''))`)
	if err := chromedp.Do(ctx, chromedp.MouseEvent(chromedp.MouseReleased, x, top+4+height/2, chromedp.ButtonLeft, chromedp.ClickCount(1))); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `Math.abs(Number(new URLSearchParams(location.search).get('at')) - 10000) < 500`)
	until(t, ctx, `Number(document.querySelector('#list .rail').ariaValueMax) === 20000`)
	press(t, ctx, "G")
	until(t, ctx, fmt.Sprintf(`(%s).includes('Hello 20000')`, newestRow))
	// With a filter it stands for all ids, and says so.
	open(t, ctx, f.URL+"/?filter=text:~7$")
	until(t, ctx, `document.querySelector('#list .rail').title.includes('of which the filter shows some')`)
}

// A drag over the time strip asks for one place at a time.
func TestPageDragsTheStrip(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(3000)...)
	f := newFront(t, Options{Store: store})
	ctx := chromium(t)
	open(t, ctx, f.URL)
	until(t, ctx, `document.querySelector('svg.time .bars').getAttribute('d')?.length > 100`)
	const chart = `document.querySelector('svg.time').getBoundingClientRect()`
	x, y, width := evaluate[float64](t, ctx, chart+`.left`), evaluate[float64](t, ctx, chart+`.top`)+10, evaluate[float64](t, ctx, chart+`.width`)
	before := f.requests("since=") - f.requests("/api/timeline")
	// All moves in one task of the page: no answer can come between them.
	evaluate[bool](t, ctx, fmt.Sprintf(`(() => {
  const chart = document.querySelector('svg.time');
  chart.setPointerCapture = () => {};
  const tell = (kind, x) => chart.dispatchEvent(new PointerEvent(kind, { clientX: x, clientY: %f, bubbles: true, button: 0, pointerId: 1 }));
  tell('pointerdown', %f);
  for (let i = 0; i < 60; i++) tell('pointermove', %f + %f * i / 120);
  tell('pointerup', %f);
  return true;
})()`, y, x+10, x+10, width, x+width/2))
	until(t, ctx, `/at=\d+/.test(location.search)`)
	if n := f.requests("since=") - f.requests("/api/timeline") - before; n > 3 {
		t.Errorf("%d requests for places", n)
	}
}

// At every width, with the detail open and without, the text keeps 16 characters,
// nothing covers a row's end, and the send line ends where the list ends.
func TestPageKeepsRoomForTheText(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(100)...)
	address := serve(t, Options{Store: store})
	ctx := chromium(t)
	for _, width := range []int64{320, 390, 700, 900, 1000, 1280, 1400, 2560, 3840} {
		for _, query := range []string{"/", "/?id=90"} {
			if width < 900 && query != "/" {
				continue // there the detail is a sheet
			}
			t.Run(fmt.Sprint(width, query), func(t *testing.T) {
				if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 800), chromedp.Navigate(address+query)); err != nil {
					t.Fatal(err)
				}
				until(t, ctx, `document.querySelectorAll('#list .row:not(.line, [hidden])').length > 10`)
				if query != "/" {
					until(t, ctx, `!document.querySelector('#detail').hidden && !document.querySelector('#list .marker').hidden`)
				}
				untilNone(t, ctx, `(() => {
  const box = (e) => e.getBoundingClientRect(), wrong = [];
  const row = [...document.querySelectorAll('#list .row:not(.line, [hidden])')].find((r) => box(r).top > box(document.querySelector('#list .rows')).top);
  const text = row.querySelector('.text'), ch = document.createElement('span');
  ch.textContent = '0'.repeat(16);
  text.append(ch);
  if (box(text).width < box(ch).width - 1) wrong.push('text is ' + box(text).width + ' px wide, not ' + box(ch).width);
  ch.remove();
  const time = row.querySelector('.time');
  if (time.scrollWidth > time.clientWidth) wrong.push('the time is cut: ' + time.scrollWidth + ' px in ' + time.clientWidth);
  const cells = [...row.children].filter((c) => c.offsetParent).map(box);
  for (let i = 1; i < cells.length; i++) if (cells[i].left < cells[i - 1].right) wrong.push('cells overlap');
  if (cells.at(-1).right > box(document.querySelector('#list .rail')).left + 1) wrong.push('the last cell ends at ' + cells.at(-1).right);
  const end = box(document.querySelector('#list')).right;
  for (const c of document.querySelectorAll('#send > *')) if (c.offsetParent && box(c).right > end) wrong.push('send line: ' + c.className + ' ends at ' + box(c).right);
  const first = box(document.querySelector('#send > *')), last = box(document.querySelector('#send [type=submit]'));
  if (last.top > first.bottom) wrong.push('Send stands alone on a line');
  const detail = document.querySelector('#detail');
  if (!detail.hidden && (box(detail).right > innerWidth || Math.abs(box(detail).left - end) > 1)) wrong.push('the detail is from ' + box(detail).left + ' to ' + box(detail).right);
  const marker = document.querySelector('#list .marker');
  if (!marker.hidden && box(marker).top < box(document.querySelector('#list .rows')).bottom) wrong.push('the marker covers rows');
  return wrong;
})()`)
			})
		}
	}
}

// The columns have names for a screen reader, rows are in the document as they are
// seen, and a column that is hidden stays hidden.
func TestPageColumns(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(3000)...)
	address := serve(t, Options{Store: store})
	ctx := chromium(t)
	open(t, ctx, address)
	until(t, ctx, fmt.Sprintf(`(%s).includes('Hello 3000')`, newestRow))
	const names = `[...document.querySelectorAll('#list .table > [role=row] > [role=columnheader]')].filter((e) => e.offsetParent).map((e) => e.textContent).join()`
	if got := evaluate[string](t, ctx, names); got != "time,sender,topic,text,Δ,Δ any,latency" {
		t.Error(got)
	}
	until(t, ctx, `document.querySelector('#list .row:not(.line, [hidden]) .topic').innerText === 'broadcast/press-1'`)
	evaluate[bool](t, ctx, `document.querySelector('#list .rows').scrollTop -= 700, true`)
	until(t, ctx, `[...document.querySelectorAll('#list .rows .row:not([hidden])')].every((r, i, all) => i === 0 || Number(r.ariaRowIndex) === Number(all[i - 1].ariaRowIndex) + 1)`)
	evaluate[bool](t, ctx, `document.querySelector('#list .choose button').click(), [...document.querySelectorAll('#list .choose label')].find((l) => l.innerText === 'topic').click(), true`)
	for range 2 {
		until(t, ctx, names+` === 'time,sender,text,Δ,Δ any,latency'`)
		if err := chromedp.Do(ctx, chromedp.Reload()); err != nil {
			t.Fatal(err)
		}
		until(t, ctx, `document.querySelector('#list .row:not(.line, [hidden])') != null`)
	}
	// A column that is chosen and dropped for want of room is told.
	press := func() { evaluate[bool](t, ctx, `document.querySelector('#list .choose button').click(), true`) }
	const menu = `[...document.querySelectorAll('#list .choose label')].map((l) => l.innerText.replace(/\s+/g, ' ')).join()`
	press()
	until(t, ctx, menu+` === 'topic,Δ,Δ any,latency'`)
	evaluate[bool](t, ctx, `[...document.querySelectorAll('#list .choose input')][0].click(), true`)
	press()
	const wide = names + ` === 'time,sender,topic,text,Δ,Δ any,latency'`
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 800)); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `innerWidth === 1280 && `+wide)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1100, 800)); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, names+` === 'time,sender,text,Δ,Δ any,latency'`)
	press()
	until(t, ctx, menu+` === 'topic no room,Δ,Δ any,latency'`)
}

// While the list is paused, a step lets one message in.
func TestPageSteps(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(200)...)
	address := serve(t, Options{Store: store})
	ctx := chromium(t)
	open(t, ctx, address)
	until(t, ctx, fmt.Sprintf(`(%s).includes('Hello 200')`, newestRow))
	press(t, ctx, " ")
	for i := range 3 {
		store.put(t, says("press-2", uint64(i+1), time.Now(), fmt.Sprintf("later %d", i+1)))
	}
	until(t, ctx, `document.querySelector('#list .marker').innerText.includes('paused · 3 new')`)
	seen := func(id int) bool { return evaluate[bool](t, ctx, inView(id, false)) }
	press(t, ctx, ".")
	press(t, ctx, ".")
	until(t, ctx, `document.querySelector('#list .marker').innerText.includes('paused · 1 new')`)
	until(t, ctx, inView(201, false))
	if seen(203) {
		t.Error("all are let in")
	}
	if got := evaluate[string](t, ctx, `document.querySelector('#list .marker').innerText`); !strings.Contains(got, "1 new") {
		t.Error(got)
	}
}

// A list whose paintings take long waits between two of them, but not after a single
// one, with its first rows, with what a person scrolls to or with the place that is jumped to.
func TestPageListPaintsAtOnce(t *testing.T) {
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: newStore(t)}))
	got := evaluate[map[string]string](t, ctx, `import('/static/js/vlist.js').then(async ({ VirtualList }) => {
  const viewport = document.body.appendChild(document.createElement('div'));
  viewport.style.cssText = 'position: fixed; inset: 0; height: 240px; overflow: auto; --row: 24';
  let rows = 0;
  const list = new VirtualList(viewport, { count: () => rows, create: () => document.createElement('p'), fill: (node, i) => {
    node.textContent = i;
    for (const end = performance.now() + 1; performance.now() < end;);
  } });
  const frame = () => new Promise(requestAnimationFrame), pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const shown = () => [...viewport.querySelectorAll('p:not([hidden])')].map((p) => Number(p.textContent));
  const slow = async () => { // the paintings before took long, and another one waits
    await pause(300);
    for (let i = 0; i < 3; i++) {
      list.refresh();
      await pause(60);
    }
    list.refresh();
    await frame();
    await pause(1);
    list.refresh();
  };
  const seen = {}, has = (what, row) => { seen[what] = shown().includes(row) ? 'painted' : 'not: ' + shown(); };
  list.follow = true;
  await pause(300);
  rows = 999;
  list.refresh();
  await frame();
  await pause(1);
  rows = 1000;
  list.refresh();
  await frame();
  has('after one', 999);
  await slow();
  rows = 0;
  list.refresh();
  await frame();
  seen['none'] = shown().length ? 'not: ' + shown() : 'painted';
  rows = 1000;
  list.refresh();
  await frame();
  has('first rows', 999);
  list.follow = false;
  await slow();
  list.center(500);
  await frame();
  has('a jump', 500);
  await slow();
  viewport.scrollTop = 0;
  await new Promise((done) => viewport.addEventListener('scroll', done, { once: true }));
  await frame();
  has('scrolled to', 0);
  viewport.remove();
  return seen;
})`)
	for _, what := range []string{"after one", "none", "first rows", "a jump", "scrolled to"} {
		if got[what] != "painted" {
			t.Errorf("%s: %s", what, got[what])
		}
	}
}
