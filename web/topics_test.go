package web

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hellox/history/remote"
	"hellox/stream"
)

func TestTopics(t *testing.T) {
	store := newStore(t)
	now := time.Now()
	for i := range 30 {
		store.put(t, arrival(fmt.Sprintf("hello_world/lamp/%02d", i), []byte("on"), now))
	}
	large := []byte(strings.Repeat("ü", 150))
	store.put(t, hello("press-1", 1, now), hello("press-1", 2, now), arrival("hello_world/large", large, now), arrival("hello_world/binary", []byte{0xff, 0}, now))
	s := newServer(t, Options{Store: store})

	var names []string
	for after, pages := "", 0; ; pages++ {
		page := decodeJSON[remote.Topics](t, ask(s, "GET", "/api/topics?limit=10&after="+after, ""))
		if page.Total != 33 || pages > 3 {
			t.Fatalf("total %d, page %d", page.Total, pages)
		}
		for _, one := range page.Topics {
			names = append(names, one.Topic)
			switch one.Topic {
			case "hello_world/broadcast/press-1":
				if one.Messages != 2 || one.LastID != 32 || one.Text != "Hello world" {
					t.Errorf("%+v", one)
				}
			case "hello_world/large":
				if one.Bytes != 300 || *one.Payload != strings.Repeat("ü", 100) {
					t.Errorf("%d bytes, %q", one.Bytes, *one.Payload)
				}
			case "hello_world/binary":
				if one.Payload != nil || len(one.Base64) != 2 {
					t.Errorf("%+v", one)
				}
			}
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if len(names) != 33 || !slices.IsSorted(names) {
		t.Errorf("%d topics: %v", len(names), names)
	}
	if changed := decodeJSON[remote.Topics](t, ask(s, "GET", "/api/topics?changed=32", "")); len(changed.Topics) != 2 || changed.Total != 33 {
		t.Errorf("changed since: %+v", changed)
	}
	// A topic whose messages are all evicted is gone.
	small := newStoreOf(t, 30_000)
	small.put(t, arrival("hello_world/old", []byte("1"), now))
	small.put(t, hellos(300)...)
	if left := decodeJSON[remote.Topics](t, ask(newServer(t, Options{Store: small}), "GET", "/api/topics", "")); left.Total != 1 || left.Topics[0].Messages != 300 {
		t.Errorf("%+v", left)
	}
}

func TestSendersInOrder(t *testing.T) {
	store := newStore(t)
	now := time.Now()
	for _, i := range []int{10, 2, 1} {
		store.put(t, steady(fmt.Sprintf("press-%d", i), 1, now))
	}
	store.put(t, steady("press-2", 5, now), arrival("hello_world/once", []byte("1"), now))
	store.put(t, hello("quiet", 1, now.Add(-10*time.Minute)))
	s := newServer(t, Options{Store: store})
	type answer struct {
		Senders []stream.Sender `json:"senders"`
		Total   int             `json:"total"`
	}
	order := func(query string) string {
		a := decodeJSON[answer](t, ask(s, "GET", "/api/senders"+query, ""))
		var names []string
		for _, one := range a.Senders {
			names = append(names, one.Sender)
		}
		return fmt.Sprint(a.Total, names)
	}
	for query, want := range map[string]string{
		"":                              "5 [hello_world/once press-1 press-10 press-2 quiet]",
		"?sort=name":                    "5 [press-1 press-2 press-10 quiet hello_world/once]",
		"?sort=trouble":                 "5 [quiet press-2 press-1 press-10 hello_world/once]",
		"?sort=missed&limit=2":          "5 [press-2 press-1]",
		"?search=RESS-1&sort=name":      "2 [press-1 press-10]",
		"?sort=trouble&limit=1":         "5 [quiet]",
		"?search=nothing&sort=rate":     "0 []",
		"?sort=name&offset=1&limit=2":   "5 [press-2 press-10]",
		"?sort=name&offset=9":           "5 []",
		"?sort=name&group=press-":       "3 [press-1 press-2 press-10]",
		"?sort=name&group=":             "2 [quiet hello_world/once]",
		"?group=press-&search=-1":       "2 [press-1 press-10]",
		"?sort=latency&search=press-10": "1 [press-10]",
	} {
		if got := order(query); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// The topics panel shows what the server holds, not what the page has read, as a
// tree that the keys reach.
func TestPageTopics(t *testing.T) {
	store := newStore(t)
	now := time.Now()
	store.put(t, arrival("hello_world/old/lamp", []byte("dim"), now.Add(-time.Hour)))
	store.put(t, hellos(2000)...)
	store.put(t, hello("press-2", 1, now))
	address := serve(t, Options{Store: store})
	ctx := chromium(t)
	open(t, ctx, address)
	until(t, ctx, live)
	press(t, ctx, "2")
	rows := func() string {
		return evaluate[string](t, ctx, `[...document.querySelectorAll('#topics .row:not([hidden])')].sort((a, b) => a.ariaPosInSet - b.ariaPosInSet).map((r) => r.ariaLevel + r.querySelector('.name').innerText + ':' + r.querySelector('.many').innerText.replaceAll('\u202f', '')).join(' ')`)
	}
	const all = "1hello_world:2002 2broadcast:2001 3press-1:2000 3press-2:1 2old/lamp:1"
	until(t, ctx, `document.querySelectorAll('#topics .row:not([hidden])').length === 5`)
	if got := rows(); got != all {
		t.Errorf("%s, want %s", got, all)
	}
	until(t, ctx, `document.querySelector('#topics .row[title^="hello_world/old/lamp"] .last').innerText === 'dim'`)
	store.put(t, hello("press-2", 2, now))
	until(t, ctx, `document.querySelector('#topics .row[title^="hello_world/broadcast/press-2"] .many').innerText === '2'`)

	key := func(keys string) {
		t.Helper()
		if err := chromedp.Do(ctx, chromedp.KeyEvent(keys)); err != nil {
			t.Fatal(err)
		}
	}
	const current = `document.getElementById(document.querySelector('#topics .rows').getAttribute('aria-activedescendant'))`
	until(t, ctx, `document.activeElement === document.querySelector('#topics .rows')`)
	key(keyDown)
	until(t, ctx, current+`.querySelector('.name').innerText === 'broadcast' && `+current+`.ariaExpanded === 'true' && Number(`+current+`.ariaSetSize) === 5`)
	key(keyLeft)
	until(t, ctx, `document.querySelectorAll('#topics .row:not([hidden])').length === 3 && `+current+`.ariaExpanded === 'false'`)
	if got := evaluate[string](t, ctx, `location.search`); strings.Contains(got, "filter") {
		t.Errorf("an arrow filters: %s", got)
	}
	key("\r")
	until(t, ctx, `new URLSearchParams(location.search).get('filter') === 'topic:hello_world/broadcast/#'`)
	until(t, ctx, `document.querySelector('#list .grid').ariaRowCount > 100`)
	until(t, ctx, `document.activeElement === document.querySelector('#topics .rows')`)
	key("\r")
	until(t, ctx, `!location.search.includes('filter')`)
	key("m")
	until(t, ctx, `new URLSearchParams(location.search).get('filter') === '-topic:hello_world/broadcast/#'`)
	until(t, ctx, `document.querySelector('#list .grid').ariaRowCount === '3'`)
	eventually(t, "a rate", func() bool {
		store.put(t, arrival("hello_world/old/lamp", []byte("dim"), time.Now()))
		return evaluate[bool](t, ctx, `/^[\d.]+\/(min|s)$/.test(document.querySelector('#topics .row[title^="hello_world/old/lamp"] .rate').innerText)`)
	})
}

const keyDown, keyLeft = "\u0301", "\u0302"

// The senders panel has the server's figures, trouble first, is used with the keys
// and searched; spark lines do not depend on what the page has read.
func TestPageSenders(t *testing.T) {
	store := newStore(t)
	now := time.Now()
	for i := range 600 {
		store.put(t, steady(fmt.Sprintf("press-%d", i+1), 1, now.Add(-4*time.Second)), steady(fmt.Sprintf("press-%d", i+1), 2, now))
	}
	store.put(t, hello("quiet", 1, now.Add(-10*time.Minute)), hello("quiet", 4, now.Add(-10*time.Minute+4*time.Second)))
	store.put(t, arrival("hello_world/once", []byte("1"), now))
	for i := range 700 {
		store.put(t, steady("press-1", uint64(3+i), now))
	}
	f := newFront(t, Options{Store: store})
	ctx := chromium(t)
	open(t, ctx, f.URL)
	until(t, ctx, `/602 senders.*1\s*silent/s.test(document.querySelector('#head .path').textContent)`)
	const shown = `[...document.querySelectorAll('#senders .rows [role=option]:not([hidden])')].sort((a, b) => a.ariaPosInSet - b.ariaPosInSet)`
	until(t, ctx, shown+`.map((r) => r.dataset.sender).slice(0, 3).join() === 'quiet,press-1,press-2'`)
	until(t, ctx, `[...document.querySelectorAll('#senders .row.figures:not([hidden])')].some((r) => r.dataset.sender === 'quiet' && /2 missed\s+p50/.test(r.innerText))`)
	until(t, ctx, shown+`[2].querySelector('.spark path').getAttribute('d').length > 5`)
	evaluate[bool](t, ctx, `(() => { const s = document.querySelector('#senders .find input'); s.value = 'PRESS-59'; s.dispatchEvent(new Event('input')); return true; })()`)
	until(t, ctx, shown+`.map((r) => r.dataset.sender).join() === 'press-59,press-590,press-591,press-592,press-593,press-594,press-595,press-596,press-597,press-598,press-599'`)
	press(t, ctx, "3")
	until(t, ctx, `document.activeElement === document.querySelector('#senders .rows')`)
	before := evaluate[int](t, ctx, `history.length`)
	if err := chromedp.Do(ctx, chromedp.KeyEvent(keyDown), chromedp.KeyEvent(keyDown)); err != nil {
		t.Fatal(err)
	}
	const current = `document.getElementById(document.querySelector('#senders .rows').getAttribute('aria-activedescendant'))`
	until(t, ctx, current+`.dataset.sender === 'press-591'`)
	if evaluate[int](t, ctx, `history.length`) != before || evaluate[string](t, ctx, `location.search`) != "" {
		t.Error("an arrow filters")
	}
	if err := chromedp.Do(ctx, chromedp.KeyEvent("\r")); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `new URLSearchParams(location.search).get('sender') === 'press-591'`)
	if err := chromedp.Do(ctx, chromedp.KeyEvent("\r")); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `!location.search.includes('sender')`)
}

// Tabs are used with the arrow keys.
func TestPageTabs(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(3)...)
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: store})+"/?id=2")
	until(t, ctx, `!document.querySelector('#detail').hidden`)
	for _, list := range []string{"#lists", "#detail"} {
		evaluate[bool](t, ctx, fmt.Sprintf(`document.querySelector('%s [role=tab][aria-selected=true]').focus(), true`, list))
		first := evaluate[string](t, ctx, `document.activeElement.innerText`)
		if err := chromedp.Do(ctx, chromedp.KeyEvent("\u0303")); err != nil {
			t.Fatal(err)
		}
		until(t, ctx, fmt.Sprintf(`document.activeElement.ariaSelected === 'true' && document.activeElement.innerText !== %q && document.querySelectorAll('%s [role=tab][tabindex="0"]').length === 1`, first, list))
		until(t, ctx, `document.getElementById(document.activeElement.getAttribute('aria-controls')).role === 'tabpanel'`)
	}
}

