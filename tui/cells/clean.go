package cells

import (
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"hellox/stream/safetext"
)

// Clean makes text from the network safe to show in at most n cells. It reads
// only as much of s as can be seen, so a payload of a mebibyte costs a row no
// more than a short one.
func Clean(s string, n int) string { return fit(s, n, safetext.Clean[string]) }

// Topic is Clean for a topic or a part of one, with signs for the space at the
// ends of its levels.
func Topic(s string, n int) string { return fit(s, n, safetext.Topic) }

func fit(s string, n int, clean func(string) string) string {
	if n <= 0 {
		return ""
	}
	// A cell is a grapheme of a base and four marks at most: 20 bytes.
	most := 20*n + 20
	if len(s) <= most {
		return Cut(clean(s), n)
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	s = clean(s[:most])
	if Width(s) <= n {
		s = Left(s, n-1) + "…"
	}
	return Cut(s, n)
}

// Name returns the name of a sender in at most n cells. Where it does not fit, its
// end is shown: names of pods and topics differ there.
func Name(sender string, n int) string {
	if most := 20*n + 20; len(sender) > most {
		at := len(sender) - most
		for at < len(sender) && !utf8.RuneStart(sender[at]) {
			at++
		}
		sender = sender[at:]
	}
	s := safetext.Topic(sender)
	if w := Width(s); w > n {
		s = ansi.TruncateLeft(s, w-n+1, "…")
	}
	return Cut(s, n)
}
