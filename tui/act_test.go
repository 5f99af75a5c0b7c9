package tui

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/google/go-cmp/cmp"
	"github.com/muesli/termenv"

	"hellox/stream"
	"hellox/stream/filter"
	"hellox/tui/source"
)

// actor is a Client that notes what it is asked to do.
type actor struct {
	published []string
	asked     []stream.Command
	fails     error
	retained  map[string]string
}

func (a *actor) Publish(_ context.Context, topic string, payload []byte, qos byte, retain bool) error {
	if retain {
		topic += " (retained)"
	}
	a.published = append(a.published, topic+" "+string(payload)+" "+string('0'+rune(qos)))
	return a.fails
}

func (a *actor) Ask(_ context.Context, id string, c stream.Command) (stream.Answer, time.Duration, error) {
	a.asked = append(a.asked, c)
	return stream.Answer{OK: true, State: stream.Mode{Min: time.Second, Max: 3 * time.Second}}, 4200 * time.Microsecond, a.fails
}

func (a *actor) Retained(_ context.Context, topic string) ([]byte, int, error) {
	return []byte(a.retained[topic]), len(a.retained[topic]), a.fails
}

func acting(o *Options) { o.Client = &actor{} }

// act presses enter and runs what it leads to.
func (s *screen) act() {
	next, cmd := s.m.press(tea.KeyMsg{Type: tea.KeyEnter})
	s.m = next.arrange()
	if cmd != nil {
		s.send(cmd())
	}
}

func TestPublish(t *testing.T) {
	a := &actor{}
	s := open(t, plant(), termenv.Ascii, 80, 24, func(o *Options) { o.Client = a })
	s.press("p", "Hello all", "tab", "2", "tab", " ")
	s.act()
	s.shows("✓ published to hello_world/publish in")
	s.press("tab", "#") // of a message that has arrived
	s.act()
	s.shows("✗ topic \"hello_world/publish#\" has a wildcard")
	a.fails = errors.New("not authorized")
	s.press("esc", "p", "not lost")
	s.act()
	s.shows("✗ publish to hello_world/publish: not authorized", "text     not lost")
	a.published = a.published[:1]
	s.press("esc", "2", "j", "j", "j", "p", "again")
	s.act()
	s.shows("✗ publish to hello_world/broadcast/press-2: not authorized")
	want := []string{"hello_world/publish (retained) Hello all 2", "hello_world/broadcast/press-2 again 1"}
	if diff := cmp.Diff(want, a.published); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
}

