package tui

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/muesli/termenv"

	"hellox/history"
	"hellox/stream"
	"hellox/tui/source"
	"hellox/tui/tuitest"
)

// payloads is a store with payloads to work with.
func payloads() *tuitest.Store {
	s := tuitest.NewStore()
	s.Totals.Link = stream.Link{State: stream.Connected}
	say := func(n int, topic string, payload []byte) {
		s.Say(stream.Message{Topic: topic, Sender: topic, Payload: payload, Received: tuitest.At.Add(time.Duration(n) * time.Second), Delta: time.Second, DeltaAny: time.Second, Latency: stream.None})
	}
	for n := range 12 {
		say(n, "plant/sensor", fmt.Appendf(nil, `{"serial":17244426185692037%02d,"temp":%d.50,"on":%t,"items":[{"id":7,"unit":"mm"},{"id":%d,"unit":"°C"}],"params":{"switch:0":{"note":"k\u00fcche"},"empty":{}}}`,
			n, 20+n*n%7, n%2 == 0, n))
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write([]byte(`{"temp":21.5,"items":[1,2]}`))
	_ = w.Close()
	picture, _ := base64.StdEncoding.DecodeString("iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAIAAAA2iEnWAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg==")
	say(12, "plant/cbor", []byte{0xa2, 0x64, 't', 'e', 'm', 'p', 0x1b, 0x17, 0xee, 0x73, 0x6c, 0xd3, 0x5c, 0xa0, 0x02, 0x62, 'o', 'n', 0xf5})
	say(13, "plant/gzip", zipped.Bytes())
	say(14, "plant/picture", picture)
	return s
}

// payloadScenes are screens with a payload in full.
var payloadScenes = []scene{
	{"value", func(s *screen) { s.choose("plant/sensor", "down", "down", "down") }},
	{"folded", func(s *screen) { s.choose("plant/sensor", "down", "down", "down", "down", "down", "left") }},
	{"graph", func(s *screen) { s.choose("plant/sensor", "down", "down", "down", "v") }},
	{"changes", func(s *screen) { s.choose("plant/sensor", "d") }},
	{"decoded", func(s *screen) { s.choose("plant/gzip", "down", "down") }},
	{"picture", func(s *screen) { s.choose("plant/picture") }},
	{"copy", func(s *screen) { s.choose("plant/sensor", "down", "down", "y") }},
}

func TestPayloadFrames(t *testing.T) { hold(t, payloads, payloadScenes) }

// choose opens the newest message of a topic and presses keys. Of a store without it
// the first message.
func (s *screen) choose(topic string, keys ...string) {
	s.press("G", " ")
	for range len(s.m.list.items) {
		if s.m.list.current().Topic == topic {
			break
		}
		s.press("up")
	}
	s.press("enter")
	s.answer()
	s.press(keys...)
	s.answer()
}

// answer runs what the detail asks for.
func (s *screen) answer() {
	for range 4 {
		cmd := s.m.detail.question()
		if _, wanted := s.m.detail.Graphs(); wanted && cmd == nil {
			cmd = s.m.detail.numbers()
		}
		if cmd == nil {
			return
		}
		s.send(cmd())
	}
}

func TestValuesAreChosenAndFold(t *testing.T) {
	s := open(t, payloads(), termenv.Ascii, 80, 40)
	s.choose("plant/sensor")
	s.hides("f filter on this value")
	s.press("down", "down")
	s.shows("payload.serial", "f filter on this value", "v graph")
	s.press("down", "down", "down", "right", "right", "down")
	s.shows("payload.items[0].unit")
	s.press("left") // to what it is in
	s.shows("payload.items[0] ")
	s.press("left", "left", "left")
	s.shows(`▸ "items": [ ⋯ 9 lines,`, "payload.items ")
	s.hides(`"unit": "mm"`)
	s.press("enter")
	s.shows(`▾ "items": [`, `▸ { ⋯ 3 lines,`, `"unit": "°C"`)
	s.press("end")
	s.shows(`payload.params.empty`)
	s.press("up", "up", "up")
	s.shows(`payload.params `)
	s.press("right", "down", "up", "down", "right")
	s.shows(`payload.params."switch:0".note`, `"note": "küche"`)

	// What is folded and chosen stays so in the topic's other messages.
	s.press("home", "left")
	s.shows("▸ { ⋯ 20 lines", "#12")
	s.press("k")
	s.shows("▸ { ⋯ 20 lines", "#11")
	s.press("enter")
	s.shows(`"id": 10`, `▸ { ⋯ 3 lines,`)
	s.press("esc")
	s.hides(`"temp"`, "payload.")
}

func TestTheMouseChoosesAndFolds(t *testing.T) {
	var out bytes.Buffer
	s := open(t, payloads(), termenv.Ascii, 130, 40, func(o *Options) { o.Out = &out })
	for range 4 {
		s.press("up")
	}
	click := func(words string) {
		t.Helper()
		for y, l := range s.lines() {
			if x := strings.Index(l, words); x >= 0 {
				s.send(tea.MouseMsg{X: len([]rune(l[:x])), Y: y, Button: tea.MouseButtonLeft, Action: tea.MouseActionPress})
				s.send(tea.MouseMsg{Action: tea.MouseActionRelease})
				return
			}
		}
		t.Fatalf("%s is not on the screen:\n%s", words, strings.Join(s.lines(), "\n"))
	}
	click("▾ \"items\"") // beside the list
	s.shows(`▸ "items": [ ⋯ 9 lines,`, "payload.items", "paused")
	s.press("enter")
	click("▸ \"items\"")
	s.shows(`▾ "items": [`)
	s.send(tea.MouseMsg{Button: tea.MouseButtonWheelDown})
	next, cmd := s.m.clickDetail(8, s.m.layout.top()+13-1)
	if s.m = next; cmd == nil {
		t.Fatal("a click on a name copies nothing")
	}
	cmd()
	if got := copied(t, &out); !strings.HasPrefix(got, "payload.") {
		t.Errorf("%q is copied", got)
	}
}

// copied returns what was copied to the terminal out last.
func copied(t *testing.T, out *bytes.Buffer) string {
	t.Helper()
	_, after, _ := strings.Cut(out.String(), "\x1b]52;c;")
	encoded, _, ok := strings.Cut(after, "\x07")
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !ok {
		t.Errorf("%q was written", out)
	}
	out.Reset()
	return string(text)
}

func TestValuesAreCopied(t *testing.T) {
	var out bytes.Buffer
	s := open(t, payloads(), termenv.Ascii, 100, 40, func(o *Options) { o.Out, o.Page = &out, "http://127.0.0.1:8420" })
	s.choose("plant/sensor", "down", "down")
	for _, c := range []struct{ key, want string }{
		{"a", "payload.serial"}, {"v", "1724442618569203711"}, {"t", "plant/sensor"}, {"i", "12"},
		{"l", "http://127.0.0.1:8420/?at=12&id=12"}, {"p", string(payloads().Stored[11].Payload)},
	} {
		s.press("y")
		s.shows("copy", "payload.serial")
		next, cmd := s.m.pressOne(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(c.key)})
		s.m = next.arrange()
		if cmd == nil {
			t.Fatalf("%s copies nothing", c.key)
		}
		cmd()
		if got := copied(t, &out); got != c.want {
			t.Errorf("%s copies %q, want %q", c.key, got, c.want)
		}
		s.shows("esc back", "payload.serial") // the message is still there
	}
	s.m.shared.tmux = true
	s.press("end", "up", "y")
	next, cmd := s.m.pressOne(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{'v'}})
	s.m = next
	cmd()
	if through := "\x1bPtmux;\x1b\x1b]52;c;a8O8Y2hl\x07\x1b\\"; !strings.HasSuffix(out.String(), "\x07"+through) {
		t.Errorf("in tmux %q is written", &out)
	}
	if got := copied(t, &out); got != "küche" {
		t.Errorf("%q is copied", got)
	}
}

