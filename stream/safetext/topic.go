package safetext

import (
	"strings"
	"unicode"
)

// Topic is Clean for a topic or a sender: of each level the space at its ends
// is shown by a sign, since plant and "plant " are two topics.
//
//   - a space: ␣, a tab: ␉
//   - any other space: ‹U+00A0›
func Topic(s string) string {
	if !outerSpace(s) {
		return Clean(s)
	}
	levels := strings.Split(s, "/")
	for i, level := range levels {
		inner := strings.TrimFunc(level, isSpace)
		if inner == "" {
			levels[i] = signs(level)
			continue
		}
		at := strings.Index(level, inner)
		levels[i] = signs(level[:at]) + inner + signs(level[at+len(inner):])
	}
	return Clean(strings.Join(levels, "/"))
}

// isSpace reports whether a person sees r as empty space.
func isSpace(r rune) bool {
	return r == ' ' || r == '\t' || r > unicode.MaxASCII && unicode.Is(unicode.Zs, r)
}

// outerSpace reports whether a level of s begins or ends with space.
func outerSpace(s string) bool {
	before := '/'
	for _, r := range s {
		if before == '/' && isSpace(r) || r == '/' && isSpace(before) {
			return true
		}
		before = r
	}
	return isSpace(before)
}

// signs returns a sign for each space in s.
func signs(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch r {
		case ' ':
			b.WriteRune('␣')
		case '\t':
			b.WriteRune('␉')
		default:
			writeCode(&b, r)
		}
	}
	return b.String()
}
