package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hellox/stream"
)

// shownSenders are the senders in the panel, from the top.
const shownSenders = `[...document.querySelectorAll('#senders .rows [role=option]:not([hidden])')].sort((a, b) => a.ariaPosInSet - b.ariaPosInSet).map((r) => r.dataset.sender ?? r.querySelector('.name').innerText)`

// many stores three messages of each of n senders at once, the last one now.
func (s *testStore) many(t *testing.T, prefix string, n int) {
	now := time.Now()
	arrivals := make([]stream.Arrival, 0, 3*n)
	for seq := range 3 {
		for i := range n {
			arrivals = append(arrivals, steady(fmt.Sprintf("%s%d", prefix, i), uint64(seq+1), now.Add(time.Duration(seq-2)*2*time.Second)))
		}
	}
	s.put(t, arrivals...)
}

// chatter stores a message each few ms, of a new sender each ten, until stop is called.
func (s *testStore) chatter(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		var err error
		for i := 0; err == nil && ctx.Err() == nil; i++ {
			name := fmt.Sprintf("zz-%d", i/10) // last by name
			err = s.Append(context.Background(), []stream.Arrival{steady(name, uint64(10+i), time.Now())})
			time.Sleep(5 * time.Millisecond)
		}
		done <- err
	}()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// Of 10,000 senders the page asks for those that are to be seen; each place of the
// list can be reached, and one that changes comes to the top by itself.
func TestPageTenThousandSenders(t *testing.T) {
	store := newStore(t)
	store.many(t, "press-", 10_000)
	store.put(t, arrival("hello_world/once", []byte("1"), time.Now()))
	f := newFront(t, Options{Store: store})
	ctx := chromium(t)
	open(t, ctx, f.URL)
	until(t, ctx, live+` && `+shownSenders+`[0] === 'press-0'`)
	until(t, ctx, `/10\u202f001 senders/.test(document.querySelector('#head .path').textContent)`)
	if n := evaluate[int](t, ctx, `document.querySelectorAll('#senders .row').length`); n > 200 {
		t.Errorf("%d rows in the document", n)
	}
	// 10,000 with a line of figures each, one without, and the heading above that.
	until(t, ctx, `Number(document.querySelector('#senders .rows [role=option]').ariaSetSize) === 20002`)
	// Also while messages come all the time, and with them reasons to paint and to ask.
	stop := store.chatter(t)
	evaluate[bool](t, ctx, `(() => { const rows = document.querySelector('#senders .rows'); rows.scrollTop = rows.scrollHeight / 2; return true; })()`)
	until(t, ctx, shownSenders+`.includes('press-5001')`)
	time.Sleep(1200 * time.Millisecond) // twice as long as until the list is read anew
	if !evaluate[bool](t, ctx, shownSenders+`.includes('press-5001')`) {
		t.Error("the list is read anew elsewhere than where it is shown")
	}
	stop()
	const toEnd = `(document.querySelector('#senders .rows').scrollTop = document.querySelector('#senders .rows').scrollHeight)` // which moves while the last new ones are counted
	until(t, ctx, toEnd+` > 0 && `+shownSenders+`.includes('hello_world/once') && [...document.querySelectorAll('#senders .row.heading:not([hidden])')].some((r) => r.innerText.includes('no cadence'))`)
	evaluate[bool](t, ctx, `document.querySelector('#senders .rows').scrollTop = 0, true`)
	until(t, ctx, shownSenders+`[0] === 'press-0'`)

	// The filter completes senders, and the send line keeps those, that are not in the list.
	if err := chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS(".filter .entry input"), "sender:press-999")); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `document.querySelector('.filter .completion').innerText.includes('sender:press-9990')`)
	evaluate[bool](t, ctx, `(() => { const i = document.querySelector('.filter .entry input'); i.value = ''; i.dispatchEvent(new Event('input')); i.blur(); return true; })()`)
	until(t, ctx, `['press-0', 'press-5001'].every((name) => [...document.querySelectorAll('#send select option')].some((o) => o.value === name))`)

	before, begun := f.requests("/api/senders"), time.Now()
	client := `{"state":"lost","boot":"` + boot + `"}`
	lost := arrival(stream.PresenceTopic("press-7777"), []byte(client), time.Now())
	lost.Retained = true
	store.put(t, lost)
	until(t, ctx, shownSenders+`[0] === 'press-7777'`)
	// Messages of senders that are not to be seen are no reason to ask.
	for i := range 20 {
		store.put(t, steady(fmt.Sprintf("press-%d", 3000+i), 4, time.Now()))
	}
	until(t, ctx, `document.querySelector('#list .grid').innerText.includes('press-3019')`)
	// One each five seconds comes anyway.
	if n, most := f.requests("/api/senders")-before, 5+int(time.Since(begun)/(5*time.Second)); n > most {
		t.Errorf("%d requests for senders, want at most %d", n, most)
	}
	if all, some := f.requests("/api/senders?"), f.requests("limit=100")+f.requests("limit=8"); all != some {
		t.Errorf("%d of %d requests are for more senders", all-some, all)
	}
}