func TestAFilterOnAValue(t *testing.T) {
	s := open(t, payloads(), termenv.Ascii, 80, 40)
	s.choose("plant/sensor", "down", "down")
	s.press("f")
	s.read()
	s.shows("payload.serial=1724442618569203711", "shown 1 ")
	s.choose("plant/sensor", "f") // it is there, and still chosen: it is taken away
	s.read()
	s.shows("filter: (none)")

	s.choose("plant/sensor", "end", "up", "f")
	s.read()
	s.shows(`payload.params."switch:0".note="küch…`, "shown 12 ")
	s.press("esc")
	s.read()
	s.choose("plant/sensor", "home", "down", "down", "esc", "-")
	s.shows("v  value  payload.temp=22.50")
	s.press("v")
	s.read()
	s.shows("not payload.temp=22.50")
}

func TestAGraphOfANumber(t *testing.T) {
	s := open(t, payloads(), termenv.Ascii, 80, 40)
	s.choose("plant/sensor", "down", "down", "v")
	s.shows("payload.serial: 12 numbers, 14:02:31 to 14:02:42", " 1724442618569203711", " 1724442618569203700", "⡠")
	rows := s.lines()
	if top, bottom := strings.Count(strings.Join(rows, ""), "1724442618569203711"), strings.Count(strings.Join(rows, ""), "1724442618569203700"); top != 2 || bottom != 1 {
		t.Errorf("numbers that binary ones do not tell apart are drawn as one:\n%s", strings.Join(rows, "\n"))
	}
	s.press("k") // another message is marked, the numbers stay
	if _, wanted := s.m.detail.Graphs(); wanted {
		t.Error("the same numbers are read again")
	}
	s.shows("payload.serial: 12 numbers", "#11")
	s.press("down", "v")
	s.answer()
	s.shows("payload.temp: 12 numbers", "24.50", "20.50")
	s.press("v")
	s.hides("12 numbers")
	s.press("down", "v") // true is no number
	s.hides("numbers")
	s.press("esc")

	store := tuitest.NewStore()
	store.Say(stream.Message{Topic: "a", Sender: "a", Payload: []byte("21.5"), Received: tuitest.At})
	s = open(t, store, termenv.Ascii, 80, 24)
	s.choose("a", "down", "v")
	s.shows("payload: fewer than two numbers in the newest 1 message of this sender")
	store.Say(stream.Message{Topic: "a", Sender: "a", Payload: []byte("1e999999999"), Received: tuitest.At.Add(time.Second)}, stream.Message{Topic: "a", Sender: "a", Payload: []byte("-3"), Received: tuitest.At.Add(time.Second)})
	s.follow()
	s.press("j", "j")
	s.answer()
	s.shows("payload: 2 numbers", "21.5", "-3")
}

