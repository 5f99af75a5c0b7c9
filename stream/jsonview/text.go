package jsonview

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"hellox/stream/safetext"
)

// maxMarks is how many combining marks a character may carry, as in safetext.
const maxMarks = 4

// Text returns a JSON string, given in its quotes, as it is shown: safe, and without
// the escapes that it does not need to be seen.
func Text(source string) string {
	var b strings.Builder
	writeText(&b, source)
	return b.String()
}

// Unquote returns the text that a JSON string, given in its quotes, stands for. Half
// a surrogate pair becomes U+FFFD.
func Unquote(source string) string {
	inside := source[1 : len(source)-1]
	if strings.IndexByte(inside, '\\') < 0 {
		return inside
	}
	var b strings.Builder
	for rest := inside; rest != ""; {
		r, n := decode(rest)
		b.WriteRune(r)
		rest = rest[n:]
	}
	return b.String()
}

// writeText writes a JSON string, in its quotes: characters that a person sees
// as themselves, all others as escapes, so that it is the same string still.
func writeText(b *strings.Builder, source string) {
	if plain(source) {
		b.WriteString(source)
		return
	}
	b.WriteByte('"')
	w := textWriter{b: b}
	for rest := source[1 : len(source)-1]; rest != ""; {
		r, n := decode(rest)
		w.write(r, rest[:n])
		rest = rest[n:]
	}
	b.WriteByte('"')
}

// plain reports whether source is printable ASCII without escapes.
func plain(source string) bool {
	for i := range len(source) {
		if c := source[i]; c < ' ' || c > '~' || c == '\\' {
			return false
		}
	}
	return true
}

// decode returns the character that s, the inside of a string, begins with, and
// the length of its source. Half a surrogate pair is returned as it is.
func decode(s string) (rune, int) {
	if s[0] != '\\' {
		return utf8.DecodeRuneInString(s)
	}
	n := escapeLength(s)
	switch {
	case n == 0:
		return '\\', 1
	case n == 2:
		return map[byte]rune{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}[s[1]], 2
	}
	r := hexRune(s)
	if utf16.IsSurrogate(r) && escapeLength(s[6:]) == 6 {
		if pair := utf16.DecodeRune(r, hexRune(s[6:])); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return r, 6
}

func hexRune(escape string) rune {
	n, _ := strconv.ParseUint(escape[2:6], 16, 16) // escapeLength has checked it
	return rune(n)
}

// A textWriter writes the characters of a string.
type textWriter struct {
	b        *strings.Builder
	base     bool // a mark may sit on the last character
	marks    int  // so many do
	selector bool // one of them is a variation selector
	excess   bool // one did not fit
}

// write writes r, whose source is given.
func (w *textWriter) write(r rune, source string) {
	switch {
	case r > unicode.MaxLatin1 && unicode.Is(unicode.M, r) && safetext.Visible(r):
		isSelector := unicode.Is(unicode.Variation_Selector, r)
		if !w.base || w.excess || w.marks == maxMarks || isSelector && w.selector {
			w.excess = true
			w.escape(r, source)
			return
		}
		w.marks++
		w.selector = w.selector || isSelector
		w.b.WriteRune(r)
	case bare(r):
		w.b.WriteRune(r)
		w.reset(true)
	default:
		w.escape(r, source)
		w.reset(false)
	}
}

func (w *textWriter) reset(base bool) {
	*w = textWriter{b: w.b, base: base}
}

// escape writes r as an escape: the one that it came as, if it came as one.
func (w *textWriter) escape(r rune, source string) {
	if source[0] == '\\' {
		w.b.WriteString(source)
		return
	}
	if r > 0xffff {
		high, low := utf16.EncodeRune(r)
		fmt.Fprintf(w.b, `\u%04x\u%04x`, high, low)
		return
	}
	fmt.Fprintf(w.b, `\u%04x`, r)
}

// Line returns payload for one line, safe to show: if it looks like an array,
// an object or a string, the texts in it without escapes. It may be the
// beginning of a payload only.
func Line(payload string) string {
	if first := strings.TrimLeft(payload, " \t\r\n"); first == "" || strings.IndexByte(`{["`, first[0]) < 0 || strings.IndexByte(payload, '\\') < 0 {
		return safetext.Clean(payload)
	}
	var b strings.Builder
	b.Grow(len(payload))
	inText := false
	for rest := payload; rest != ""; {
		n := 1
		if inText && rest[0] == '\\' {
			var r rune
			if r, n = decode(rest); bare(r) {
				b.WriteRune(r)
			} else {
				b.WriteString(rest[:n])
			}
		} else {
			inText = inText != (rest[0] == '"')
			b.WriteByte(rest[0])
		}
		rest = rest[n:]
	}
	return safetext.Clean(b.String())
}

// bare reports whether r is shown as itself in a text, not as an escape.
func bare(r rune) bool {
	return r >= ' ' && r != '"' && r != '\\' && !utf16.IsSurrogate(r) && safetext.Visible(r)
}
