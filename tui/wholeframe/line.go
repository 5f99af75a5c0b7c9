package wholeframe

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// erase clears the rest of the line that the cursor is at the beginning of.
const erase = "\x1b[K"

// Line returns a line of a frame so that nothing of the one before it remains in
// its place, and its columns stand where they should: one on whose width terminals
// disagree begins with its clearing, and behind a column of that kind the cursor is
// put where we think that it is. Within one it is not: words would cover each other.
func Line(s string) string {
	if strings.IndexFunc(s, disputed) < 0 {
		return s
	}
	var b strings.Builder
	b.WriteString(erase)
	column, off := 1, false // the cursor may be elsewhere
	for rest := s; rest != ""; {
		word, after := cutWord(rest)
		rest = rest[len(word)+len(after):]
		b.WriteString(word)
		column += ansi.StringWidth(word)
		off = off || strings.IndexFunc(word, disputed) >= 0
		if off && (len(after) > 1 || after != "" && strings.HasPrefix(ansi.Strip(rest), "│")) {
			fmt.Fprintf(&b, "\x1b[%dG", column)
			off = false
		}
		b.WriteString(after)
		column += len(after)
	}
	return b.String()
}

// cutWord returns what s begins with up to a space, and the spaces after it.
func cutWord(s string) (word, after string) {
	word, rest, _ := strings.Cut(s, " ")
	spaces := len(s) - len(word) - len(strings.TrimLeft(rest, " "))
	return word, s[len(word) : len(word)+spaces]
}

// disputed reports whether terminals disagree about the width of r, alone or
// after another character: marks, pictographs, and what joins them.
func disputed(r rune) bool {
	const pictographs, joiner = 0x1f000, '\u200d'
	return r >= pictographs && !unicode.Is(unicode.Han, r) || r == joiner || r >= 0x300 && unicode.Is(unicode.M, r)
}
