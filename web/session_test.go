package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// A front stands before a Server: it counts requests and bytes, and can be cut off.
type front struct {
	*httptest.Server
	down atomic.Bool

	mu      sync.Mutex
	asked   []string // paths with their queries
	streams int      // event streams open
	sent    int64    // bytes of events
}

func newFront(t *testing.T, opts Options) *front {
	t.Helper()
	f, server := &front{}, newServer(t, opts)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.down.Load() {
			panic(http.ErrAbortHandler)
		}
		f.mu.Lock()
		f.asked = append(f.asked, r.URL.RequestURI())
		f.mu.Unlock()
		if r.URL.Path != "/api/events" {
			server.ServeHTTP(w, r)
			return
		}
		f.add(1, 0)
		defer f.add(-1, 0)
		server.ServeHTTP(countingWriter{w, f}, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *front) add(streams int, bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.streams += streams
	f.sent += bytes
}

// state returns how many event streams are open and how many bytes they have carried.
func (f *front) state() (streams int, sent int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.streams, f.sent
}

// requests counts those whose path with its query contains part.
func (f *front) requests(part string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, a := range f.asked {
		if strings.Contains(a, part) {
			n++
		}
	}
	return n
}

// cut ends all connections and answers nothing until it is called again with false.
func (f *front) cut(down bool) {
	f.down.Store(down)
	if down {
		f.CloseClientConnections()
	}
}

type countingWriter struct {
	http.ResponseWriter
	f *front
}

func (w countingWriter) Write(b []byte) (int, error) {
	w.f.add(0, int64(len(b)))
	return w.ResponseWriter.Write(b)
}

func (w countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

var _ io.Writer = countingWriter{}

// eventually waits until f is true.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !f(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}

// inView reports whether the row of a message is between the top and the bottom
// of the list, and in its middle third if that is asked for.
func inView(id int, middle bool) string {
	return fmt.Sprintf(`(() => {
  const row = document.getElementById('message-%d')?.getBoundingClientRect(), list = document.querySelector('#list .rows')?.getBoundingClientRect();
  if (!row || !list || row.top < list.top || row.bottom > list.bottom) return false;
  return !%t || Math.abs((row.top + row.bottom) / 2 - (list.top + list.bottom) / 2) < list.height / 6;
})()`, id, middle)
}

const live = `document.querySelector('#head .path').innerText.includes('you\u00a0●')`

// Another history behind an open page takes the place of the list, and the page says so,
// whether it has fewer messages, more, or only later ones, and also a tab that read no stream
// itself before; of several receivers one may be a moment behind the others: of those it
// says nothing.
func TestPageTellsOfAnotherHistory(t *testing.T) {
	for name, c := range map[string]struct {
		older  int   // messages of the other history before its newest
		limit  int64 // of its bytes
		shared bool
		others bool // another tab reads the stream, until the history is another one
		quiet  bool // the page does not say so
	}{
		"fewer":                          {},
		"one receiver behind the others": {shared: true, quiet: true},
		"more":                           {older: 40},
		"later":                          {older: 20_000, limit: 1 << 20},
		"another tab read":               {older: 40, others: true},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := newStore(t), newStoreOf(t, c.limit)
			before.put(t, hellos(30)...)
			for i := range c.older {
				after.put(t, says("press-9", uint64(i+1), time.Now(), "Hello, older"))
			}
			after.put(t, says("press-9", uint64(c.older+1), time.Now(), "Hello anew"))
			after.shared = c.shared
			first, second := newServer(t, Options{Store: before}), newServer(t, Options{Store: after})
			var serves atomic.Pointer[Server] // nil: none
			serves.Store(first)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if s := serves.Load(); s != nil {
					s.ServeHTTP(w, r)
				} else {
					w.WriteHeader(http.StatusBadGateway)
				}
			}))
			t.Cleanup(func() {
				server.CloseClientConnections()
				server.Close()
			})
			ctx := chromium(t)
			other := ctx
			if c.others {
				open(t, other, server.URL+"/")
				until(t, other, live)
				ctx = anotherTab(t, other)
			}
			open(t, ctx, server.URL+"/")
			until(t, ctx, live+` && document.querySelector('#list').innerText.includes('Hello 30')`)
			serves.Store(nil)
			server.CloseClientConnections()
			until(t, ctx, `!(`+live+`)`)
			if c.others {
				open(t, other, "about:blank")
			}
			serves.Store(second)
			until(t, ctx, live+` && ((list) => list.includes('Hello anew') && !list.includes('Hello 30'))(document.querySelector('#list').innerText)`)
			until(t, ctx, fmt.Sprintf(`document.querySelector('#list .note').hidden === %t`, c.quiet))
			if !c.quiet {
				until(t, ctx, `document.querySelector('#list .note').innerText.startsWith('This is another history, or one without what was shown')`)
			}
		})
	}
}

