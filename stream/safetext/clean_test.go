package safetext

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"
)

func TestClean(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "Hello world", "Hello world"},
		{"empty", "", ""},
		{"scripts", "Grüße 你好 שלום", "Grüße 你好 שלום"},
		{"emoji with its selector", "☀️", "☀️"},
		{"CSI", "\x1b[31mred\x1b[0m", "␛[31mred␛[0m"},
		{"8-bit CSI as UTF-8", "\u009b31m", "‹U+009B›31m"},
		{"8-bit CSI raw", "\x9b31m", "\ufffd31m"},
		{"OSC 52", "\x1b]52;c;cm0gLXJm\x07", "␛]52;c;cm0gLXJm␇"},
		{"OSC 8 ended by ST", "\x1b]8;;http://x\x1b\\y", "␛]8;;http://x␛\\y"},
		{"OSC as C1", "\u009d0;title\u009c", "‹U+009D›0;title‹U+009C›"},
		{"DCS, APC, PM, SOS", "\x1bPq\x1b_a\x1b^p\x1bXs", "␛Pq␛_a␛^p␛Xs"},
		{"reset", "\x1bc", "␛c"},
		{"unterminated", "a\x1b[", "a␛["},
		{"BEL, BS, NUL, DEL", "\a\b\x00\x7f", "␇␈␀␡"},
		{"carriage return", "good\rbad", "good␍bad"},
		{"lines", "a\nb\r\nc", "a⏎b␍⏎c"},
		{"tab", "a\tb", "a    b"},
		{"bidi override", "abc\u202ecba", "abc‹U+202E›cba"},
		{"bidi isolates", "\u2066x\u2069", "‹U+2066›x‹U+2069›"},
		{"Arabic letter mark", "\u061c", "‹U+061C›"},
		{"zero width", "a\u200bb\u200cc\u200dd\ufeff", "a‹U+200B›b‹U+200C›c‹U+200D›d‹U+FEFF›"},
		{"line and paragraph separator", "\u2028\u2029", "‹U+2028›‹U+2029›"},
		{"tags", "\U000e0041", "‹U+E0041›"},
		{"private use", "\ue000", "‹U+E000›"},
		{"unassigned", "\u0378", "‹U+0378›"},
		{"noncharacter", "\U0010ffff", "‹U+10FFFF›"},
		{"letters that nobody sees", "\u115f\u3164\uffa0", "‹U+115F›‹U+3164›‹U+FFA0›"},
		{"grapheme joiner", "a\u034f", "a‹U+034F›"},
		{"invalid runs", "a\xff\xfe\xfdb\xc3", "a\ufffdb\ufffd"},
		{"surrogate", "\xed\xa0\x80", "\ufffd"},
		{"replacement characters", "\ufffd\ufffd", "\ufffd\ufffd"},
		{"marks that fit", "e\u0301\u0302\u0303\u0304", "e\u0301\u0302\u0303\u0304"},
		{"a flood of marks", "e" + strings.Repeat("\u0301", 100) + "x", "e\u0301\u0301\u0301\u0301‹+96 marks›x"},
		{"a mark without a base", "\u0301x", "◌\u0301x"},
		{"a flood of selectors", "a\ufe0f\ufe0f\ufe0f", "a\ufe0f‹+2 marks›"},
		{"smuggled in selectors", "a\U000e0100\U000e0101", "a\U000e0100‹+1 marks›"},
		{"its own signs", "‹U+202E› ␛ ⏎ ‹+96 marks›", "‹U+202E› ␛ ⏎ ‹+96 marks›"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Clean(c.in); got != c.want {
				t.Errorf("Clean(%q) = %q, not %q", c.in, got, c.want)
			}
			if got := Clean([]byte(c.in)); got != c.want {
				t.Errorf("of bytes, Clean(%q) = %q, not %q", c.in, got, c.want)
			}
		})
	}
}

// checkClean holds what is true of everything cleaned.
func checkClean(t interface{ Fatalf(string, ...any) }, in string) {
	out := Clean(in)
	if !utf8.ValidString(out) {
		t.Fatalf("Clean(%q) = %q is not UTF-8", in, out)
	}
	marks := 0
	for _, r := range out {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) || !unicode.IsGraphic(r) {
			t.Fatalf("Clean(%q) = %q has %U", in, out, r)
		}
		if marks++; !unicode.Is(unicode.M, r) {
			marks = 0
		}
		if marks > maxMarks {
			t.Fatalf("Clean(%q) = %q has more than %d marks on a base", in, out, maxMarks)
		}
	}
	if r, _ := utf8.DecodeRuneInString(out); unicode.Is(unicode.M, r) {
		t.Fatalf("Clean(%q) = %q begins with a mark", in, out)
	}
	if again := Clean(out); again != out {
		t.Fatalf("Clean(%q) = %q, cleaned again %q", in, out, again)
	}
	if stripped := ansi.Strip(out); stripped != out {
		t.Fatalf("Clean(%q) = %q: a terminal would obey it", in, out)
	}
}

func TestCleanAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// Strange characters and raw bytes are drawn often.
		parts := rapid.SliceOf(rapid.OneOf(
			rapid.String(),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
			rapid.Map(rapid.Int32Range(0, unicode.MaxRune), func(r int32) string { return string(r) }),
			rapid.SampledFrom([]string{"\x1b[", "\u0301", "\ufe0f", "\U000e0101", "\u202e", "◌", "‹", "\n", "\xff"}),
		)).Draw(t, "parts")
		checkClean(t, strings.Join(parts, ""))
	})
}

func FuzzClean(f *testing.F) {
	f.Add("Hello world")
	f.Add("e\u0301\u0301\u0301\u0301\u0301\x1b]52;c;x\a\u202e\xff\ufe0f")
	f.Fuzz(func(t *testing.T, s string) { checkClean(t, s) })
}

func BenchmarkClean(b *testing.B) {
	for _, c := range []struct{ name, text string }{
		{"ascii", "Hello world, this is a plain line of sixty-four bytes, no more."},
		{"utf8", "Grüße aus der weiten Welt, 你好, und noch mehr, bis es reicht"},
		{"hostile", "\x1b[31m\u202eabc\u0301\u0301\u0301\u0301\u0301\u0301\xff\xfe\n\t"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.text)))
			b.ReportAllocs()
			for b.Loop() {
				Clean(c.text)
			}
		})
	}
}