// Esc is a step back: at first the graph goes, then the message.
func TestEscClosesTheGraphFirst(t *testing.T) {
	s := open(t, payloads(), termenv.Ascii, 80, 40)
	s.choose("plant/sensor", "down", "down", "v")
	s.shows("12 numbers")
	s.press("esc")
	s.hides("12 numbers")
	s.shows("payload.serial")
	s.press("esc")
	s.hides("payload.serial")
	s.press("enter")
	s.answer()
	s.shows("payload.serial")
	s.hides("12 numbers")
}

// A value is offered only for the message in which it was chosen.
func TestAChosenValueIsOfItsMessage(t *testing.T) {
	s := open(t, payloads(), termenv.Ascii, 80, 24)
	s.choose("plant/sensor", "down", "down", "esc", "y")
	s.shows("path payload.serial")
	s.press("esc")
	for _, move := range []string{"k", "G"} { // another message of the topic, and another topic
		s.press(move)
		for _, menu := range []string{"y", "+", "-"} {
			s.press(menu)
			s.shows("topic ")
			s.hides("payload.serial", "  value")
			s.press("esc")
		}
	}
}

// A key about the payload that does nothing now says why.
func TestKeysSayWhatTheyNeed(t *testing.T) {
	s := open(t, payloads(), termenv.Ascii, 80, 24)
	s.press("G", " ")
	for _, k := range []string{"x", "d", "v"} {
		s.m.notice = notice{}
		s.press(k)
		s.shows("x, d and v are for the message in full: press enter first")
	}
	s.press("3", "x")
	s.shows("x, d and v are for a message: select one and press enter")
	s.press("1")
	s.choose("plant/sensor", "v")
	s.shows("v draws a number: choose one with ↑ ↓")
	s.press("f")
	s.shows("f filters on a value: choose one with ↑ ↓")
	s.press("d", "v")
	s.answer()
	s.shows("v draws a number of a JSON payload: it is chosen in the view as JSON (x)")
	s = open(t, payloads(), termenv.Ascii, 160, 50)
	s.press("G", " ", "v")
	s.shows("v draws a number: press enter and choose one with ↑ ↓")
}