// A link to a message shows it in the middle, and so does a reload; the history
// after it is not read through the event stream, and is not new.
func TestPageOpensALink(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(20_000)...)
	f := newFront(t, Options{Store: store})
	ctx := chromium(t)

	open(t, ctx, f.URL+"/?id=10000&at=10000")
	for range 2 {
		until(t, ctx, inView(10_000, true)+` && document.getElementById('message-10000').ariaSelected === 'true'`)
		until(t, ctx, `document.querySelector('#detail h2').innerText.replaceAll('\u202f', '') === '#10000'`)
		until(t, ctx, live)
		if got := evaluate[string](t, ctx, `new Promise((resolve) => setTimeout(() => resolve(location.search), 500))`); got != "?id=10000&at=10000" && got != "?at=10000&id=10000" {
			t.Errorf("the address became %s", got)
		}
		if err := chromedp.Do(ctx, chromedp.Reload()); err != nil {
			t.Fatal(err)
		}
	}
	until(t, ctx, inView(10_000, true))
	if marker := evaluate[string](t, ctx, `document.querySelector('#list .marker').innerText`); strings.Contains(marker, "new") && !strings.Contains(marker, "newest") {
		t.Errorf("none is new: %q", marker)
	}
	if _, sent := f.state(); sent > 100_000 {
		t.Errorf("the event streams carried %d bytes", sent)
	}
	store.put(t, says("press-2", 1, time.Now(), "after it"))
	until(t, ctx, `/^▼ 1 new/.test(document.querySelector('#list .marker').innerText)`)

	open(t, ctx, f.URL+"/#id=20")
	until(t, ctx, inView(20, false)+` && document.getElementById('message-20').ariaSelected === 'true'`)
	open(t, ctx, "about:blank") // only the fragment would change
	open(t, ctx, f.URL+"/?id=5000")
	until(t, ctx, inView(5000, true))

	open(t, ctx, f.URL+"/")
	until(t, ctx, fmt.Sprintf(`(%s).includes('after it')`, newestRow))
	evaluate[bool](t, ctx, `document.querySelector('#list .rows').scrollTop -= 3000, true`)
	until(t, ctx, `/at=\d+/.test(location.search)`)
	at := evaluate[int](t, ctx, `new Promise((resolve) => setTimeout(() => resolve(Number(new URLSearchParams(location.search).get('at'))), 500))`)
	for range 2 {
		if err := chromedp.Do(ctx, chromedp.Reload()); err != nil {
			t.Fatal(err)
		}
		until(t, ctx, inView(at, true))
	}
}

// A link to a message that is not there says why.
func TestPageSaysWhatBecameOfALink(t *testing.T) {
	store := newStoreOf(t, 100_000)
	store.put(t, hellos(1000)...)
	stats, err := store.Stats(t.Context())
	if err != nil || stats.FirstID < 100 {
		t.Fatalf("%+v, %v", stats, err)
	}
	address := serve(t, Options{Store: store})
	ctx := chromium(t)
	for id, want := range map[int]string{
		4:       fmt.Sprintf("#4 was evicted by retention; the history begins at #%d.", stats.FirstID),
		999_999: "There is no #999999: the newest message is #1000.",
	} {
		open(t, ctx, fmt.Sprintf("%s/?id=%d", address, id))
		until(t, ctx, fmt.Sprintf(`document.querySelector('#list .note').innerText.replaceAll('\u202f', '') === %q`, want))
		until(t, ctx, fmt.Sprintf(`location.search.includes('id=%d')`, id))
	}
	// A row that is shown and evicted meanwhile is marked.
	open(t, ctx, fmt.Sprintf("%s/?id=%d", address, stats.FirstID+1))
	until(t, ctx, inView(int(stats.FirstID)+1, false))
	now := time.Now()
	for i := range 50 {
		store.put(t, hello("press-1", uint64(1001+i), now))
	}
	until(t, ctx, fmt.Sprintf(`document.getElementById('message-%d').matches('.evicted[title^="evicted since"]')`, stats.FirstID+1))
}

