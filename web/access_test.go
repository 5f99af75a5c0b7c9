package web

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"hellox/stream"
)

// A pose is one state of the page, as a person brings it about.
type pose struct {
	name   string
	path   string // with the query, after the address and a slash
	take   func(t *testing.T, ctx context.Context)
	shows  string // an expression that is true once the page is there
	within string // selector of the part that is new in this pose; "": all of the page
}

// poses are the states of a page with messages, each from a page that is opened anew.
var poses = []pose{
	{name: "live", shows: live + ` && document.querySelectorAll('#senders .row').length > 5`},
	{name: "paused", take: pressed(" "), shows: `document.querySelector('#list .marker').innerText.includes('paused')`},
	{name: "nothing matches", path: "?filter=nothinglikethis", shows: `!document.querySelector('#list .empty').hidden`},
	{name: "wrong filter", path: "?filter=delta%3E%3E8", shows: `document.querySelector('#tools .problem').innerText.startsWith('column') && document.querySelector('#senders [data-sender]') != null && document.querySelector('.filter .keep').hidden`},
	{name: "filter chips", path: "?filter=-sender:press-1+text:hello&sender=press-2", shows: live},
	{name: "detail JSON", path: "?id=200", shows: `document.querySelector('#detail pre').innerText.includes('"sender"')`},
	{name: "detail raw", path: "?id=200", take: clicked("#detail [data-tab=raw]"), shows: `document.querySelector('#detail pre').innerText.includes('{"text"')`, within: "#detail"},
	{name: "detail hex", path: "?id=200", take: clicked("#detail [data-tab=hex]"), shows: `document.querySelector('#detail pre').innerText.includes('7b 22')`, within: "#detail"},
	{name: "detail changes", path: "?id=200", take: clicked("#detail [data-tab=delta]"), shows: `document.querySelector('#detail pre').innerText.includes('payload.seq')`, within: "#detail"},
	{name: "senders in groups", take: grouped, shows: `document.querySelector("#senders .row.group") != null`},
	{name: "topics", take: pressed("2"), shows: `document.querySelectorAll('#topics .row:not([hidden])').length > 3`},
	{name: "charts", take: pressed("4"), shows: `document.querySelector("#charts canvas") != null`},
	{name: "send", take: filled, shows: `document.querySelector('#send .result').innerText.includes('not JSON')`},
	{name: "columns", take: clicked("#list .choose button"), shows: `!document.querySelector('#list .menu').hidden`},
	{name: "retained", take: clicked("#send button[title='what the broker retains']"), shows: `document.querySelectorAll('#retained .list .row').length === 2`, within: "#retained"},
	{name: "actions", path: "?id=200", take: pressed("a"), shows: `document.querySelectorAll('#choice[open] .options button').length > 8`, within: "#choice"},
	{name: "go to", take: pressed(":"), shows: `document.querySelector('#goto').open`, within: "#goto"},
	{name: "help", take: pressed("?"), shows: `document.querySelector('#help').open`, within: "#help"},
}

// bring brings the page at an address into the pose.
func (p pose) bring(t *testing.T, ctx context.Context, address string) {
	t.Helper()
	open(t, ctx, address+"/"+p.path)
	if p.take != nil {
		until(t, ctx, live)
		p.take(t, ctx)
	}
	until(t, ctx, p.shows)
}

func pressed(key string) func(*testing.T, context.Context) {
	return func(t *testing.T, ctx context.Context) { press(t, ctx, key) }
}

func clicked(selector string) func(*testing.T, context.Context) {
	return func(t *testing.T, ctx context.Context) {
		until(t, ctx, fmt.Sprintf(`document.querySelector(%q).checkVisibility()`, selector))
		evaluate[bool](t, ctx, fmt.Sprintf(`document.querySelector(%q).click(), true`, selector))
	}
}

func grouped(t *testing.T, ctx context.Context) {
	evaluate[bool](t, ctx, `(() => { const s = document.querySelector('#senders .find select'); s.value = 'group'; s.dispatchEvent(new Event('change')); return true; })()`)
}

func filled(t *testing.T, ctx context.Context) {
	if err := chromedp.Do(ctx, chromedp.SendKeys(chromedp.CSS("#send .grow"), `{"a":`)); err != nil {
		t.Fatal(err)
	}
}

// accessStore has senders in most states, of whom one lost messages, topics beside, and
// a sender that never falls silent.
func accessStore(t *testing.T) *testStore {
	s := newStore(t)
	now := time.Now()
	for i := range 300 {
		at := now.Add(time.Duration(i-300) * time.Second)
		s.put(t, steady(fmt.Sprintf("press-%d", i%2+1), uint64(i/2+1+i/200*3), at))
		if i < 200 && i%10 == 0 {
			s.put(t, hello("quiet", uint64(i/10+1), at), arrival("hello_world/oven/left", fmt.Appendf(nil, `{"temp":%d}`, 180+i%7), at))
		}
	}
	retained := arrival("hello_world/lamp", []byte("on"), now)
	retained.Retained = true
	s.put(t, retained, arrival("hello_world/bytes", []byte{0, 0xff, 1}, now))
	s.present(t, "here", true)
	return s
}

