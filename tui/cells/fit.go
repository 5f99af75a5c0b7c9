package cells

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Cut shortens s to at most n cells; where it does, the last one is an ellipsis.
func Cut(s string, n int) string {
	if n <= 0 {
		return ""
	}
	if plain(s) {
		if len(s) <= n {
			return s
		}
		return s[:n-1] + "…"
	}
	return ansi.Truncate(s, n, "…")
}

// Left makes s exactly n cells wide, with spaces after it or cut.
func Left(s string, n int) string {
	s = Cut(s, n)
	return s + Spaces(n-Width(s))
}

// Right makes s exactly n cells wide, with spaces before it or cut.
func Right(s string, n int) string {
	s = Cut(s, n)
	return Spaces(n-Width(s)) + s
}

// Spaces returns n spaces, and none if n is negative.
func Spaces(n int) string { return Repeat(" ", n) }

// Repeat is strings.Repeat that takes a negative count as zero.
func Repeat(s string, n int) string { return strings.Repeat(s, max(n, 0)) }

// Ends returns w cells with a at the left and b at the right. Where both do not
// fit, a is cut.
func Ends(a, b string, w int) string {
	return Left(a, max(w-Width(b), 0)) + Cut(b, w)
}

// Block returns height lines, each exactly w cells wide.
func Block(lines []string, w, height int) []string {
	block := make([]string, height)
	for i := range block {
		if i < len(lines) {
			block[i] = Left(lines[i], w)
		} else {
			block[i] = Spaces(w)
		}
	}
	return block
}

// First returns the first n cells of s, with its colours and without an ellipsis.
func First(s string, n int) string { return ansi.Truncate(s, n, "") }