// Ten windows of one browser are live through one event stream, filters included,
// and go on when the one that reads it is closed.
func TestPageManyWindows(t *testing.T) {
	store := newStore(t)
	store.put(t, hello("press-1", 1, time.Now()))
	f := newFront(t, Options{Store: store})
	first := chromium(t)
	tabs := []context.Context{first}
	for range 9 {
		tabs = append(tabs, anotherTab(t, first))
	}
	address := func(i int) string {
		switch {
		case i%3 == 1:
			return "/?filter=text:" + "even"
		case i == 9:
			return "/?sender=press-2"
		}
		return "/"
	}
	for i, tab := range tabs {
		open(t, tab, f.URL+address(i))
		until(t, tab, live)
	}
	eventually(t, "one event stream of ten windows", func() bool { streams, _ := f.state(); return streams == 1 })
	shows := func(tabs []context.Context, seq uint64, text string) {
		t.Helper()
		store.put(t, says("press-2", seq, time.Now(), text))
		for _, tab := range tabs {
			until(t, tab, fmt.Sprintf(`(%s).includes(%q)`, newestRow, text))
		}
	}
	shows(tabs, 1, "even one")
	store.put(t, says("press-1", 2, time.Now(), "odd"))
	until(t, tabs[0], fmt.Sprintf(`(%s).includes('odd')`, newestRow))
	if got := evaluate[string](t, tabs[1], newestRow); !strings.Contains(got, "even one") {
		t.Errorf("the filter lets through %q", got)
	}
	// The one that reads the stream, whichever it is, and then the next one.
	for i := range 2 {
		if err := chromedp.Do(tabs[0], chromedp.Navigate("about:blank")); err != nil {
			t.Fatal(err)
		}
		tabs = tabs[1:]
		shows(tabs, uint64(2+i), fmt.Sprintf("even after %d", i))
	}
	eventually(t, "one event stream again", func() bool { streams, _ := f.state(); return streams == 1 })
	for _, tab := range tabs {
		until(t, tab, live+` && document.querySelector('#banner').hidden`)
	}
}

// hide makes the page believe that it is hidden, from its start on or from now.
const hide = `Object.defineProperty(document, 'hidden', { configurable: true, get: () => window.hiddenNow ?? true })`

// atStart runs a script in each page that the tab opens, before the page's own.
func atStart(t *testing.T, ctx context.Context, script string) {
	t.Helper()
	if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: script}); err != nil {
		t.Fatal(err)
	}
}

// A page that begins hidden holds no event stream, and follows once it is shown.
func TestPageRestsWhileHidden(t *testing.T) {
	store := newStore(t)
	store.put(t, hello("press-1", 1, time.Now()))
	f := newFront(t, Options{Store: store})
	ctx := chromium(t)
	atStart(t, ctx, hide)
	open(t, ctx, f.URL)
	until(t, ctx, fmt.Sprintf(`(%s).includes('Hello world')`, newestRow))
	until(t, ctx, `document.querySelector('#head .path').innerText.includes('idle')`)
	if n := f.requests("/api/events"); n > 0 {
		t.Errorf("a hidden page asked %d times for events", n)
	}
	store.put(t, says("press-1", 2, time.Now(), "meanwhile"))
	evaluate[bool](t, ctx, `window.hiddenNow = false, document.dispatchEvent(new Event('visibilitychange'))`)
	until(t, ctx, fmt.Sprintf(`(%s).includes('meanwhile') && %s`, newestRow, live))
}

// While the receiver is away a filter is taken, and shown when it is back, which is
// noticed with the first answer; nothing is missing and nothing is doubled.
func TestPageFilterWhileTheReceiverIsAway(t *testing.T) {
	store := newStore(t)
	store.put(t, hello("press-1", 1, time.Now()), says("press-2", 1, time.Now(), "other"))
	f := newFront(t, Options{Store: store})
	ctx := chromium(t)
	open(t, ctx, f.URL)
	until(t, ctx, live)
	f.cut(true)
	until(t, ctx, `document.querySelector('#banner').innerText.includes('the receiver cannot be reached')`)
	if err := chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS(".filter input"), "text:hello")); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `new URLSearchParams(location.search).get('filter') === 'text:hello'`)
	until(t, ctx, `document.querySelector('#list .note').innerText.includes('once the receiver answers')`)
	if shown := evaluate[string](t, ctx, `document.body.innerText`); strings.Contains(shown, "Failed to fetch") {
		t.Error("the browser's words are shown")
	}
	store.put(t, says("press-2", 2, time.Now(), "hello too"), says("press-2", 3, time.Now(), "not this"))
	f.cut(false)
	evaluate[string](t, ctx, `fetch('/api/filter?filter=a').then((r) => r.text())`) // any answer
	until(t, ctx, `document.querySelector('#banner').hidden && `+live)
	until(t, ctx, `document.querySelector('#list .note').hidden`)
	until(t, ctx, `[...document.querySelectorAll('#list .row:not(.line, [hidden]) .text')].map((e) => e.innerText).join() === 'Hello world,hello too'`)
}

