package tui

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"hellox/stream"
)

// A terminal counts cells: a letter of most scripts takes one, an ideograph
// two, a combining mark none. All widths here are of cells, by grapheme.

// width counts the cells of s, which may carry colours.
func width(s string) int {
	if plain(s) {
		return len(s)
	}
	return ansi.StringWidth(s)
}

// plain tells whether each byte of s is one cell.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// cut shortens s to n cells; an ellipsis in the last one tells that it did.
func cut(s string, n int) string {
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
func left(s string, n int) string {
	s = cut(s, n)
	return s + spaces(n-width(s))
}

func right(s string, n int) string {
	s = cut(s, n)
	return spaces(n-width(s)) + s
}

func spaces(n int) string { return repeat(" ", n) }

// repeat is strings.Repeat that takes a negative number for none.
func repeat(s string, n int) string { return strings.Repeat(s, max(n, 0)) }

// clean makes text from the network safe to show in at most n cells. It looks
// only at as much of s as may be seen, so a payload of a mebibyte costs a row
// no more than a short one.
func clean(s string, n int) string {
	if n <= 0 {
		return ""
	}
	// A cell is a grapheme of a base and four marks at most: 20 bytes.
	most := 20*n + 20
	if len(s) <= most {
		return cut(stream.Clean(s), n)
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	s = stream.Clean(s[:most])
	if width(s) <= n {
		s = left(s, n-1) + "…"
	}
	return cut(s, n)
}

// nameOf is a sender in at most n cells. Of a topic the end is kept: it tells
// more than the beginning.
func nameOf(sender string, ours bool, n int) string {
	if ours || len(sender) <= n && plain(sender) {
		return clean(sender, n)
	}
	if most := 20*n + 20; len(sender) > most {
		at := len(sender) - most
		for at < len(sender) && !utf8.RuneStart(sender[at]) {
			at++
		}
		sender = sender[at:]
	}
	s := stream.Clean(sender)
	if w := width(s); w > n {
		s = ansi.TruncateLeft(s, w-n+1, "…")
	}
	return cut(s, n)
}
