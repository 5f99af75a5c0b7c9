package web

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"hellox/stream"
	"hellox/stream/filter"
)

const chosenFilter = `(new URLSearchParams(location.search).get('filter') ?? '')`

// The keys of the terminal for the detail: changes, graph, filter on a value, copy.
func TestPageKeysOfTheDetail(t *testing.T) {
	store := newStore(t)
	now := time.Now()
	for i := range 30 {
		store.put(t, arrival("hello_world/oven/left", fmt.Appendf(nil, `{"temp":%d}`, 180+i%3), now.Add(time.Duration(i-30)*time.Second)))
	}
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: store}))
	until(t, ctx, live+` && document.getElementById('message-30') != null`)
	evaluate[bool](t, ctx, `Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (s) => { window.copied = s; } } }), true`)
	press(t, ctx, "d")
	until(t, ctx, `document.querySelector('#detail [data-tab=delta]').ariaSelected === 'true' && document.querySelector('#detail pre').innerText.includes('payload.temp')`)
	press(t, ctx, "d")
	until(t, ctx, `document.querySelector('#detail [data-tab=json]').ariaSelected === 'true'`)
	press(t, ctx, "v")
	until(t, ctx, `document.querySelector('#detail footer .hint').innerText.startsWith('choose a number')`)
	clickLine(t, ctx, `"temp"`, false)
	press(t, ctx, "v")
	until(t, ctx, `/temp: 30 numbers/.test(document.querySelector('#detail .graph .hint').innerText)`)
	press(t, ctx, "v")
	until(t, ctx, `document.querySelector('#detail .graph').hidden`)
	for key, want := range map[string]string{"p": `{"temp":182}`, "t": "hello_world/oven/left", "i": "30", "a": "payload.temp", "v": "182"} {
		press(t, ctx, "y")
		until(t, ctx, `document.querySelector('#choice').open`)
		evaluate[bool](t, ctx, fmt.Sprintf(`document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: %q, bubbles: true })), true`, key))
		until(t, ctx, fmt.Sprintf(`!document.querySelector('#choice').open && window.copied === %q`, want))
	}
	press(t, ctx, "f")
	until(t, ctx, chosenFilter+` === 'payload.temp=182'`)
	press(t, ctx, "Backspace")
	until(t, ctx, chosenFilter+` === ''`)
}

// The keys of the terminal for the selected row, the history and the panels.
func TestPageKeysOfTheRow(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(300)...)
	store.put(t, arrival("hello_world/oven/left", []byte("180"), time.Now()))
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: store}))
	until(t, ctx, live+` && document.getElementById('message-301') != null`)
	choose := func(key, option string) {
		t.Helper()
		press(t, ctx, key)
		until(t, ctx, `document.querySelector('#choice').open`)
		evaluate[bool](t, ctx, fmt.Sprintf(`document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: %q, bubbles: true })), true`, option))
		until(t, ctx, `!document.querySelector('#choice').open`)
	}
	press(t, ctx, "j")
	until(t, ctx, `document.getElementById('message-301').ariaSelected === 'true'`)
	choose("-", "t")
	until(t, ctx, chosenFilter+` === '-topic:hello_world/oven/left' && document.querySelector('#message-301:not([hidden])') == null && document.getElementById('message-300') != null`)
	press(t, ctx, "j")
	choose("+", "s")
	until(t, ctx, chosenFilter+` === '-topic:hello_world/oven/left sender:press-1'`)
	press(t, ctx, "Backspace")
	press(t, ctx, "Backspace")
	until(t, ctx, chosenFilter+` === '' && document.getElementById('message-301') != null && document.querySelector('#list .marker').hidden`)
	press(t, ctx, "ArrowLeft") // the middle of the list, 10 s before
	until(t, ctx, `!document.querySelector('#list .marker').hidden && document.querySelector('#list .rows').scrollTop > 0`)
	press(t, ctx, ":")
	until(t, ctx, `document.querySelector('#goto').open`)
	evaluate[bool](t, ctx, `document.querySelector('#goto input').value = '#20', document.querySelector('#goto form').requestSubmit(), true`)
	until(t, ctx, `!document.querySelector('#goto').open && `+inView(20, true))
	press(t, ctx, ":")
	until(t, ctx, `document.querySelector('#goto').open`)
	evaluate[bool](t, ctx, `document.querySelector('#goto input').value = 'nowhere', document.querySelector('#goto form').requestSubmit(), true`)
	until(t, ctx, `document.querySelector('#goto').open && document.querySelector('#goto .bad').innerText.startsWith('a place is')`)
	evaluate[bool](t, ctx, `document.querySelector('#goto').close(), true`)
	press(t, ctx, "G")
	until(t, ctx, `document.querySelector('#list .marker').hidden`)
	press(t, ctx, "S")
	until(t, ctx, `document.querySelector('#senders .find select').value === 'name'`)
	press(t, ctx, "Enter")
	until(t, ctx, `document.querySelector('#detail').checkVisibility()`)
	wide := evaluate[float64](t, ctx, `document.querySelector('#detail').offsetWidth`)
	press(t, ctx, ">")
	until(t, ctx, fmt.Sprintf(`document.querySelector('#detail').offsetWidth === %g`, wide+40))
	press(t, ctx, "a")
	until(t, ctx, `document.querySelectorAll('#choice .options button').length > 8`)
}

