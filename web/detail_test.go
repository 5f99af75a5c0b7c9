package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"hellox/stream"
	"hellox/stream/filter"
)

// clickLine presses the line of the JSON in the detail that begins with a text, or
// with name the name in it.
func clickLine(t *testing.T, ctx context.Context, text string, name bool) {
	t.Helper()
	part := ""
	if name {
		part = `.querySelector('.name')`
	}
	until(t, ctx, fmt.Sprintf(`[...document.querySelectorAll('#detail .line')].some((l) => l.textContent.trim().startsWith(%q))`, text))
	evaluate[bool](t, ctx, fmt.Sprintf(`[...document.querySelectorAll('#detail .line')].find((l) => l.textContent.trim().startsWith(%q))%s.click(), true`, text, part))
}

// lines is what a person sees of the JSON in the detail.
const lines = `[...document.querySelectorAll('#detail .line')].filter((l) => !l.hidden).map((l) => l.textContent.replace('\n', '') + (l.dataset.lines != null ? ' ⋯ ' + l.dataset.lines : '')).join('\n')`

// JSON folds, tells a path, filters and draws.
func TestPageDetailJSON(t *testing.T) {
	store := newStore(t)
	now := time.Now()
	for i := range 40 {
		payload := fmt.Sprintf(`{"params":{"switch:0":{"apower":%d.5}},"list":[1,{"deep":[true]}],"unit":"W"}`, 100+i%10)
		store.put(t, arrival("hello_world/shelly", []byte(payload), now.Add(time.Duration(i-40)*time.Second)))
	}
	ctx := chromium(t)
	address := serve(t, Options{Store: store})
	open(t, ctx, address+"/?id=13")
	want := "{\n  \"params\": {\n    \"switch:0\": {\n      \"apower\": 102.5\n    }\n  },\n  \"list\": [\n    1,\n    {\n      \"deep\": [\n        true\n      ]\n    }\n  ],\n  \"unit\": \"W\"\n}"
	until(t, ctx, fmt.Sprintf(`%s === %q`, lines, want))

	t.Run("fold", func(t *testing.T) {
		clickLine(t, ctx, `"params"`, false)
		until(t, ctx, fmt.Sprintf(`(%s).startsWith(%q)`, lines, "{\n  \"params\": { ⋯ 4 lines\n  \"list\": ["))
		clickLine(t, ctx, `"params"`, false)
		until(t, ctx, fmt.Sprintf(`%s === %q`, lines, want))
	})
	t.Run("keys", func(t *testing.T) {
		evaluate[bool](t, ctx, `document.querySelector('#detail .tree').focus(), true`)
		keys := func(keys string) {
			if err := chromedp.Do(ctx, chromedp.KeyEvent(keys)); err != nil {
				t.Fatal(err)
			}
		}
		keys(kb.Home + kb.ArrowDown + kb.ArrowDown + kb.ArrowLeft)
		until(t, ctx, `document.querySelector('#detail .line[aria-selected]').textContent.includes('switch:0')`)
		until(t, ctx, `document.querySelector('#detail .line[aria-selected]').ariaExpanded === 'false' && document.querySelector('#detail .tree').getAttribute('aria-activedescendant') === document.querySelector('#detail .line[aria-selected]').id`)
		until(t, ctx, `document.querySelector('#detail .path').innerText === 'payload.params."switch:0"'`)
		keys(kb.ArrowRight + kb.ArrowRight) // opens it, and goes in
		until(t, ctx, `document.querySelector('#detail .path').innerText === 'payload.params."switch:0".apower'`)
	})
	t.Run("path", func(t *testing.T) {
		copied := evaluate[string](t, ctx, `new Promise((done) => {
  Object.defineProperty(navigator, 'clipboard', { configurable: true, value: { writeText: async (s) => done(s) } });
  [...document.querySelectorAll('#detail .line .name')].find((n) => n.textContent === '"apower"').click();
})`)
		if copied != `payload.params."switch:0".apower` {
			t.Errorf("copied %q", copied)
		}
		until(t, ctx, `document.querySelector('#detail footer .hint').innerText === 'path copied'`)
	})
	t.Run("graph", func(t *testing.T) {
		evaluate[bool](t, ctx, `[...document.querySelectorAll('#detail .value button')].find((b) => b.textContent === 'graph').click(), true`)
		until(t, ctx, `/apower: 40 numbers, .+ to /.test(document.querySelector('#detail .graph .hint').innerText)`)
		until(t, ctx, `document.querySelector('#detail .graph polyline').getBoundingClientRect().width > 200 && document.querySelector('#detail .most').innerText === '109.5' && document.querySelector('#detail .least').innerText === '100.5'`)
		until(t, ctx, `document.querySelector('#detail .graph .here') != null`)
	})
	t.Run("filter", func(t *testing.T) {
		evaluate[bool](t, ctx, `[...document.querySelectorAll('#detail .value button')].find((b) => b.textContent === 'filter on this value').click(), true`)
		until(t, ctx, `document.querySelector('.filter input').value === 'payload.params."switch:0".apower=102.5'`)
		until(t, ctx, `document.querySelector('#list .grid').ariaRowCount === '6'`) // the header, a day and four
	})
}