// Senders whose names begin alike are a group, with the sums of the server: it is
// opened, left and muted with the keys.
func TestPageSenderGroups(t *testing.T) {
	store := newStore(t)
	store.many(t, "press-", 30)
	store.many(t, "oven-", 12)
	store.many(t, "alone", 1)
	now := time.Now()
	store.put(t, steady("oven-3", 8, now), hello("quiet-1", 1, now.Add(-time.Hour)), hello("quiet-2", 1, now.Add(-time.Hour)))
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: store}))
	until(t, ctx, live)
	evaluate[bool](t, ctx, `(() => { const s = document.querySelector('#senders .find select'); s.value = 'group'; s.dispatchEvent(new Event('change')); return true; })()`)
	until(t, ctx, shownSenders+`.join() === 'quiet-*,oven-*,others,press-*'`)
	const figures = `[...document.querySelectorAll('#senders .row.figures:not([hidden])')].map((r) => r.innerText.replaceAll('\u202f', '')).join('|')`
	until(t, ctx, figures+`.includes('4 missed  ● 12') && `+figures+`.includes('○ 2')`)
	press(t, ctx, "3")
	key := func(keys string) {
		t.Helper()
		if err := chromedp.Do(ctx, chromedp.KeyEvent(keys)); err != nil {
			t.Fatal(err)
		}
	}
	key(keyDown + "\r")
	until(t, ctx, `!document.querySelector('#senders .find .only').hidden && `+shownSenders+`.slice(0, 3).join() === 'oven-3,oven-0,oven-1'`)
	key(keyLeft)
	until(t, ctx, shownSenders+`.join() === 'quiet-*,oven-*,others,press-*'`)
	key(keyDown)
	key("m")
	until(t, ctx, `new URLSearchParams(location.search).get('filter')?.startsWith('-sender:')`)
}

// The pod behind a sender has a line, with its phase and why it ended, only where it is
// in trouble; where no process tells of the pods, the panel says so.
func TestPagePods(t *testing.T) {
	store := newStore(t)
	store.many(t, "press-", 2)
	s := newFront(t, Options{Store: store})
	ctx := chromium(t)
	open(t, ctx, s.URL)
	until(t, ctx, live+` && document.querySelector('#senders .pods').innerText === 'pods: not reported'`)
	body := `{"pods":[{"name":"press-0","phase":"Running"},{"name":"press-1","phase":"Running","reason":"OOMKilled"}]}`
	r, err := http.Post(s.URL+"/api/pods", "application/json", strings.NewReader(body))
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatal(err, r)
	}
	r.Body.Close()
	open(t, ctx, s.URL)
	until(t, ctx, `[...document.querySelectorAll('#senders .row.pod:not([hidden])')].map((r) => r.innerText).join() === 'pod Running OOMKilled' && document.querySelector('#senders .pods').hidden`)
	until(t, ctx, `document.querySelector('#senders [data-sender="press-0"]').title.endsWith(', pod Running')`)
}

