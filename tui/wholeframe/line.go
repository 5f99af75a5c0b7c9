package wholeframe

import (
	"strings"
	"unicode"
)

// erase clears the rest of the line that the cursor is at the beginning of.
const erase = "\x1b[K"

// Line returns a line of a frame so that nothing of the one before it remains in
// its place: one on whose width terminals disagree begins with its clearing.
func Line(s string) string {
	if strings.IndexFunc(s, disputed) < 0 {
		return s
	}
	return erase + s
}

// disputed reports whether terminals disagree about the width of r, alone or
// after another character: marks, pictographs, and what joins them.
func disputed(r rune) bool {
	const pictographs, joiner = 0x1f000, '\u200d'
	return r >= pictographs && !unicode.Is(unicode.Han, r) || r == joiner || r >= 0x300 && unicode.Is(unicode.M, r)
}
