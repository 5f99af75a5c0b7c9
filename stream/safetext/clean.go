package safetext

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean turns bytes from the network into text that is safe to show on one
// line of a terminal, a page or a log: what a person would not see, or what a
// terminal would execute, becomes a visible sign.
//
//   - invalid UTF-8: U+FFFD for each run of bytes
//   - line feed: ⏎, tab: four spaces, the other C0 controls and DEL: their
//     pictures (␀ ␇ ␛ ␡)
//   - C1 controls, bidi, zero-width and other format characters, line and
//     paragraph separators, tags, private and unassigned characters: ‹U+202E›
//   - combining marks: at most four to a base, one of them a variation
//     selector; what is beyond is counted, ‹+96 marks›. A mark without a base
//     gets one (◌), so that it does not change what stands before it.
//
// The result has no character of the categories Cc, Cf, Co, Cn, Zl and Zp, and
// cleaning it again changes nothing. The exact bytes are in the payload.
func Clean[S ~string | ~[]byte](s S) string {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return clean(string(s))
		}
	}
	return string(s)
}

// maxMarks is how many combining marks a base may carry: the scripts and names
// of this world need two or three, a flood of them overprints other lines.
const maxMarks = 4

func clean(s string) string {
	var b strings.Builder
	b.Grow(len(s) + len(s)/8)
	var (
		base     bool // something stands before that a mark may sit on
		marks    int  // so many sit on it
		selector bool // one of them is a variation selector
		excess   int  // so many more would
		invalid  bool // the last thing written stands for invalid bytes
	)
	flush := func() {
		if excess > 0 {
			b.WriteString("‹+" + strconv.Itoa(excess) + " marks›")
		}
		marks, excess, selector = 0, 0, false
	}
	for i := 0; i < len(s); {
		if plain := s[i]; plain >= 0x20 && plain < 0x7f {
			flush()
			b.WriteByte(plain)
			base, invalid = true, false
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		i += n
		if r == utf8.RuneError && n == 1 {
			if !invalid {
				flush()
				b.WriteRune(utf8.RuneError)
				base, invalid = true, true
			}
			continue
		}
		invalid = false
		if r > unicode.MaxLatin1 && unicode.Is(unicode.M, r) && Visible(r) {
			isSelector := unicode.Is(unicode.Variation_Selector, r)
			switch {
			case marks == maxMarks || isSelector && selector || excess > 0:
				excess++
				continue
			case !base:
				b.WriteRune('◌')
				base = true
			}
			b.WriteRune(r)
			marks++
			selector = selector || isSelector
			continue
		}
		flush()
		writeSign(&b, r)
		base = true
	}
	flush()
	return b.String()
}

// writeSign writes r, which is no mark, or the sign that stands for it.
func writeSign(b *strings.Builder, r rune) {
	switch {
	case r == '\n':
		b.WriteRune('⏎')
	case r == '\t':
		b.WriteString("    ")
	case r < 0x20:
		b.WriteRune('␀' + r)
	case r == 0x7f:
		b.WriteRune('␡')
	case Visible(r):
		b.WriteRune(r)
	default:
		writeCode(b, r)
	}
}

// writeCode writes r by its number: ‹U+202E›
func writeCode(b *strings.Builder, r rune) {
	b.WriteString("‹U+")
	hex := strings.ToUpper(strconv.FormatInt(int64(r), 16))
	for range 4 - len(hex) {
		b.WriteByte('0')
	}
	b.WriteString(hex)
	b.WriteString("›")
}

// Visible reports whether a person sees r as itself: it is assigned, and neither a
// control, a format character, a private one, a line separator nor one of the
// letters and marks that are meant to be invisible.
func Visible(r rune) bool {
	// Graphic are L, M, N, P, S and Zs.
	return unicode.IsGraphic(r) && (r <= unicode.MaxLatin1 || !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r))
}
