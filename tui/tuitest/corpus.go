package tuitest

import (
	"regexp"
	"strings"
	"time"
	"unicode"

	"hellox/history"
	"hellox/stream"
)

// Unsafe reports whether r may control a terminal or mislead a reader.
func Unsafe(r rune) bool {
	return r < 0x20 || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp)
}

// Corpus returns texts that are dangerous to show: control sequences, joined
// glyphs, endless lines.
func Corpus() []string {
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

// Hostile returns a store in which every field that the network fills holds s.
func Hostile(s string) *Store {
	store := NewStore()
	store.Totals.Link = stream.Link{State: stream.Retrying, Retry: At.Add(time.Minute), Cause: s}
	store.Totals.Degraded = s
	m := Hello(s, 1, At, time.Second, time.Millisecond)
	m.Text, m.Topic, m.Color, m.Boot, m.Missed, m.Retained, m.Reordered = s, "hello_world/"+s, s, s, 2, true, true
	store.Say(m, stream.Message{Topic: s, Sender: s, Payload: []byte(s), Received: At, Delta: stream.None, DeltaAny: stream.None, Latency: stream.None})
	store.Known = []stream.Sender{{Sender: s, Ours: true, State: stream.State(s), Color: s, Pod: &stream.Pod{Name: s, Phase: s, Reason: s}, LastSeen: At}}
	store.Histograms = []history.Intervals{{Sender: s, StepMS: 1, Counts: []uint64{1, 2}}}
	return store
}

// Bare removes the colours from a frame, and what puts the cursor in a column
// (wholeframe). It knows no other sequence, so that any other in the frame is found.
func Bare(frame string) string { return colours.ReplaceAllString(frame, "") }

var colours = regexp.MustCompile("(?m)^\x1b\\[K|\x1b\\[[0-9;]*m|\x1b\\[[0-9]+G")