// A place means what it means in the terminal.
func TestPagePlaces(t *testing.T) {
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: newStore(t)}))
	got := evaluate[map[string]string](t, ctx, `import('/static/js/place.js').then(({ placeOf }) => {
  const now = new Date(2026, 10, 28, 14, 3, 0).getTime(), minutes = (p) => (p?.time ? Math.round((now - p.time) / 600) / 100 + '' : JSON.stringify(p));
  return Object.fromEntries(['14:02', '14:02:30', '14:04', '2026-11-27 14:03', '-5m', '1h30m', '#18204', '18 204', 'oldest', 'newest', '25:00', '2026-02-30 10:00', 'x', '0', ''].map((s) => [s, minutes(placeOf(s, now))]));
})`)
	for typed, want := range map[string]string{
		"14:02": "1", "14:02:30": "0.5", "14:04": "1439", "2026-11-27 14:03": "1440", "-5m": "5", "1h30m": "90", "#18204": `{"id":18204}`, "18 204": `{"id":18204}`,
		"oldest": `{"oldest":true}`, "newest": `{"newest":true}`, "25:00": "null", "2026-02-30 10:00": "null", "x": "null", "0": "null", "": "null",
	} {
		if got[typed] != want {
			t.Errorf("%q is %s, want %s", typed, got[typed], want)
		}
	}
}

// The names of filters are those that the terminal takes.
func TestPageFilterNames(t *testing.T) {
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: newStore(t)}))
	for typed, want := range map[string]string{"hot": "hot", " @two words ": "two-words", "küche-2_x.y": "küche-2_x.y", "हिन्दी": "हिन्दी", "a@b\"!": "ab", " ": ""} {
		in, err := json.Marshal(typed)
		if err != nil {
			t.Fatal(err)
		}
		got := evaluate[string](t, ctx, `import('/static/js/namedfilters.js').then(({ filterName }) => filterName(`+string(in)+`))`)
		if err := filter.CheckName(got); got != want || (err == nil) != (want != "") {
			t.Errorf("%q becomes %q (%v), want %q", typed, got, err, want)
		}
	}
}

// Two senders that have been shown look alike only if more share a hue than there are marks.
func TestPageTellsSendersApart(t *testing.T) {
	byHue := map[int][]string{}
	for i := range 200 {
		name := fmt.Sprintf("press-%d", i)
		if c := stream.ColorOf(name, ""); c.Mark == 1 { // all have the same mark by their names
			byHue[c.Index%8] = append(byHue[c.Index%8], name)
		}
	}
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: newStore(t)}))
	for hue, names := range byHue {
		list := strings.Join(names[:4], " ")
		got := evaluate[[]string](t, ctx, fmt.Sprintf(`import('/static/js/bar.js').then(({ barClass }) => {
  const names = %q.split(' '), alone = barClass(names[0]);
  names.forEach((n) => barClass(n));
  return [alone, ...names.map((n) => barClass(n))];
})`, list))
		want := []string{"mark0", "mark1", "mark2", "mark3", "mark0"}
		for i, class := range got {
			if want := fmt.Sprintf("bar hue%d %s", hue, want[i]); class != want {
				t.Errorf("%s: %q, want %q", list, got, want)
				break
			}
		}
	}
}