func TestTell(t *testing.T) {
	a := &actor{}
	s := open(t, plant(), termenv.Ascii, 80, 24, func(o *Options) { o.Client = a })
	s.press("t", "interval 1s 3s")
	s.shows("tell press-1: interval 1s 3s")
	s.act()
	s.shows("✓ press-1 answered in 4.2 ms: a message every 1s to 3s")
	s.press("esc", "t", "say Hi  there")
	s.act()
	s.shows(`✓ press-1 answered in 4.2 ms: said "Hi  there"; a message every`)
	for _, wrong := range []struct{ line, says string }{
		{"interval 1s", "✗ interval takes the shortest and the longest time"},
		{"interval 1 2", `✗ "1" is no time`},
		{"interval 3s 1s", "is shorter than the shortest"},
		{"pause now", "✗ pause takes nothing behind it"},
		{"dance", `✗ unknown command "dance"`},
		{"say", "✗ say needs a text"},
	} {
		s.press("esc", "t", wrong.line)
		s.act()
		s.shows(wrong.says)
	}
	a.fails = stream.ErrNoAnswer
	s.press("esc", "t", "say Hello  world")
	s.act()
	s.shows("✗ tell press-1 to say: no answer", "tell press-1: say Hello  world")
	want := []stream.Command{{Do: stream.Interval, Min: time.Second, Max: 3 * time.Second}, {Do: stream.Say, Text: "Hi  there"}, {Do: stream.Say, Text: "Hello  world"}}
	if diff := cmp.Diff(want, a.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestWithoutClientThereIsNoKeyToAct(t *testing.T) {
	s := open(t, plant(), termenv.Ascii, 160, 50)
	s.hides("p publish", "t tell")
	s.press("p", "t")
	if s.m.mode != modeBrowse {
		t.Errorf("a form opened: mode %d", s.m.mode)
	}
}

func TestCopy(t *testing.T) {
	var out bytes.Buffer
	s := open(t, plant(), termenv.Ascii, 80, 24, func(o *Options) { o.Out = &out })
	for _, c := range []struct{ key, copied string }{{"t", "hello_world/publish"}, {"p", "\x1b]0;owned\x07 \u202Eevil\x00\xff"}, {"i", "14"}} {
		out.Reset()
		s.press("k", "j", "k", "y")
		s.shows("copy", "t  topic hello_world/publish", "i  ID 14")
		next, cmd := s.m.press(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(c.key)})
		if s.m = next.arrange(); cmd == nil {
			t.Fatalf("%s copies nothing", c.key)
		}
		cmd()
		if want := "\x1b]52;c;" + base64.StdEncoding.EncodeToString([]byte(c.copied)) + "\x07"; out.String() != want {
			t.Errorf("%s writes %q, want %q", c.key, out.String(), want)
		}
		s.press("G")
	}
}

// keeper is a Filters in memory.
type keeper struct {
	all   map[string]string
	fails error
}

func (k *keeper) All() (all []filter.Named, err error) {
	for _, name := range slices.Sorted(maps.Keys(k.all)) {
		all = append(all, filter.Named{Name: name, Expression: k.all[name]})
	}
	return all, nil
}

func (k *keeper) Keep(n filter.Named) error {
	if k.fails == nil {
		k.all[n.Name] = n.Expression
	}
	return k.fails
}

func (k *keeper) Forget(name string) error { delete(k.all, name); return k.fails }

// do presses keys and runs what each leads to.
func (s *screen) do(keys ...tea.KeyMsg) {
	s.t.Helper()
	for _, k := range keys {
		next, cmd := s.m.press(k)
		if s.m = next.arrange(); cmd != nil {
			s.send(cmd())
		}
	}
}

// A filter is kept under a name, applied by it, and forgotten.
func TestNamedFilters(t *testing.T) {
	k := &keeper{all: map[string]string{"hot": "payload.temp>30"}}
	s := open(t, plant(), termenv.Ascii, 120, 24, func(o *Options) { o.Filters = k })
	slash := tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("/")}
	s.do(slash)
	s.shows("@hot payload.temp>30")
	s.press("@h")
	s.shows("tab complete")
	s.press("tab", "enter")
	s.read()
	s.shows("filter: payload.temp>30", "température", "1 stream")
	s.hides("▌press-1")
	s.do(slash, tea.KeyMsg{Type: tea.KeyCtrlU})
	s.press("is:missed")
	s.shows("ctrl+s keep under a name")
	s.do(tea.KeyMsg{Type: tea.KeyCtrlS})
	s.press("gaps")
	s.shows("keep as: @gaps", "a name for is:missed")
	s.do(tea.KeyMsg{Type: tea.KeyEnter})
	s.shows("✓ kept as @gaps")
	if k.all["gaps"] != "is:missed" {
		t.Errorf("%v", k.all)
	}
	s.do(tea.KeyMsg{Type: tea.KeyCtrlU})
	s.press("@gaps")
	s.shows("del forget")
	s.do(tea.KeyMsg{Type: tea.KeyDelete})
	s.shows("✓ forgot @gaps", "filter: is:missed")
	if len(k.all) != 1 {
		t.Errorf("%v", k.all)
	}
	k.fails = errors.New("disk full")
	s.do(tea.KeyMsg{Type: tea.KeyCtrlS}, tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("x")}, tea.KeyMsg{Type: tea.KeyEnter})
	s.shows("✗ disk full", "filter: is:missed")
}

// The menu has what can be done with the row, each with its key; enter takes what is
// marked. The row is held meanwhile.
func TestActionsOfARow(t *testing.T) {
	a := &actor{}
	s := open(t, plant(), termenv.Ascii, 80, 24, func(o *Options) { o.Client = a })
	s.press("a")
	s.shows("message #15 of press-1", "› enter  detail", "s      only this sender", "t      tell", "paused")
	s.hides("pin", "scale", "edit and publish") // what is not possible here
	s.press("down", "down", "enter")
	s.shows("include only", "sender press-1")
	s.press("esc", "a", "t")
	s.shows("tell press-1:")
	s.press("esc", "a", "enter")
	if s.m.mode != modeDetail {
		t.Errorf("enter opened mode %d", s.m.mode)
	}
	s.press("esc", "2", "a")
	s.shows("topic hello_world", "*      pin: list it first", "M      mute: list it last")
	s.press("*")
	if at := s.m.tree.at(); at == nil || !at.Pinned {
		t.Errorf("%+v is not pinned", at)
	}
	s.press("3")
	s.poll()
	s.press("a")
	s.shows("sender press-4", "enter  its messages", "t      tell")
	s.press("esc")
	small := open(t, plant(), termenv.Ascii, 40, 12, func(o *Options) { o.Client = a })
	small.press("a")
	small.shows("↑ ↓ others", "› enter", "paused")
	small.press("down", "down", "down", "down", "down", "down", "down", "down", "down")
	small.shows("› del", "message #15")
	if n := len(small.lines()); n != 12 {
		t.Errorf("%d lines", n)
	}
}

