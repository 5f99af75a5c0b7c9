package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hellox/stream"
	"hellox/stream/safetext"
)

// until waits until the expression, evaluated every frame, is true, across navigations.
func until(t *testing.T, ctx context.Context, expression string) {
	t.Helper()
	// What is asked for may not be in the document yet: then it is not true yet either.
	asked := "(() => { try { return " + expression + " } catch { return false } })()"
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		_, err := chromedp.Run(ctx, chromedp.Poll[bool](asked, chromedp.WithPollingTimeout(time.Until(end))))
		if err == nil {
			return
		}
		if ctx.Err() == nil && time.Now().Before(end) {
			continue // another document took the place of the one that was asked
		}
		body, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText.slice(0, 2000)`))
		// A change of the machine's network ends requests.
		lost, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`performance.getEntriesByType('resource').filter((e) => e.responseStatus === 0).map((e) => e.name).join(' ')`))
		t.Fatalf("never true: %s: %v\n%s\nrequests without an answer: %s", expression, err, body, lost)
	}
}

// untilNone waits until the list that the expression makes is empty, and tells what is
// left of it: what a frame has not yet laid out is not wrong.
func untilNone(t *testing.T, ctx context.Context, wrong string) {
	t.Helper()
	var left []string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if left = evaluate[[]string](t, ctx, wrong); len(left) == 0 {
			return
		}
	}
	for _, w := range left {
		t.Error(w)
	}
}

func evaluate[T any](t *testing.T, ctx context.Context, expression string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func open(t *testing.T, ctx context.Context, address string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1440, 900), chromedp.Navigate(address)); err != nil {
		t.Fatal(err)
	}
	// What is done in a document that is about to be read once more is lost.
	until(t, ctx, `document.readyState === 'complete' && document.documentElement.ariaBusy !== 'true'`)
}

// newestRow is the text of the last message in the list.
const newestRow = `[...document.querySelectorAll('#list .row:not([hidden])')].sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).at(-1)?.innerText ?? ''`

func TestPage(t *testing.T) {
	store := newStore(t)
	client := &recordingClient{answer: stream.Answer{ID: "1", OK: true, State: stream.Mode{Min: time.Second, Max: 10 * time.Second}}}
	store.started = time.Now().Add(-16 * time.Second)
	address := serve(t, Options{Store: store, Client: client, Name: func() string { return "local · hellox" }})
	ctx := chromium(t)

	t.Run("empty", func(t *testing.T) {
		open(t, ctx, address)
		until(t, ctx, `document.querySelector('#list .empty').innerText.includes('No messages yet. A broadcaster says Hello world every 1 to 10 s.')`)
		until(t, ctx, `(({ innerText }) => innerText.includes('hellox status') && innerText.includes('hellox logs broadcast'))(document.querySelector('#list .empty'))`)
		until(t, ctx, `document.querySelector('#head .name').innerText === 'local · hellox'`)
		until(t, ctx, `document.querySelector('#senders > .hint').getBoundingClientRect().left < document.querySelector('#senders .find select').getBoundingClientRect().left`)
	})

	const n = 20_000
	t.Run("grows", func(t *testing.T) {
		store.put(t, hellos(n)...)
		until(t, ctx, fmt.Sprintf(`(%s).includes('Hello %d')`, newestRow, n))
		store.put(t, says("press-2", 1, time.Now(), "I am new here"))
		until(t, ctx, fmt.Sprintf(`(%s).includes('I am new here')`, newestRow))
		until(t, ctx, `document.querySelector('#senders .rows').innerText.includes('press-2')`)
	})

	t.Run("only visible rows exist", func(t *testing.T) {
		rows := evaluate[int](t, ctx, `document.querySelectorAll('#list .row').length`)
		held := evaluate[string](t, ctx, `document.querySelector('#list .grid').ariaRowCount`)
		if rows > 80 || held < "20000" || len(held) != 5 {
			t.Errorf("%d rows in the document for %s messages", rows, held)
		}
	})

	t.Run("history is there after a reload", func(t *testing.T) {
		if err := chromedp.Do(ctx, chromedp.Reload()); err != nil {
			t.Fatal(err)
		}
		until(t, ctx, fmt.Sprintf(`(%s).includes('I am new here')`, newestRow))
	})

	t.Run("scrolling up pages to the beginning", func(t *testing.T) {
		evaluate[int](t, ctx, `window.pager = setInterval(() => { document.querySelector('#list .rows').scrollTop = 0; }, 20)`)
		until(t, ctx, `[...document.querySelectorAll('#list .row')].some((r) => /Hello 1\n/.test(r.innerText + '\n'))`)
		evaluate[bool](t, ctx, `clearInterval(window.pager), true`)
		store.put(t, says("press-2", 2, time.Now(), "while you were away"))
		until(t, ctx, `/1 new\s+\(G\)/.test(document.querySelector('#list .marker').innerText)`)
		until(t, ctx, `/[?&]at=\d+/.test(location.search)`)
		press(t, ctx, "G")
		until(t, ctx, fmt.Sprintf(`(%s).includes('while you were away')`, newestRow))
	})

	t.Run("pause and go on", func(t *testing.T) {
		press(t, ctx, " ")
		store.put(t, says("press-2", 3, time.Now(), "paused"))
		until(t, ctx, `document.querySelector('#list .marker').innerText.includes('paused · 1 new')`)
		press(t, ctx, " ")
		until(t, ctx, fmt.Sprintf(`(%s).includes('paused') && document.querySelector('#list .marker').hidden`, newestRow))
	})

	t.Run("detail", func(t *testing.T) {
		press(t, ctx, "k")
		press(t, ctx, "Enter")
		until(t, ctx, `document.querySelector('#detail pre').innerText.includes('"sender": "press-2"')`)
		until(t, ctx, `/[?&]id=2000\d/.test(location.search)`)
		for tab, want := range map[string]string{"hex": "7b 22 74 65 78 74 22 3a", "raw": `{"text":`, "delta": `~ payload.seq `} {
			evaluate[bool](t, ctx, fmt.Sprintf(`document.querySelector('#detail [data-tab="%s"]').click(), true`, tab))
			until(t, ctx, fmt.Sprintf(`document.querySelector('#detail pre').innerText.includes(%q)`, want))
		}
		press(t, ctx, "Escape")
		until(t, ctx, `document.querySelector('#detail').hidden`)
	})

	t.Run("filter", func(t *testing.T) {
		press(t, ctx, "/")
		if err := chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS(".filter input"), "delta>>8")); err != nil {
			t.Fatal(err)
		}
		until(t, ctx, `document.querySelector('#tools .problem').innerText.startsWith('column 7')`)
		until(t, ctx, `document.querySelector('.filter .caret').textContent === '      ^'`)
		if err := chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS(".filter input"), "\x1b"+`"I am new here"`)); err != nil {
			t.Fatal(err)
		}
		until(t, ctx, `document.querySelector('#tools .problem').hidden && document.querySelector('#list .grid').ariaRowCount === '3'`) // the header, a day and a message
		until(t, ctx, `new URLSearchParams(location.search).get('filter') === '"I am new here"'`)
		open(t, ctx, address+"/?sender=press-2")
		until(t, ctx, `document.querySelector('#list .grid').ariaRowCount === '5'`)
		store.put(t, hello("press-1", n+1, time.Now()), says("press-2", 4, time.Now(), "of mine"))
		until(t, ctx, `document.querySelector('#list .grid').ariaRowCount === '6'`)
	})

	t.Run("speak", func(t *testing.T) {
		open(t, ctx, address)
		until(t, ctx, `document.querySelectorAll('#send select[aria-label="send to"] option').length === 3`)
		press(t, ctx, "p")
		if err := chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS("#send .grow"), "to all\r")); err != nil {
			t.Fatal(err)
		}
		until(t, ctx, `document.querySelector('#send .result').innerText.startsWith('published ✓')`)
		if client.topic != stream.TopicPublish || client.payload != "to all" {
			t.Errorf("published %+v", client)
		}
		evaluate[bool](t, ctx, `(() => { const to = document.querySelector('#send select[aria-label="send to"]'); to.value = 'press-1'; to.dispatchEvent(new Event('change')); return true; })()`)
		if err := chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS("#send .grow"), "to you\r")); err != nil {
			t.Fatal(err)
		}
		until(t, ctx, `document.querySelector('#send .result').innerText.replaceAll('\u202f', ' ') === 'press-1 answered ✓ 1.5 ms: said "to you"; every 1s … 10s'`)
	})
}

func press(t *testing.T, ctx context.Context, key string) {
	t.Helper()
	evaluate[bool](t, ctx, fmt.Sprintf(`document.activeElement.blur(), document.body.dispatchEvent(new KeyboardEvent('keydown', { key: %q, bubbles: true }))`, key))
}

// What the page computes itself agrees with Go.
func TestPageAgreesWithGo(t *testing.T) {
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: newStore(t)}))

	t.Run("colours", func(t *testing.T) {
		type sender struct {
			Name     string `json:"name"`
			Declared string `json:"declared"`
			Index    int    `json:"index"`
		}
		var senders []sender
		palette := stream.Palette()
		for i := range 500 {
			s := sender{Name: fmt.Sprintf("press-%d", i)}
			switch i % 5 {
			case 1:
				s.Name = fmt.Sprintf("Ötzi 🧊 %d", i)
			case 2:
				s.Declared = palette[i%16].Light
			case 3:
				s.Declared = strings.ToUpper(palette[i%16].Dark)
			case 4:
				s.Declared = "#123456"
			}
			s.Index = stream.ColorOf(s.Name, s.Declared).Index
			senders = append(senders, s)
		}
		list, err := json.Marshal(senders)
		if err != nil {
			t.Fatal(err)
		}
		wrong := evaluate[[]string](t, ctx, `import('/static/js/color.js').then(({ colorOf }) => `+string(list)+
			`.filter((s) => colorOf(s.name, s.declared) !== s.index).map((s) => s.name + ' ' + s.declared))`)
		if len(wrong) > 0 {
			t.Errorf("%d differ: %v", len(wrong), wrong)
		}
	})

	t.Run("units", func(t *testing.T) {
		examples, err := os.ReadFile("../tui/units/testdata/units.json")
		if err != nil {
			t.Fatal(err)
		}
		wrong := evaluate[[]string](t, ctx, `import('/static/js/format.js').then((format) => Object.entries(`+string(examples)+`).flatMap(([name, examples]) =>
			examples.map(({ value, text }) => [name, value, format[name.replace('_ms', '')](value), text.replaceAll(' ', '\u202f')]))
			.filter(([, , got, want]) => got !== want).map(([name, value, got, want]) => name + ' of ' + value + ' is ' + got + ', want ' + want))`)
		if len(wrong) > 0 {
			t.Errorf("%d differ: %v", len(wrong), wrong)
		}
	})

	t.Run("clean", func(t *testing.T) {
		// Every character, a block at a time, each after an "a", and
		// some that only together are special.
		samples := []string{
			"plain", "tab\tline\nend\r\x00\x1b[31m\x7f", "e\u0301\u0302\u0303\u0304\u0305\u0306x", "\u0301alone",
			"\u2601\ufe0f\ufe0f\u0301", "\u202eevil\u202c", "👩‍👩‍👧", "a\u0000\u0301", strings.Repeat("\u0301", 100) + "b", "\u0085\u009b31m",
		}
		var block strings.Builder
		for r := rune(0x80); r <= 0x10ffff; r++ {
			if r >= 0xd800 && r < 0xe000 {
				continue
			}
			block.WriteRune('a')
			block.WriteRune(r)
			if block.Len() > 60_000 {
				samples = append(samples, block.String())
				block.Reset()
			}
		}
		samples = append(samples, block.String())
		samples = append(samples, "hello_world/lamp ", " a / b/ / /\t/c", "a\u00a0/\u3000b\u2003", "a\u00a0b", "a//", " ", "\t\t", "a \u0301", "\x1b[31m ", "a "+strings.Repeat(" ", 60_000)+"b")
		for _, s := range samples {
			in, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			got := evaluate[string](t, ctx, `import('/static/js/clean.js').then(({ clean, cleanTopic }) => clean(`+string(in)+`) + '\n' + cleanTopic(`+string(in)+`))`)
			if want := safetext.Clean(s) + "\n" + safetext.Topic(s); got != want {
				g, w := []rune(got), []rune(want)
				for i := range min(len(g), len(w)) {
					if g[i] != w[i] {
						t.Errorf("%q, want %q", string(g[max(0, i-5):min(len(g), i+20)]), string(w[max(0, i-5):min(len(w), i+20)]))
						break
					}
				}
			}
		}
	})
}

// A page whose scripts have not run yet has the system's theme, or the one that the user has
// chosen.
func TestPageIsDarkBeforeItsScripts(t *testing.T) {
	whole := newServer(t, Options{Store: newStore(t)})
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/static/js/") {
			w.Header().Set("Content-Type", "text/javascript")
			return
		}
		whole.ServeHTTP(w, r)
	}))
	t.Cleanup(bare.Close)
	t.Cleanup(bare.CloseClientConnections)
	const dark, light = "rgb(13, 17, 23)", "rgb(255, 255, 255)"
	for _, page := range []string{"/", "/login"} {
		ctx := chromium(t)
		for _, c := range []struct{ system, chosen, paper string }{
			{"dark", "", dark}, {"light", "", light}, {"light", "dark", dark}, {"dark", "light", light},
		} {
			media(t, ctx, "prefers-color-scheme", c.system)
			open(t, ctx, bare.URL+page)
			evaluate[bool](t, ctx, `localStorage.setItem('hellox.theme', '`+c.chosen+`') ?? true`)
			open(t, ctx, bare.URL+page)
			if paper := evaluate[string](t, ctx, `getComputedStyle(document.body).backgroundColor`); paper != c.paper {
				t.Errorf("%s: the system is %s, chosen is %q: the background is %s, want %s", page, c.system, c.chosen, paper, c.paper)
			}
		}
	}
}

// A page of which a file was lost on its way, as when an interface of the machine
// comes or goes, is read once more by itself.
func TestPageComesAgain(t *testing.T) {
	for _, file := range []string{"/static/js/main.js", "/static/js/clock.js", "/static/lib/uplot.js", "/static/page.css", "/static/"} {
		t.Run(path.Base(file), func(t *testing.T) {
			store := newStore(t)
			store.put(t, hellos(3)...)
			whole := newServer(t, Options{Store: store})
			var asked atomic.Int64
			lossy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/":
					asked.Add(1)
				case strings.HasPrefix(r.URL.Path, file) && asked.Load() == 1:
					panic(http.ErrAbortHandler)
				}
				whole.ServeHTTP(w, r)
			}))
			t.Cleanup(lossy.Close)
			t.Cleanup(lossy.CloseClientConnections)
			ctx := chromium(t)
			open(t, ctx, lossy.URL)
			until(t, ctx, `document.querySelector('#list .grid').ariaRowCount === '5' && getComputedStyle(document.querySelector('#list')).display === 'grid'`)
			if n := asked.Load(); n != 2 {
				t.Errorf("the page was asked for %d times", n)
			}
		})
	}
}