// A filter is kept under a name, completed by it in another tab, and forgotten.
func TestPageNamedFilters(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(30)...)
	store.put(t, arrival("hello_world/once", []byte("1"), time.Now()))
	address := serve(t, Options{Store: store})
	ctx := chromium(t)
	open(t, ctx, address+"/?filter=-sender:press-1")
	until(t, ctx, live+` && !document.querySelector('.filter .keep').hidden`)
	enter := func(ctx context.Context, selector, keys string) {
		t.Helper()
		if err := chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS(selector), keys)); err != nil {
			t.Fatal(err)
		}
	}
	if err := chromedp.Do(ctx, chromedp.Click(`.filter .keep`)); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `document.activeElement === document.querySelector('.filter .name')`)
	enter(ctx, ".filter .name", "all but press\r") // names have no spaces, as in the terminal
	until(t, ctx, `document.querySelector('.filter .naming').hidden && document.querySelector('.filter .keep').hidden`)

	other := anotherTab(t, ctx)
	open(t, other, address)
	until(t, other, live)
	steps := evaluate[int](t, other, `history.length`)
	enter(other, ".filter .entry input", "but-p")
	until(t, other, `document.querySelector('.filter .completion [role=option]')?.innerText.startsWith('@all-but-press')`)
	enter(other, ".filter .entry input", keyDown+"\r")
	until(t, other, `new URLSearchParams(location.search).get('filter') === '-sender:press-1' && document.querySelectorAll('#list .row:not(.line, [hidden])').length === 1`)
	if n := evaluate[int](t, other, `history.length`) - steps; n != 1 {
		t.Errorf("%d steps for one filter", n)
	}
	open(t, other, address)
	until(t, other, live)
	press(t, other, "/")
	until(t, other, `document.querySelector('.filter .completion').innerText.includes('@all-but-press')`)
	enter(other, ".filter .entry input", "@all\r") // a name is taken whole
	until(t, other, `document.querySelector('#tools .problem').innerText.startsWith('there is no filter named "all"; there are @all-but-press')`)
	enter(other, ".filter .entry input", "-but-press\r")
	until(t, other, `new URLSearchParams(location.search).get('filter') === '-sender:press-1' && document.querySelector('.filter input').value === '-sender:press-1' && document.querySelector('#tools .problem').hidden`)
	// In the address a name means what it means when it is typed.
	open(t, other, address+"/?filter=@all-but-press")
	until(t, other, live+` && document.querySelector('.filter input').value === '-sender:press-1' && document.querySelectorAll('#list .row:not(.line, [hidden])').length === 1`)
	for typed, want := range map[string]string{"@all": `there is no filter named "all"`, "@all-but-press qos=1": `"@" and a name stand alone`} {
		open(t, other, address+"/?filter="+url.QueryEscape(typed))
		until(t, other, fmt.Sprintf(`document.querySelector('#tools .problem').innerText.startsWith(%q) && document.querySelector('#list .empty').innerText.includes('does not parse')`, want))
	}
	open(t, other, address)
	until(t, other, live)
	press(t, other, "/")
	until(t, other, `document.querySelector('.filter .completion').innerText.includes('@all-but-press')`)
	enter(other, ".filter .entry input", keyDown+"\u007f")
	until(t, other, `document.querySelector('.filter .completion').hidden && localStorage.getItem('hellox.filters') === '[]'`)
	open(t, other, address)
	enter(other, ".filter .entry input", "seq<9")
	evaluate[bool](t, other, `document.querySelector('.filter input').dispatchEvent(new KeyboardEvent('keydown', { key: 's', ctrlKey: true, bubbles: true })), true`)
	until(t, other, `document.activeElement === document.querySelector('.filter .name')`)
	enter(other, ".filter .name", "low\r")
	until(t, other, `localStorage.getItem('hellox.filters') === '[{"name":"low","filter":"seq<9"}]'`)
	until(t, other, `document.querySelector('#help').textContent.includes('@NAME')`)
}