// Typing a filter slowly is one step of the browser's history.
func TestPageFilterIsOneStepBack(t *testing.T) {
	store := newStore(t)
	store.put(t, hello("press-1", 1, time.Now()), says("press-2", 1, time.Now(), "other"))
	address := serve(t, Options{Store: store})
	ctx := chromium(t)
	open(t, ctx, address)
	until(t, ctx, live)
	before := evaluate[int](t, ctx, `history.length`)
	for _, part := range []string{"text:", "h", "e", "l"} {
		if err := chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS(".filter input"), part)); err != nil {
			t.Fatal(err)
		}
		until(t, ctx, `document.querySelector('.filter input').value === (new URLSearchParams(location.search).get('filter') ?? '') || !document.querySelector('#tools .problem').hidden`)
	}
	until(t, ctx, `new URLSearchParams(location.search).get('filter') === 'text:hel'`)
	if steps := evaluate[int](t, ctx, `history.length`) - before; steps != 1 {
		t.Errorf("%d steps", steps)
	}
	// An answer about what was typed before takes no letter away.
	evaluate[bool](t, ctx, `(() => {
  const real = window.fetch;
  window.fetch = async (path, init) => {
    if (path.startsWith('/api/filter')) await new Promise((resolve) => { window.answer = resolve; });
    return real(path, init);
  };
  return true;
})()`)
	typeIn := func(letters string) {
		evaluate[bool](t, ctx, fmt.Sprintf(`(({ input }) => { input.value += %q; return input.dispatchEvent(new Event('input')); })({ input: document.querySelector('.filter input') })`, letters))
	}
	typeIn("l")
	until(t, ctx, `window.answer != null`)
	typeIn("o")
	evaluate[bool](t, ctx, `answer(), window.answer = null, true`)
	until(t, ctx, `window.answer != null`)
	evaluate[bool](t, ctx, `answer(), true`)
	until(t, ctx, `new URLSearchParams(location.search).get('filter') === 'text:hello'`)
	evaluate[bool](t, ctx, `history.back(), true`)
	until(t, ctx, `location.search === '' && document.querySelector('.filter input').value === ''`)
	until(t, ctx, fmt.Sprintf(`(%s).includes('other')`, newestRow))
}

// A press of the mouse chooses the row that is under it when it goes down, however
// fast the list moves, and the list stops.
func TestPageChoosesTheRowUnderThePointer(t *testing.T) {
	store := newStore(t)
	now := time.Now()
	for i := range 200 {
		store.put(t, says("press-1", uint64(i+1), now, fmt.Sprintf("text %d", i)))
	}
	address := serve(t, Options{Store: store})
	ctx := chromium(t)
	open(t, ctx, address)
	until(t, ctx, live)
	seq := uint64(200) // none is missing: what the list says of a gap is no row to choose
	for i := range 3 {
		until(t, ctx, `document.querySelector('#list .marker').hidden`)
		text := fmt.Sprintf("flowing %d", i)
		stop := make(chan struct{})
		var flow sync.WaitGroup
		flow.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
					seq++
					store.put(t, says("press-1", seq, time.Now(), text))
				}
			}
		})
		until(t, ctx, fmt.Sprintf(`(%s).includes('%s')`, newestRow, text))
		x, y := 1000.0, 500.0 // in the text
		// The list has just been scrolled to its end: its rows stand there with the next frame.
		until(t, ctx, fmt.Sprintf(`document.elementFromPoint(%f, %f).closest('.row')?.dataset.id > 0`, x, y))
		evaluate[bool](t, ctx, `window.pressed = null, document.addEventListener('pointerdown', (e) => { window.pressed = e.target.closest('.row')?.dataset.id; }, { capture: true, once: true }), true`)
		if err := chromedp.Do(ctx, chromedp.MouseEvent(chromedp.MousePressed, x, y, chromedp.ButtonLeft, chromedp.ClickCount(1)), chromedp.Sleep(100*time.Millisecond),
			chromedp.MouseEvent(chromedp.MouseReleased, x, y, chromedp.ButtonLeft, chromedp.ClickCount(1))); err != nil {
			t.Fatal(err)
		}
		until(t, ctx, `document.querySelector('#detail h2').innerText.replace(/\D/g, '') === window.pressed`)
		until(t, ctx, `document.querySelector('#list .marker').innerText.includes('new')`)
		until(t, ctx, `document.getElementById(document.querySelector('#list .grid').getAttribute('aria-activedescendant'))?.dataset.id === window.pressed`)
		close(stop)
		flow.Wait()
		press(t, ctx, "Escape")
	}
}
