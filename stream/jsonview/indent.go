package jsonview

import (
	"strings"
	"unicode/utf8"
)

// maxIndent is how many levels are indented: a deep value would be nothing but
// space, and its size would grow with the square of its depth.
const maxIndent = 32

// Indent returns payload as indented JSON, with its texts as Text writes them;
// or why it is not JSON.
func Indent(payload []byte) (string, *Problem) {
	if !utf8.Valid(payload) {
		return "", Check(payload)
	}
	s := scanner{src: string(payload)}
	var b strings.Builder
	b.Grow(len(payload) + len(payload)/2)
	line := func(depth int) {
		b.WriteByte('\n')
		for range min(depth, maxIndent) {
			b.WriteString("  ")
		}
	}
	for opened := false; ; {
		t, problem := s.next()
		if problem != nil || t == end {
			return b.String(), problem
		}
		opens := t == '[' || t == '{'
		switch {
		case t == ']' || t == '}':
			if !opened { // [] stays on one line
				line(len(s.open))
			}
		case opened && opens:
			line(len(s.open) - 1)
		case opened:
			line(len(s.open))
		}
		opened = opens
		switch source := s.src[s.start:s.at]; t {
		case ',':
			b.WriteByte(',')
			line(len(s.open))
		case ':':
			b.WriteString(": ")
		case text, name:
			writeText(&b, source)
		default:
			b.WriteString(source)
		}
	}
}
