package web

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hellox/stream"
)

// A search goes through the messages that pass what was typed, far beyond those that are
// loaded, and hides none.
func TestPageSearches(t *testing.T) {
	store := newStore(t)
	all := hellos(2805)
	store.put(t, all[:5]...)
	for all := range slices.Chunk(all[5:], 700) {
		store.put(t, arrival("hello_world/oven", []byte("rare"), time.Now()))
		store.put(t, all...)
	}
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: store})+"/?filter=-text:nothinglikethis")
	until(t, ctx, live+` && document.querySelectorAll('#list .row:not([hidden])').length > 5`)
	press(t, ctx, "n")
	until(t, ctx, `document.querySelector('#list .note').innerText.includes('shift+enter')`)
	press(t, ctx, "/")
	const shiftEnter = `document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', shiftKey: true, bubbles: true, cancelable: true })), true`
	if err := chromedp.Do(ctx, chromedp.KeyEvent("text:rare")); err != nil {
		t.Fatal(err)
	}
	evaluate[bool](t, ctx, shiftEnter)
	found := func(id int) {
		t.Helper()
		until(t, ctx, inView(id, true)+fmt.Sprintf(` && document.querySelector('#message-%d .text').innerText.includes('rare')`, id))
	}
	found(2109)
	// What was typed is no filter: the messages beside are there, and that of before.
	until(t, ctx, chosenFilter+` === '-text:nothinglikethis' && document.querySelector('.filter input').value === '-text:nothinglikethis' && document.querySelector('#message-2110:not([hidden])') != null && document.activeElement === document.querySelector('#list .rows')`)
	press(t, ctx, "N")
	found(1408)
	press(t, ctx, "N")
	found(707)
	press(t, ctx, "n")
	found(1408)
	press(t, ctx, "n")
	press(t, ctx, "n")
	until(t, ctx, `document.querySelector('#list .note').innerText === 'nothing newer passes text:rare'`)
	found(2109)
	press(t, ctx, "?")
	until(t, ctx, `document.querySelector('#help').innerText.includes('hellox scale N') && document.querySelector('#help').innerText.includes('next found')`)
}

// A press on the line of a gap shows the messages of its sender on either side.
func TestPageShowsAGap(t *testing.T) {
	store := newStore(t)
	now := time.Now()
	store.put(t, hello("press-1", 1, now), hello("press-1", 2, now))
	for i := range 900 {
		if i == 100 {
			store.put(t, hello("press-1", 9, now))
		}
		store.put(t, hello("press-2", uint64(i+1), now))
	}
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: store})+"/?at=103")
	until(t, ctx, live+` && document.querySelector('#list .row.gap:not([hidden])') != null`)
	if err := chromedp.Do(ctx, chromedp.Click(`#list .row.gap:not([hidden]) .text bdi`)); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `new URLSearchParams(location.search).get('sender') === 'press-1' && document.querySelectorAll('#list .row[id^=message-]:not([hidden])').length === 3`)
	until(t, ctx, `(() => {
  const top = (s) => document.querySelector(s).getBoundingClientRect().top;
  return top('#message-2') < top('#list .row.gap:not([hidden])') && top('#list .row.gap:not([hidden])') < top('#message-103');
})() && !document.querySelector('#detail').checkVisibility()`)
}

// The empty filter box shows how a filter looks, of a sender that there is, and as much as
// there is room for.
func TestPageShowsHowAFilterLooks(t *testing.T) {
	store := newStore(t)
	store.put(t, arrival("hello_world/oven", []byte("1"), time.Now()))
	store.put(t, hello("broadcast-7", 1, time.Now()))
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: store}))
	want := func(width int64, words string) {
		t.Helper()
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 800)); err != nil {
			t.Fatal(err)
		}
		until(t, ctx, fmt.Sprintf(`innerWidth === %d && document.querySelector('.filter input').placeholder === %q`, width, words))
	}
	want(1900, "filter: sender:broadcast-7 delta>8s")
	want(1000, "filter: sender:broadcast-7")
	want(320, "filter: sender:broadcast-7 delta>8s")
}

// A key or a button that brings something into the send line shows a line that is folded.
func TestPageUnfoldsTheSendLine(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(3)...)
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: store, Client: &recordingClient{}}))
	until(t, ctx, live+` && document.querySelectorAll('#send select[aria-label="send to"] option').length === 2`)
	press(t, ctx, "k")
	for _, key := range []string{"p", "t", "e"} {
		press(t, ctx, "]")
		until(t, ctx, `!document.querySelector('#send').checkVisibility()`)
		press(t, ctx, key)
		until(t, ctx, `document.querySelector('#send').checkVisibility() && document.activeElement.closest('#send') != null`)
		evaluate[bool](t, ctx, `document.activeElement.blur(), true`)
	}
}

