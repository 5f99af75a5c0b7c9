package web

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"hellox/stream"
	"hellox/stream/filter"
	"hellox/stream/jsonview"
)

// Payloads are shown on the page as in the terminal: one table is read by both tests.
func TestPagePayloadsAgreeWithGo(t *testing.T) {
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: newStore(t)}))
	cases, err := os.ReadFile("../stream/jsonview/testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	tried := evaluate[[]string](t, ctx, `Promise.all([import('/static/js/payload.js'), import('/static/js/clean.js')]).then(([p, { clean }]) => `+string(cases)+`.map((c) => {
  const got = p.payloadJSON(c), wrong = [];
  if (got.text !== c.indented) wrong.push('shown as ' + got.text);
  if (got.problem !== c.problem) wrong.push(got.problem + ', want ' + c.problem);
  if (p.meantAsJSON(c) !== c.looks) wrong.push('looks like JSON: ' + !c.looks);
  const line = c.payload === '' ? '(empty)' : c.line ?? clean(c.payload ?? '');
  if (c.payload != null && p.summary(c) !== line) wrong.push('line ' + p.summary(c));
  return wrong.length ? c.name + ': ' + wrong.join('; ') : '';
}))`)
	if len(tried) < 50 {
		t.Errorf("%d cases", len(tried))
	}
	for _, wrong := range tried {
		if wrong != "" {
			t.Error(wrong)
		}
	}
}

// So are payloads that are cut, and those with a character more or less.
func TestPageDamagedPayloadsAgreeWithGo(t *testing.T) {
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: newStore(t)}))
	table, err := os.ReadFile("../stream/jsonview/testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	type payload struct {
		Payload  string `json:"payload"`
		Indented string `json:"indented,omitempty"`
		Problem  string `json:"problem,omitempty"`
		Line     string `json:"line"`
		Looks    bool   `json:"looks"`
	}
	var cases, damaged []payload
	if err := json.Unmarshal(table, &cases); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{"": true}
	add := func(s string) {
		if seen[s] || !utf8.ValidString(s) {
			return
		}
		seen[s] = true
		p := payload{Payload: s, Line: jsonview.Line(s), Looks: jsonview.LooksLikeJSON([]byte(s))}
		indented, problem := jsonview.Indent([]byte(s))
		if p.Indented = indented; problem != nil {
			p.Indented, p.Problem = "", problem.String()
		}
		damaged = append(damaged, p)
	}
	extra := []string{`"`, `\`, "[", "}", ",", ":", "1", "-", ".", "e", "n", " ", "\n", "\x00", "ü", "\u0301", "\u202e", "\ufe0f", "😀"}
	for i, c := range cases {
		for at := range c.Payload {
			add(c.Payload[:at])
			add(c.Payload[:at] + c.Payload[at+1:])
			add(c.Payload[:at] + extra[(i+at)%len(extra)] + c.Payload[at:])
		}
	}
	list, err := json.Marshal(damaged)
	if err != nil || len(damaged) < 2000 {
		t.Fatal(len(damaged), err)
	}
	wrong := evaluate[[]string](t, ctx, `import('/static/js/payload.js').then((p) => `+string(list)+`.flatMap((c) => {
  const { text, problem } = p.payloadJSON(c), line = p.summary(c), looks = p.meantAsJSON(c);
  return text === c.indented && problem === c.problem && line === c.line && looks === c.looks ? [] : [JSON.stringify([c, text, problem, line, looks])];
}))`)
	for i, w := range wrong {
		if i == 20 {
			t.Fatalf("%d of %d differ", len(wrong), len(damaged))
		}
		t.Error(w)
	}
}

// pathOf finds the path and the number that a value has become.
var pathOf = regexp.MustCompile(`^~ (payload(?:\.(?:"(?:[^"\\]|\\.)*"|[^ "]+?)|\[\d+\])*) \S+ → (\S+) \([+−]`)

// Differences are told as in the terminal: one table is read by both tests.
func TestPageChanges(t *testing.T) {
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: newStore(t)}))
	list, err := os.ReadFile("../stream/changes/testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases [][3]string
	if err := json.Unmarshal(list, &cases); err != nil || len(cases) < 25 {
		t.Fatal(len(cases), err)
	}
	got := evaluate[[]string](t, ctx, `import('/static/js/changes.js').then(({ changes }) => `+string(list)+
		`.map(([before, now]) => changes({ payload: before }, { payload: now }).map((c) => c.sign + ' ' + c.text).join('\n')))`)
	asked := 0
	for i, c := range cases {
		if got[i] != c[2] {
			t.Errorf("%s to %s:\n%s\nwant\n%s", c[0], c[1], got[i], c[2])
		}
		// What is told of a value can be asked for by its path.
		path := pathOf.FindStringSubmatch(got[i])
		if path == nil {
			continue
		}
		asked++
		f, err := filter.Parse(path[1] + " = " + path[2])
		if err != nil || !f.Match(&stream.Message{Payload: []byte(c[1])}) || f.Match(&stream.Message{Payload: []byte(c[0])}) {
			t.Errorf("the filter %s = %s: %v", path[1], path[2], err)
		}
	}
	if asked < 10 {
		t.Errorf("%d paths were asked for", asked)
	}
}