// Names, counts and ages of the panels beside the list, or in its place, are legible at every width:
// no part of a row lies over the next, and a name has 100 pixels if it is cut.
func TestPagePanelsFitAtEveryWidth(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(300)...)
	s := newFront(t, Options{Store: store})
	ctx := chromium(t)
	for _, width := range []int64{320, 390, 1100, 1199, 1280} {
		v := view{"", width, 800, false, "light"}
		for key, panel := range map[string]string{"2": "#topics", "3": "#senders"} {
			open(t, ctx, s.URL)
			v.look(t, ctx)
			until(t, ctx, live)
			if width < 560 { // one part at a time
				evaluate[bool](t, ctx, fmt.Sprintf(`[...document.querySelectorAll('#places button')].find((b) => b.innerText.includes('%s')).click() ?? true`, panel[1:]))
			} else {
				pressed(key)(t, ctx)
			}
			until(t, ctx, fmt.Sprintf(`document.querySelector('%s .rows').offsetParent != null && document.querySelectorAll('%[1]s .row .name').length > 2`, panel))
			bad := evaluate[string](t, ctx, fmt.Sprintf(`[...document.querySelectorAll('%s .row:not([hidden])')].flatMap((row) => {
  const parts = [...row.children].filter((c) => c.textContent && c.offsetParent && getComputedStyle(c).visibility === 'visible');
  return parts.flatMap((c, i) => {
    const cut = c.className === 'name' && c.scrollWidth > c.clientWidth + 1 && c.clientWidth < 100, over = parts[i + 1] && c.getBoundingClientRect().right > parts[i + 1].getBoundingClientRect().left + 1;
    return cut || over || c.getBoundingClientRect().right > row.getBoundingClientRect().right + 1 ? [c.className + ' ' + c.textContent] : [];
  });
}).join('; ')`, panel))
			if bad != "" {
				t.Errorf("%s at %d pixels: cut, or over its neighbour: %s", panel, width, bad)
			}
		}
	}
}
