package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/muesli/termenv"
	"pgregory.net/rapid"

	"hellox/history"
	"hellox/stream"
	"hellox/tui/source"
)

// unsafe tells whether a terminal or an eye may be led astray by r.
func unsafe(r rune) bool {
	return r < 0x20 || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp)
}

// corpus are texts that obeying terminals, joining glyphs or endless lines make
// dangerous.
func corpus() []string {
	var all []string
	bodies := []string{
		"[2J", "[H", "[31m", "[?1049l", "[?1000h", "[?25l", "[6n", "[c", "[>c", "[5n", "[21t", "[999999999C", "[1;1r", "[4h", "[?2004h", "[3J", "[!p",
		"]0;owned", "]2;owned", "]4;1;rgb:ff/00/00", "]8;;http://evil.example", "]10;?", "]11;?", "]52;c;ZXZpbA==", "]133;A", "]1337;File=inline=1:AAAA", "]50;font", "]777;notify;a;b", "]9;4;1;50",
		"P+q544e", "P$q\"p", "Ptmux;\x1b\x1b]0;x\x07", "_Gf=24;AAAA", "^private", "Xstring",
		"c", "7", "8", "D", "M", "E", "H", "N", "O", "Z", "=", ">", "#8", "(0", ")B", "%G", "n", "o", "|", "}", "~",
	}
	for _, b := range bodies {
		all = append(all, "\x1b"+b, "\x1b"+b+"\x07", "\x1b"+b+"\x1b\\", "text \x1b"+b+"\u009c text")
	}
	for c := rune(0); c < 0x20; c++ {
		all = append(all, "a"+string(c)+"b")
	}
	for c := rune(0x7f); c <= 0x9f; c++ { // C1 as UTF-8, and as bare bytes
		all = append(all, "a"+string(c)+"b", "a"+string([]byte{byte(c)})+"2Jb")
	}
	for _, r := range []rune{0x61c, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202d, 0x202e, 0x2060, 0x2066, 0x2069, 0xfeff, 0xfff9, 0xad, 0x34f, 0x115f, 0x3164, 0xe0001, 0xe0041, 0xe007f, 0xe000, 0xf0000, 0x378, 0xfe0f, 0x1f3fb} {
		all = append(all, "a"+string(r)+"b", string(r), strings.Repeat(string(r), 40))
	}
	return append(all,
		"", " ", "\xff\xfe\xfd", "\xc3", "\xe2\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
		"Z"+strings.Repeat("\u0301", 500)+"algo", strings.Repeat("\u0301", 3), "日本語のとても長い名前がここに立っています",
		"👩‍👩‍👧‍👦 family", "🇩🇪🇫🇷", "✈️", "e\u0301 é", "नमस्ते", "ﷺﷺﷺ", "\u0e33\u0e33", strings.Repeat("長", 1<<18), strings.Repeat("x", 1<<20),
		strings.Repeat("\x1b[31m", 1000), "line\nline\r\nline\ttab", "[31m without its escape",
	)
}

// hostile is a store in which every field that the network fills holds s.
func hostile(s string) *memory {
	store := newMemory()
	store.stats.Link = stream.Link{State: stream.Retrying, Retry: at.Add(time.Minute), Cause: s}
	store.stats.Degraded = s
	m := hello(s, 1, at, time.Second, time.Millisecond)
	m.Text, m.Topic, m.Color, m.Boot, m.Missed, m.Retained, m.Reordered = s, "hello_world/"+s, s, s, 2, true, true
	store.say(m, stream.Message{Topic: s, Sender: s, Payload: []byte(s), Received: at, Delta: stream.None, DeltaAny: stream.None, Latency: stream.None})
	store.senders = []stream.Sender{{Sender: s, Ours: true, State: stream.State(s), Color: s, Pod: s, LastSeen: at}}
	store.intervals = []history.Intervals{{Sender: s, StepMS: 1, Counts: []uint64{1, 2}}}
	return store
}

// hostileScreens shows s in every place there is, in every third scene from one
// on, and checks each frame.
func hostileScreens(t *testing.T, s string, first, w, h int) {
	for i := first % 3; i < len(scenes); i += 3 {
		scene := scenes[i]
		sc := open(t, hostile(s), termenv.TrueColor, w, h, acting, func(o *Options) { o.Title = s })
		scene.get(sc)
		sc.poll()
		fits(t, sc.m.View(), w, h)
		sc.send(source.ActedMsg{Text: s})
		fits(t, sc.m.View(), w, h)
		sc.send(source.ActedMsg{Err: fmt.Errorf("publish to %s: %w", s, errHostile(s))})
		sc.send(source.EventsMsg{Gen: sc.m.shared.gen, Events: []history.Event{{Link: &stream.Link{State: stream.Retrying, Cause: s}}}})
		fits(t, sc.m.View(), w, h)
		sc.m.notice = notice{}
		sc.send(source.TickMsg{})
		fits(t, sc.m.View(), w, h)
		if t.Failed() {
			t.Fatalf("in scene %s at %dx%d with %.100q", scene.name, w, h, s)
		}
	}
}

type errHostile string

func (e errHostile) Error() string { return string(e) }

// TestNothingHostileReachesTheScreen puts each of the corpus into every field.
func TestNothingHostileReachesTheScreen(t *testing.T) {
	all := corpus()
	if len(all) < 200 {
		t.Fatalf("the corpus has %d texts, want at least 200", len(all))
	}
	sizes := []struct{ w, h int }{{80, 24}, {160, 50}, {59, 14}, {120, 40}}
	for i, s := range all {
		hostileScreens(t, s, i, sizes[i%4].w, sizes[i%4].h)
	}
}

// TestNoFrameIsTooWide tries any text in any size.
func TestNoFrameIsTooWide(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.SampledFrom(corpus()), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(r, "text")
		hostileScreens(t, s, rapid.IntRange(0, 2).Draw(r, "scene"), rapid.IntRange(1, 200).Draw(r, "width"), rapid.IntRange(1, 60).Draw(r, "height"))
	})
}

// TestNothingHostileReachesALine does the same for lines.
func TestNothingHostileReachesALine(t *testing.T) {
	for _, s := range corpus() {
		for _, asJSON := range []bool{false, true} {
			store := hostile(s)
			store.add(history.Event{Link: &stream.Link{State: stream.Retrying, Cause: s}})
			store.say(hello("press-1", 1, at, time.Second, 0))
			var out strings.Builder
			o := LineOptions{Store: store, Since: at.Add(-time.Hour), JSON: asJSON, Color: true, Count: 3, Out: &out, Err: &out, Now: now}
			if n, err := Lines(t.Context(), o); n != 3 || err != nil {
				t.Fatalf("Lines = %d, %v", n, err)
			}
			for _, l := range strings.Split(bare(out.String()), "\n") {
				if at := strings.IndexFunc(l, unsafe); at >= 0 {
					t.Fatalf("json %v: %.100q reaches the line as %.300q", asJSON, s, l)
				}
			}
		}
	}
}