// axeProblems returns what axe-core finds on the page, by its rules or by those of some names.
func axeProblems(t *testing.T, ctx context.Context, within string, rules ...string) []string {
	t.Helper()
	only := "{}"
	if len(rules) > 0 {
		names, err := json.Marshal(rules)
		if err != nil {
			t.Fatal(err)
		}
		only = fmt.Sprintf(`{runOnly: {type: 'rule', values: %s}}`, names)
	}
	return evaluate[[]string](t, ctx, fmt.Sprintf(`axe.run(%q, {resultTypes: ['violations'], ...%s}).then(({violations}) =>
  violations.flatMap((v) => v.nodes.map((n) => v.id + ': ' + n.target.join(' ') + ': ' + n.failureSummary.split('\n').slice(1).join(';').trim() + ' in ' + n.html.slice(0, 120))))`, within, only))
}

// A stop is an element at which the keyboard's focus stood.
type stop struct {
	Name    string `json:"name"`
	Problem string `json:"problem"`
	Again   bool   `json:"again"` // it stood there before
}

// tellStop describes where the focus is, and what is wrong with it: it must be seen.
const tellStop = `(() => {
  const e = document.activeElement;
  if (!e || e === document.body || e === document.documentElement) return {};
  const name = e.localName + (e.id ? '#' + e.id : '') + '.' + [...e.classList].join('.') + ' ' + (e.ariaLabel ?? e.innerText ?? e.title ?? '').slice(0, 24).replaceAll('\n', ' ');
  const again = window.walked.has(e);
  window.walked.add(e);
  const style = getComputedStyle(e), box = e.getBoundingClientRect(), problems = [];
  if (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 1) problems.push('its focus is not seen');
  const within = (at, most) => Math.min(most - 1, Math.max(0, at));
  const open = [[0.5, 0.5], [0.02, 0.1], [0.98, 0.1], [0.02, 0.9], [0.98, 0.9]].some(([x, y]) => {
    const top = document.elementFromPoint(within(box.left + box.width * x, innerWidth), within(box.top + box.height * y, innerHeight));
    return top && (e.contains(top) || (top.contains(e) && top.localName === 'label'));
  });
  if (box.width < 1 || box.height < 1) problems.push('it has no size');
  else if (!open) problems.push('something else covers it');
  return { name, again, problem: problems.join(', ') };
})()`

// notReached returns what a pointer can use and the keyboard has not come to. One of
// the tabs of a list is enough: the arrows go to the others. What stands in a row has a key of the list.
const notReached = `[...document.querySelectorAll('%s :is(button, input, select, a[href], [tabindex="0"])')]
  .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.disabled && e.role !== 'tab' && e.tabIndex >= 0 && !window.walked.has(e))
  .map((e) => e.outerHTML.slice(0, 100))`

// walk goes through the page with Tab alone until it comes round, and returns what is wrong on the way.
func walk(t *testing.T, ctx context.Context, within string) (names, problems []string) {
	t.Helper()
	evaluate[bool](t, ctx, `window.walked = new Set(), true`)
	for range 200 {
		if err := chromedp.Do(ctx, chromedp.KeyEvent("\t")); err != nil {
			t.Fatal(err)
		}
		s := evaluate[stop](t, ctx, tellStop)
		if s.Again {
			break
		}
		if s.Name == "" { // from the last element the browser goes to the document, and on to the first
			continue
		}
		names = append(names, s.Name)
		if s.Problem != "" {
			problems = append(problems, s.Name+": "+s.Problem)
		}
	}
	for _, one := range evaluate[[]string](t, ctx, fmt.Sprintf(notReached, within)) {
		problems = append(problems, "Tab never comes to "+one)
	}
	return names, problems
}

// media emulates media features of the page, named and valued in turn.
func media(t *testing.T, ctx context.Context, features ...string) {
	t.Helper()
	var p emulation.SetEmulatedMediaParams
	for i := 0; i < len(features); i += 2 {
		p.Features = append(p.Features, &emulation.MediaFeature{Name: features[i], Value: features[i+1]})
	}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, p); err != nil {
		t.Fatal(err)
	}
}

// check holds a state of the page to axe-core's rules, its colours in the dark and in high
// contrast as well, and to a walk with the keyboard alone within an element.
func check(t *testing.T, ctx context.Context, axe, within string) {
	t.Helper()
	evaluate[bool](t, ctx, axe+`;true`)
	within = cmp.Or(within, "html")
	names, problems := walk(t, ctx, within)
	t.Logf("%d stops: %s", len(names), strings.Join(names, " | "))
	problems = append(problems, axeProblems(t, ctx, within)...)
	for _, colours := range [][]string{{"prefers-color-scheme", "dark"}, {"prefers-color-scheme", "dark", "forced-colors", "active"}} {
		media(t, ctx, colours...)
		evaluate[int](t, ctx, `new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(0))))`)
		for _, p := range axeProblems(t, ctx, within, "color-contrast") {
			problems = append(problems, strings.Join(colours, " ")+": "+p)
		}
	}
	media(t, ctx)
	for _, p := range problems {
		t.Error(p)
	}
}