func TestWhatHasChanged(t *testing.T) {
	s := open(t, payloads(), termenv.Ascii, 80, 40)
	s.choose("plant/sensor")
	s.press("d")
	s.shows("changes", "…")
	s.answer()
	s.shows("since #11, 1.000 s before", "~ payload.serial 1724442618569203710 → 1724442618569203711 (+1)", "~ payload.on true → false", "~ payload.items[1].id 10 → 11 (+1)")
	s.press("k")
	s.answer()
	s.shows("since #10,", "(+1)")
	s.press("d", "down", "down")
	s.shows(`"temp": 22.50`, "payload.serial")
	s.press("d")
	s.hides("f filter on this value")
	s.press("d")
	s.shows("payload.serial", "f filter on this value") // the same value
	s.press("x", "x")
	s.shows("hex")
	s.press("x")
	s.shows("changes")
	s.press("esc", ":", "#1", "enter")
	s.read()
	s.press("enter")
	s.answer()
	s.shows("no earlier message of this sender is stored")
}

func TestPayloadsAreDecoded(t *testing.T) {
	s := open(t, payloads(), termenv.Ascii, 80, 40)
	s.choose("plant/cbor", "down", "down")
	s.shows("CBOR", `"temp": 1724442618569203714`, "payload.temp")
	s.hides("f filter on this value", "v graph") // they see payloads as they came
	s.press("x")
	s.shows("hex", "74 65 6d 70")
	s.press("d", "d", "esc")
	s.choose("plant/gzip")
	s.shows("gzip", `"temp": 21.5`, `▾ "items": [`)
	s.press("esc")
	s.choose("plant/picture")
	s.shows("image/png, 2 × 3 pixels")
}

// hostilePayloads are payloads that could break a frame, or delay a key.
func hostilePayloads() map[string]string {
	return map[string]string{
		"deep":       strings.Repeat("[", 9999) + "1" + strings.Repeat("]", 9999),
		"deep names": strings.Repeat(`{"a":{"b":`, 4000) + "1" + strings.Repeat("}}", 4000),
		"flat":       "[" + strings.Repeat("1.5,", 5<<18) + "1]",
		"objects":    "[" + strings.Repeat(`{"id":1724442618569203714,"room":"k\u00fcche"},`, 100_000) + "1]",
		"one text":   `["` + strings.Repeat(`\u00fc`, 1<<20) + `"]`,
		"one name":   `{"` + strings.Repeat("n", 4<<20) + `":1}`,
		"twice":      "{" + strings.Repeat(`"a":1,`, 1000) + `"a":2}`,
		"signs":      "{\"\u202e\x7f👋🏽नमस्ते\":\"\u0301\u0301\u0301\u0301\u0301\u0301\",\"\\u0000\":[[[\"\\ud800\"]]],\"\":{\"\":null}}",
		"damaged":    `{"a":[1,2,{"b":` + strings.Repeat("[", 50),
		"wrong":      `[[[1}]]`,
		"number":     "[" + strings.Repeat("9", 1<<20) + "]",
		"binary":     "\xff" + strings.Repeat("\x00", 1<<20),
	}
}

// work presses all keys of the detail, and checks each frame.
func work(t *testing.T, j *judge, payload string, w, h int) {
	store := tuitest.NewStore()
	for n := range 2 {
		store.Say(stream.Message{Topic: "a", Sender: "a", Payload: []byte(payload), Received: tuitest.At.Add(time.Duration(n) * time.Second)})
	}
	s := open(t, store, termenv.TrueColor, w, h)
	s.choose("a")
	for _, key := range []string{
		"down", "down", "right", "down", "left", "left", "enter", "enter", "v", "down", "y", "esc", "pgdown", "end", "left", "up", "left", "home", "left", "right",
		"x", "down", "x", "pgdown", "d", "down", "d", "k", "down", "enter", "j",
	} {
		began := time.Now()
		s.press(key)
		frame := s.m.View()
		if took := time.Since(began); took > 30*time.Second { // a hang guard: the bound is measured by bench
			t.Errorf("%s took %s", key, took)
		}
		fits(t, frame, w, h)
		j.whole(t, frame, w, h)
		s.answer()
		frame = s.m.View()
		fits(t, frame, w, h)
		if j.whole(t, frame, w, h); t.Failed() {
			t.Fatalf("after %s at %dx%d", key, w, h)
		}
	}
}