// The term of each value finds the payload that it was taken from, and no other.
func TestPageValueTerms(t *testing.T) {
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: newStore(t)}))
	payloads := []string{
		`{"a":1.10}`, `{"a":-3}`, `{"a":1e3}`, `{"a":"1.1"}`, `{"a":""}`, `{"a":"two words"}`, `{"a":"q\"\\ \u00fc"}`, `{"a":"x\ny"}`, `{"a":"-x"}`, `{"a":"("}`,
		`{"a":true}`, `{"a":null}`, `{"a b":{"PM2.5":[0,{"x":7}]}}`, `[[1],[2]]`, `21.5`, `{"küche":"ü"}`, `{"a":"and"}`,
	}
	list, err := json.Marshal(payloads)
	if err != nil {
		t.Fatal(err)
	}
	without := evaluate[[]string](t, ctx, `Promise.all([import('/static/js/jsontext.js'), import('/static/js/jsonpath.js')]).then(([{ linesOf }, { valueTerm }]) =>
  ['{"":{"":1}}', '"text"', '"' + 'x'.repeat(4000) + '"'].map((p) => linesOf(p).lines.find((l) => l.value !== '')).map((l) => valueTerm(l.path, l.value)))`)
	for _, term := range without {
		if term != "" {
			t.Errorf("%s: the language cannot say that", term)
		}
	}
	got := evaluate[[][]string](t, ctx, `Promise.all([import('/static/js/jsontext.js'), import('/static/js/jsonpath.js')]).then(([{ linesOf }, { valueTerm }]) => `+string(list)+
		`.map((p) => linesOf(p).lines.filter((l) => l.value !== '').map((l) => valueTerm(l.path, l.value))))`)
	for i, terms := range got {
		if len(terms) == 0 {
			t.Errorf("%s has no value", payloads[i])
		}
		for _, term := range terms {
			f, err := filter.Parse(term)
			if err != nil {
				t.Errorf("%s: %s: %v", payloads[i], term, err)
				continue
			}
			for j, p := range payloads {
				if f.Match(&stream.Message{Payload: []byte(p)}) != (i == j) {
					t.Errorf("%s of %s and %s: %v", term, payloads[i], p, i != j)
				}
			}
		}
	}
}

