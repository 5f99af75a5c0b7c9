package detail

import (
	"strings"
	"unicode/utf8"

	"hellox/stream/changes"
)

// A rawLayer lays out a line of text at a time, or a piece of a long one.
type rawLayer struct {
	s string
	w int
}

func (l *rawLayer) left() int { return len(l.s) }

func (l *rawLayer) next() ([]line, bool) {
	n := strings.IndexByte(l.s[:min(len(l.s), maxPiece)], '\n') + 1
	if n == 0 {
		for n = min(len(l.s), maxPiece); n < len(l.s) && n > maxPiece-utf8.UTFMax && !utf8.RuneStart(l.s[n]); n-- {
		}
	}
	lines := plainLines(wrapLines(l.s[:n], l.w))
	l.s = l.s[n:]
	return lines, l.s != ""
}

// A hexLayer lays out a line of bytes at a time.
type hexLayer struct {
	b  []byte
	at int
	w  int
}

func (l *hexLayer) left() int { return len(l.b) - l.at }

func (l *hexLayer) next() ([]line, bool) {
	dump, n := hexLine(l.b[l.at:], l.at, l.w)
	l.at += n
	return plainLines([]string{dump}), l.at < len(l.b)
}

// A changesLayer lays out a change at a time.
type changesLayer struct {
	all []changes.Change
	w   int
}

func (l *changesLayer) left() int { return 0 }

func (l *changesLayer) next() ([]line, bool) {
	if len(l.all) == 0 {
		return nil, false
	}
	c := l.all[0]
	l.all = l.all[1:]
	lines := plainLines(wrapLines(string(c.Sign)+" "+c.Text, l.w))
	for i := 1; i < len(lines); i++ {
		lines[i].text = "  " + lines[i].text
	}
	return lines, len(l.all) > 0
}
