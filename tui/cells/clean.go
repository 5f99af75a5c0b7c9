package cells

import (
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"hellox/stream"
)

// clean makes text from the network safe to show in at most n cells. It looks
// only at as much of s as may be seen, so a payload of a mebibyte costs a row
// no more than a short one.
func Clean(s string, n int) string {
	if n <= 0 {
		return ""
	}
	// A cell is a grapheme of a base and four marks at most: 20 bytes.
	most := 20*n + 20
	if len(s) <= most {
		return Cut(stream.Clean(s), n)
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	s = stream.Clean(s[:most])
	if Width(s) <= n {
		s = Left(s, n-1) + "…"
	}
	return Cut(s, n)
}

// nameOf is a sender in at most n cells. Of a topic the end is kept: it tells
// more than the beginning.
func Name(sender string, ours bool, n int) string {
	if ours || len(sender) <= n && plain(sender) {
		return Clean(sender, n)
	}
	if most := 20*n + 20; len(sender) > most {
		at := len(sender) - most
		for at < len(sender) && !utf8.RuneStart(sender[at]) {
			at++
		}
		sender = sender[at:]
	}
	s := stream.Clean(sender)
	if w := Width(s); w > n {
		s = ansi.TruncateLeft(s, w-n+1, "…")
	}
	return Cut(s, n)
}