func TestHostilePayloadsAreWorkedWith(t *testing.T) {
	sizes := []struct{ w, h int }{{80, 24}, {40, 12}, {200, 60}, {12, 4}}
	j := newJudge(t)
	i := 0
	for name, payload := range hostilePayloads() {
		size := sizes[i%len(sizes)]
		i++
		t.Run(fmt.Sprintf("%s-%dx%d", name, size.w, size.h), func(t *testing.T) { work(t, j, payload, size.w, size.h) })
	}
}

// BenchmarkPayloadKeys presses keys on large payloads, and reports how long the slowest
// took until its frame was made.
func BenchmarkPayloadKeys(b *testing.B) {
	for name, payload := range hostilePayloads() {
		b.Run(name, func(b *testing.B) {
			store := tuitest.NewStore()
			store.Say(stream.Message{Topic: "a", Sender: "a", Payload: []byte(payload), Received: tuitest.At})
			s := open(b, store, termenv.TrueColor, 120, 40)
			s.choose("a")
			slowest, which := time.Duration(0), ""
			for b.Loop() {
				for _, key := range []string{"down", "right", "down", "left", "left", "left", "enter", "end", "up", "pgup", "home", "left", "right", "x", "x", "d", "d"} {
					began := time.Now()
					s.press(key)
					_ = s.m.View()
					if took := time.Since(began); took > slowest {
						slowest, which = took, key
					}
				}
			}
			b.ReportMetric(float64(slowest.Microseconds())/1000, "ms/slowest-key")
			b.Log(which)
		})
	}
}

// FuzzPayload works with any payload. Each frame is painted in tmux, which judges it.
func FuzzPayload(f *testing.F) {
	j := newJudge(f)
	for _, s := range disputed {
		f.Add(fmt.Appendf(nil, "{%q:[%q]} %s", s, s, s), uint8(40), uint8(12))
	}
	for _, payload := range hostilePayloads() {
		if len(payload) < 64<<10 {
			f.Add([]byte(payload), uint8(80), uint8(24))
		}
	}
	f.Fuzz(func(t *testing.T, payload []byte, w, h uint8) {
		work(t, j, string(payload), max(int(w), 1), max(int(h)%64, 1))
	})
}

// A message that was chosen stays in the detail while the stream floods, is not laid
// out anew in vain, and its keys go on.
func TestTheDetailStaysInAFlood(t *testing.T) {
	for _, w := range []int{80, 160} {
		s := open(t, payloads(), termenv.Ascii, w, 40)
		s.choose("plant/sensor", "down", "down")
		if w == 160 {
			s.press("esc") // beside the list
		}
		chosen, _ := s.m.detail.Message()
		all := series(1, 40_000)
		events := make([]history.Event, len(all))
		for i := range all {
			all[i].ID = 1000 + int64(i)
			events[i].Message = &all[i]
		}
		for batch := range slices.Chunk(events, 4000) {
			s.send(source.EventsMsg{Gen: s.m.shared.gen, Events: batch})
			if now, _ := s.m.detail.Message(); now != chosen {
				t.Fatalf("at %d columns the detail shows #%d", w, now.ID)
			}
		}
		s.shows("#12", "payload.serial", "40 000 new (G)")
		msg, size := s.m.subject()
		width := w
		if w == 160 {
			width = s.m.layout.detail
		}
		if n := testing.AllocsPerRun(10, func() { s.m.detail.Show(msg, size, width, s.m.layout.body, s.m.shared.now()) }); n > 0 {
			t.Errorf("at %d columns the same message is laid out anew: %.0f allocations", w, n)
		}
		if w == 80 {
			s.press("down")
			s.shows("payload.temp")
		}
	}
}