// The number of missed messages names the senders that miss them.
func TestPageNamesWhoMisses(t *testing.T) {
	store := newStore(t)
	now := time.Now()
	store.put(t, hello("press-1", 1, now), hello("press-1", 4, now), hello("press-2", 1, now), hello("press-2", 9, now), hello("press-3", 1, now))
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: store}))
	until(t, ctx, `document.querySelector('#head button.missed').title.includes('of press-2 (7), press-1 (2):')`)
}

// A name of a filter is the browser's: without its scripts the page says so, and does not
// look for it as a text; and it says what is wrong with a filter that does not parse.
func TestPageWithoutScriptsSaysWhatItCannotShow(t *testing.T) {
	store := newStore(t)
	store.put(t, arrival("hello_world/oven", []byte("at @hot"), time.Now()))
	s := newServer(t, Options{Store: store})
	for path, want := range map[string]string{
		"/?filter=%20@hot":         "@hot is a filter&#39;s name",
		"/?filter=delta%3E%3E8":    "Nothing is shown: ",
		"/?filter=@%3Cscript%3Ex(": "@&lt;script&gt;x( is a filter",
	} {
		html := ask(s, "GET", path, "").Body.String()
		_, list, _ := strings.Cut(html, `<div id="list">`)
		if !strings.HasPrefix(list, `<div class="first"><noscript><p>`+want) || strings.Contains(html, "<tr><td>") {
			t.Errorf("%s: %.200s", path, list)
		}
	}
}

// What the banner says where scripts run, a page without them says, too: why nothing new
// comes, whether the list has messages or not.
func TestPageWithoutScriptsSaysTheTrouble(t *testing.T) {
	since := time.Date(2026, 11, 30, 4, 5, 6, 0, time.UTC)
	for _, test := range []struct {
		degraded string
		link     stream.Link
		want     string // "": nothing
	}{
		{"", stream.Link{State: stream.Connected}, ""},
		{"", stream.Link{State: stream.Connecting}, ""},
		{"The disk is <b>full</b>.", stream.Link{State: stream.Connected}, "Degraded: The disk is &lt;b&gt;full&lt;/b&gt;. Broadcasters keep what is not acknowledged"},
		{"", stream.Link{State: stream.Retrying, Since: since, Cause: "nothing listens there"}, "The receiver is without the broker since 04:05:06 UTC: nothing listens there"},
	} {
		store := newStore(t)
		store.degraded, store.link = test.degraded, test.link
		s := newServer(t, Options{Store: store})
		for range 2 { // without messages, then with one
			_, said, _ := strings.Cut(ask(s, "GET", "/", "").Body.String(), "<noscript>")
			if !strings.HasPrefix(said, map[bool]string{true: "Without JavaScript", false: "<strong>" + test.want}[test.want == ""]) {
				t.Errorf("want %q: %.200s", test.want, said)
			}
			store.put(t, arrival("hello_world/oven", []byte("x"), time.Now()))
		}
	}
}

// What changed between two hellox messages begins with whether the text did.
func TestPageSaysTheSameText(t *testing.T) {
	store := newStore(t)
	now := time.Now()
	store.put(t, says("press-1", 1, now, "Hello"), says("press-1", 2, now, "Hello"), says("press-1", 3, now, "Good bye"))
	ctx := chromium(t)
	address := serve(t, Options{Store: store})
	for id, same := range map[int]bool{2: true, 3: false} {
		open(t, ctx, fmt.Sprintf("%s/?id=%d", address, id))
		until(t, ctx, `document.querySelector('#detail pre').innerText.includes('"seq"')`)
		evaluate[bool](t, ctx, `document.querySelector('#detail [data-tab=delta]').click(), true`)
		until(t, ctx, fmt.Sprintf(`(({ innerText }) => innerText.includes('payload.seq') && innerText.includes('before: the same text') === %t)(document.querySelector('#detail pre'))`, same))
	}
}

// The result of what was sent recedes after a while.
func TestPageResultRecedes(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(3)...)
	ctx := chromium(t)
	atStart(t, ctx, `window.setTimeout = ((later) => (f, ms, ...rest) => later(f, ms === 10_000 ? 1500 : ms, ...rest))(setTimeout)`)
	open(t, ctx, serve(t, Options{Store: store, Client: &recordingClient{}}))
	until(t, ctx, live)
	if err := chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS("#send .grow"), "on\r")); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `document.querySelector('#send .result').innerText.startsWith('published') && document.querySelector('#send .result').className === 'result hint'`)
}