// What is no text is shown as what it holds.
func TestPageDecoded(t *testing.T) {
	store := newStore(t)
	now := time.Now()
	var zipped, drawn bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write([]byte("[1.10]"))
	picture := image.NewRGBA(image.Rect(0, 0, 64, 48))
	for i := range 48 {
		picture.Set(i, i, color.RGBA{R: 255, A: 255})
	}
	if w.Close() != nil || png.Encode(&drawn, picture) != nil {
		t.Fatal("encode")
	}
	metric := []byte("\x12\x0e\x0a\x04temp\x20\x03\x50\xfb\xff\xff\xff\x0f")
	store.put(t,
		arrival("hello_world/cbor", []byte("\xa1\x64temp\x18\xc8"), now),
		arrival("hello_world/zip", zipped.Bytes(), now),
		arrival("hello_world/spBv1.0/plant/DDATA/node/press", metric, now),
		arrival("hello_world/camera", drawn.Bytes(), now),
		arrival("hello_world/other", []byte("\xff\xfe"), now),
		arrival("hello_world/svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), now),
		arrival("hello_world/cut", zipped.Bytes()[:zipped.Len()-4], now))
	ctx := chromium(t)
	address := serve(t, Options{Store: store})
	for id, want := range []string{1: "CBOR|{\n  \"temp\": 200\n}", 2: "gzip|[\n  1.10\n]", 3: "Sparkplug B|{\n  \"metrics\": [\n    {\n      \"name\": \"temp\",\n      \"datatype\": \"Int32\",\n      \"value\": -5\n    }\n  ]\n}"} {
		if id == 0 {
			continue
		}
		tab, text, _ := strings.Cut(want, "|")
		open(t, ctx, fmt.Sprintf("%s/?id=%d", address, id))
		until(t, ctx, fmt.Sprintf(`document.querySelector('#detail [data-tab=decoded][aria-selected=true]')?.innerText === %q && document.querySelector('#detail pre').textContent === %q`, tab, text))
		// Filters see the payload as it came: none is offered here.
		clickLine(t, ctx, strings.Fields(strings.ReplaceAll(text, "[\n", ""))[1], false)
		until(t, ctx, `[...document.querySelectorAll('#detail .value button:not(.path)')].every((b) => b.hidden)`)
	}
	open(t, ctx, address+"/?id=4")
	until(t, ctx, `document.querySelector('#detail pre img')?.naturalWidth === 64 && document.querySelector('#detail pre img').getBoundingClientRect().height > 40`)
	until(t, ctx, `document.querySelector('#detail pre img').alt === 'image/png, 64 × 48 pixels'`)
	open(t, ctx, address+"/?id=5")
	until(t, ctx, `document.querySelector('#detail pre').innerText.startsWith('0000  ff fe') && document.querySelector('#detail [data-tab=decoded]').disabled`)
	open(t, ctx, address+"/?id=6")
	until(t, ctx, `document.querySelector('#detail pre').innerText.startsWith('<svg') && !document.querySelector('#detail img')`)
	open(t, ctx, address+"/?id=7")
	until(t, ctx, `document.querySelector('#detail .problem').innerText === 'the gzip is damaged after 6 bytes'`)
	if got := decodeJSON[map[string]any](t, ask(newServer(t, Options{Store: store}), "GET", "/api/messages/4/decoded", "")); got["payload_base64"] != nil || got["media_type"] != "image/png" {
		t.Errorf("the picture is sent twice: %v", got)
	}
}

// The largest payload opens. What it took is printed.
func TestPageLargeDetailOpensFast(t *testing.T) {
	store := newStore(t)
	now := time.Now()
	kinds := map[string]string{
		"objects":  "[" + strings.Repeat(`{"name":"sensor","value":21.53,"unit":"C"},`, 6000) + "{}]",
		"numbers":  "[" + strings.Repeat("1,", 128<<10) + "1]",
		"one text": `{"t":"` + strings.Repeat("wörter und ", 23000) + `"}`,
		"text":     strings.Repeat("a line of a log file\n", 12000),
		"bytes":    strings.Repeat("\xff\x00", 128<<10),
	}
	ctx := chromium(t)
	address := serve(t, Options{Store: store})
	for name, payload := range kinds {
		store.put(t, arrival("hello_world/"+name, []byte("small"), now), arrival("hello_world/"+name, []byte(payload), now))
		open(t, ctx, address+"/?filter="+url.QueryEscape(`topic:"hello_world/`+name+`"`))
		// The count comes before the frame that paints the rows.
		until(t, ctx, `document.querySelector('#list .grid').ariaRowCount === '4' && document.querySelectorAll('#list .row:not(.line, [hidden])').length === 2`)
		took := evaluate[float64](t, ctx, `new Promise((done) => {
  const row = [...document.querySelectorAll('#list .row:not(.line):not([hidden])')].sort((a, b) => a.ariaRowIndex - b.ariaRowIndex).at(-1);
  const at = row.getBoundingClientRect(), where = { bubbles: true, clientX: at.x + 500, clientY: at.y + 5, button: 0, pointerType: 'mouse' };
  const begun = performance.now();
  row.dispatchEvent(new PointerEvent('pointerdown', where));
  row.dispatchEvent(new PointerEvent('pointerup', where));
  document.querySelector('#detail pre').getBoundingClientRect(); // lays out
  const laidOut = performance.now() - begun;
  requestAnimationFrame(() => done(laidOut));
})`)
		until(t, ctx, `document.querySelector('#detail pre').textContent.length > 1000`)
		t.Logf("%s, %d KiB: %.0f ms", name, len(payload)>>10, took)
		if took > 30_000 { // a hang guard
			t.Errorf("%s takes %.0f ms", name, took)
		}
	}
	_ = chromedp.Do(ctx, chromedp.Navigate("about:blank"))
}
