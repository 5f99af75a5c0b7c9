package cells

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// cut shortens s to n cells; an ellipsis in the last one tells that it did.
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

// left fills s up to n cells, or cuts it; right the same with s at the end.
func Left(s string, n int) string {
	s = Cut(s, n)
	return s + Spaces(n-Width(s))
}

func Right(s string, n int) string {
	s = Cut(s, n)
	return Spaces(n-Width(s)) + s
}

func Spaces(n int) string { return Repeat(" ", n) }

// repeat is strings.Repeat that takes a negative number for none.
func Repeat(s string, n int) string { return strings.Repeat(s, max(n, 0)) }