// What is retained is shown before it is cleared, is kept unless the user says
// otherwise, and can be published again.
func TestClearRetained(t *testing.T) {
	a := &actor{retained: map[string]string{"hello_world/plant/日本/température": `{"temp":31.5}`}}
	s := open(t, plant(), termenv.Ascii, 80, 24, func(o *Options) { o.Client = a })
	del, enter := tea.KeyMsg{Type: tea.KeyDelete}, tea.KeyMsg{Type: tea.KeyEnter}
	s.do(del)
	s.shows("hello_world/broadcast/press-1 retains nothing")
	s.press("k", "k")
	s.do(del)
	s.shows(`hello_world/plant/日本/température retains 13 B: {"temp":31.5}`, "› k  keep it", "  c  clear it")
	s.do(enter)
	if len(a.published) > 0 {
		t.Fatalf("published %v", a.published)
	}
	s.do(del)
	s.do(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("c")})
	s.shows("✓ cleared hello_world/plant/日本/température; ctrl+p in publish brings it")
	s.press("p")
	s.do(tea.KeyMsg{Type: tea.KeyCtrlP}, enter)
	want := []string{"hello_world/plant/日本/température (retained)  1", `hello_world/plant/日本/température (retained) {"temp":31.5} 1`}
	if diff := cmp.Diff(want, a.published); diff != "" {
		t.Errorf("published (-want +got):\n%s", diff)
	}
	a.fails = errors.New("not authorized")
	s.press("esc")
	s.do(del)
	s.shows("✗ read what hello_world/plant/日本/température retains: not", "authorized")
	s.press("2", "j")
	s.hides("del clear") // a branch has no message of its own
}

// Broadcasters are scaled where that is possible; what went wrong is said, and the
// number is there again.
func TestScale(t *testing.T) {
	var asked []int
	fails := error(nil)
	s := open(t, plant(), termenv.Ascii, 80, 24, func(o *Options) {
		o.Scale = func(_ context.Context, n int) error { asked = append(asked, n); return fails }
	})
	enter := tea.KeyMsg{Type: tea.KeyEnter}
	s.press("=")
	s.shows("broadcasters:", "a later hellox up keeps it")
	s.press("x", "enter")
	s.shows(`✗ scale takes a number of broadcasters, not "x"`)
	s.press("backspace", "5")
	s.do(enter)
	s.shows("✓ scaled to 5 broadcasters in")
	fails = errors.New("scale kind-hellox: the cluster is away")
	s.press("=")
	s.do(enter)
	s.shows("✗ scale kind-hellox: the cluster is away")
	if !slices.Equal(asked, []int{5, 5}) {
		t.Errorf("scaled to %v", asked)
	}
}

// What was left in the editor is the text, also if it does not fit into a line; where
// the editor fails the text stays.
func TestEditedText(t *testing.T) {
	a := &actor{}
	s := open(t, plant(), termenv.Ascii, 80, 24, func(o *Options) { o.Client = a })
	s.m.shared.editor = &source.Editor{Command: "ed"}
	s.press("p", "Hello")
	s.shows("ctrl+e edit in $EDITOR")
	if _, cmd := s.m.press(tea.KeyMsg{Type: tea.KeyCtrlE}); cmd == nil {
		t.Fatal("ctrl+e does nothing")
	}
	s.send(source.EditedMsg{Err: errors.New("edit the payload with ed: exit status 1")})
	s.shows("✗ edit the payload with ed: exit status 1", "text     Hello")
	s.send(source.EditedMsg{Text: "{\n \"a\": 1,\n}\n"})
	s.shows("text     3 lines, 13 B: {⏎", "✗ not JSON from line 3, column 1 on")
	s.press("x")
	s.shows("✗ the text does not fit into a line: ctrl+e edits it, ctrl+u")
	s.act()
	if want := []string{"hello_world/publish {\n \"a\": 1,\n}\n 1"}; !slices.Equal(a.published, want) {
		t.Errorf("published %q", a.published)
	}
	s.press("esc", "k")
	next, cmd := s.m.press(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("e")})
	if s.m = next.arrange(); cmd == nil {
		t.Fatal("e does nothing")
	}
	s.shows("topic    hello_world/publish", "text     1 line, 20 B: ")
	s.send(tea.WindowSizeMsg{Width: 40, Height: 12})
	s.shows("enter send", "esc close") // the first and the last key of a form
}