// Large and deep payloads are shown and compared, in bounded size.
func TestPageLargePayloads(t *testing.T) {
	store := newStore(t)
	now := time.Now()
	numbers := func(n string) string { return "[" + strings.Repeat(n+",", 128<<10) + n + "]" }
	deep := func(n string) string {
		return strings.Repeat(`{"a":`+n+`,"b":`, 10_000) + n + strings.Repeat("}", 10_000)
	}
	brackets := func(n string) string { return strings.Repeat("[", 10_000) + n + strings.Repeat("]", 10_000) }
	text := func(n string) string { return `{"t":"` + strings.Repeat(`\u00fc`, 40<<10) + n + `"}` }
	for i, f := range []func(string) string{numbers, deep, brackets, text} {
		topic := fmt.Sprintf("large/%d", i)
		store.put(t, arrival(topic, []byte(f("1")), now), arrival(topic, []byte(f("2")), now))
	}
	store.put(t, arrival("large/4", []byte(strings.Repeat("[", 256<<10)), now))
	ctx := chromium(t)
	address := serve(t, Options{Store: store})
	for id, want := range map[int][2]string{
		2: {"[\n  2,\n  2,\n", "~ payload[0] 1 → 2 (+1)"},
		4: {"{\n  \"a\": 2,\n  \"b\": {", "~ payload.a 1 → 2 (+1)"},
		6: {"[\n  [\n    [", "[0] 1 → 2 (+1)"},
		8: {"{\n  \"t\": \"üü", "~ payload.t …ü"},
		9: {"[[[[", "no earlier message"},
	} {
		open(t, ctx, fmt.Sprintf("%s/?id=%d", address, id))
		until(t, ctx, fmt.Sprintf(`document.querySelector('#detail pre').textContent.startsWith(%q)`, want[0]))
		if id == 2 {
			evaluate[bool](t, ctx, `document.querySelector('#detail > button.quiet').click(), true`)
			until(t, ctx, `document.querySelector('#detail pre').textContent.endsWith('2\n]') && document.querySelector('#detail > button.quiet').hidden`)
		}
		if id == 9 {
			until(t, ctx, `document.querySelector('#detail .problem').innerText === 'not JSON: line 1, column 10001: nested deeper than 10000 levels'`)
		}
		evaluate[bool](t, ctx, `document.querySelector('#detail [data-tab="delta"]').click(), true`)
		until(t, ctx, fmt.Sprintf(`document.querySelector('#detail pre').textContent.includes(%q)`, want[1]))
		if n := evaluate[int](t, ctx, `document.querySelector('#detail pre').childNodes.length`); n > 1100 {
			t.Errorf("%d nodes are shown", n)
		}
	}
}

// A message is opened, and its payload is copied as it was sent.
func TestPagePayloads(t *testing.T) {
	store := newStore(t)
	now := time.Now()
	store.put(t,
		arrival("a", []byte(`{"serial":1724442618569203714,"room":"\u041a\u0443\u0445"}`), now),
		arrival("a", nil, now),
		arrival("a", []byte("\ufeff{}"), now))
	ctx := chromium(t)
	address := serve(t, Options{Store: store})
	copied := func() string {
		return evaluate[string](t, ctx, `new Promise((done) => {
  Object.defineProperty(navigator, 'clipboard', { configurable: true, value: { writeText: async (s) => done(s) } });
  [...document.querySelectorAll('#detail footer button')].find((b) => b.textContent === 'copy').click();
})`)
	}
	open(t, ctx, address+"/?id=1")
	shown := "{\n  \"serial\": 1724442618569203714,\n  \"room\": \"Кух\"\n}"
	until(t, ctx, fmt.Sprintf(`document.querySelector('#detail pre').textContent === %q`, shown))
	if got := copied(); got != shown {
		t.Errorf("copied %q", got)
	}
	until(t, ctx, `document.querySelector('#message-1')?.innerText.includes('{"serial":1724442618569203714,"room":"Кух"}')`)
	until(t, ctx, `document.querySelector('#message-2')?.innerText.includes('(empty)')`)
	open(t, ctx, address+"/?id=2")
	until(t, ctx, `document.querySelector('#detail pre').textContent === '(empty)' && document.querySelector('#detail .problem').hidden`)
	if got := copied(); got != "" {
		t.Errorf("of an empty payload %q is copied", got)
	}
	open(t, ctx, address+"/?id=3")
	until(t, ctx, `document.querySelector('#detail .problem').innerText === 'not JSON: line 1, column 1: unexpected byte order mark (U+FEFF), expected a value'`)
	// Space at the ends of a topic's levels is seen in the row, in the detail and in both panels.
	store.put(t, arrival("lamp", []byte("on"), now), arrival("lamp ", []byte("on"), now))
	open(t, ctx, address+"/?id=5")
	until(t, ctx, `document.querySelector('#message-4 .sender bdi')?.textContent === 'lamp' && document.querySelector('#message-5 .sender bdi').textContent === 'lamp␣'`)
	until(t, ctx, `[...document.querySelectorAll('#detail dd')].filter((d) => d.textContent === 'lamp␣').length === 2`)
	for _, panel := range []string{"#senders", "#topics"} {
		until(t, ctx, fmt.Sprintf(`[...document.querySelectorAll('%s .name')].some((n) => n.textContent === 'lamp␣')`, panel))
	}
}