// axeCore returns the script that vendor.sh fetched.
func axeCore(t *testing.T) string {
	t.Helper()
	script, err := os.ReadFile("testdata/lib/axe.js")
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}

// Each state of the page has nothing that axe-core finds, and is used with the keyboard alone.
func TestPageIsAccessible(t *testing.T) {
	axe := axeCore(t)
	store := accessStore(t)
	f := newFront(t, Options{Store: store, Client: &recordingClient{answer: stream.Answer{ID: "1", OK: true}}, Retained: retains("hello_world/lamp", "on", "hello_world/other", `{"a":1}`)})
	for _, p := range poses {
		t.Run(p.name, func(t *testing.T) {
			ctx := chromium(t)
			p.bring(t, ctx, f.URL)
			check(t, ctx, axe, p.within)
		})
	}
	t.Run("telephone", func(t *testing.T) {
		ctx := chromium(t)
		open(t, ctx, f.URL)
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(390, 844)); err != nil {
			t.Fatal(err)
		}
		until(t, ctx, live)
		for i, place := range []string{"stream", "senders", "topics", "charts"} {
			evaluate[bool](t, ctx, fmt.Sprintf(`document.querySelectorAll('#places button')[%d].click(), true`, i))
			until(t, ctx, fmt.Sprintf(`document.querySelector('#places [aria-current]').innerText === %q`, place))
			t.Run(place, func(t *testing.T) { check(t, ctx, axe, "") })
		}
	})
	t.Run("connection lost", func(t *testing.T) {
		ctx := chromium(t)
		open(t, ctx, f.URL)
		until(t, ctx, live)
		f.cut(true)
		until(t, ctx, `document.querySelector('#banner').innerText.includes('cannot be reached')`)
		check(t, ctx, axe, "")
		f.cut(false)
	})
	t.Run("empty", func(t *testing.T) {
		ctx := chromium(t)
		open(t, ctx, serve(t, Options{Store: newStore(t)}))
		until(t, ctx, live+` && !document.querySelector('#list .empty').hidden`)
		check(t, ctx, axe, "")
	})
}

// The login page is held to the same.
func TestPageLoginIsAccessible(t *testing.T) {
	g := serveGuarded(t, Options{Store: newStore(t)}, "127.0.0.1:0")
	ctx := chromium(t, chromedp.Flag("ignore-certificate-errors", true))
	open(t, ctx, g.address+"/login#WRONG")
	until(t, ctx, `document.querySelector('#words').innerText.startsWith('this code is not valid')`)
	check(t, ctx, axeCore(t), "")
}

// What a screen reader reads of the list is its header, and then the rows in their order.
func TestPageListIsRead(t *testing.T) {
	store := newStore(t)
	store.put(t, hellos(200)...)
	ctx := chromium(t)
	open(t, ctx, serve(t, Options{Store: store}))
	until(t, ctx, live)
	evaluate[bool](t, ctx, `document.querySelector('#list .rows').scrollTop -= 700, true`)
	var read string
	defer func() {
		if t.Failed() {
			t.Log(read)
		}
	}()
	eventually(t, "the rows in their order", func() bool {
		tree, err := chromedp.Call(ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		if err != nil {
			t.Fatal(err)
		}
		byID := map[accessibility.NodeID]*accessibility.Node{}
		for _, n := range tree.Nodes {
			byID[n.NodeID] = n
		}
		var words []string
		var walk func(n *accessibility.Node, in bool)
		walk = func(n *accessibility.Node, in bool) {
			role := valueOf(n.Role)
			in = in || role == "grid"
			if in && (role == "columnheader" || role == "gridcell") {
				words = append(words, valueOf(n.Name))
			}
			for _, id := range n.ChildIDs {
				if child := byID[id]; child != nil {
					walk(child, in)
				}
			}
		}
		walk(tree.Nodes[0], false)
		read = strings.Join(words, "|")
		last, rows := 0, 0
		for _, w := range words {
			var seq int
			if n, _ := fmt.Sscanf(w, "Hello %d", &seq); n == 1 {
				if rows++; seq <= last {
					return false
				}
				last = seq
			}
		}
		return rows > 20 && strings.HasPrefix(read, "time|sender|topic|text|Δ|Δ any|latency|")
	})
}

// valueOf returns a text of the accessibility tree; none is "".
func valueOf(v *accessibility.Value) (text string) {
	if v != nil {
		_ = json.Unmarshal(v.Value, &text) // what is no text is not asked for
	}
	return text
}
