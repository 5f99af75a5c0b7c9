package detail

import (
	"strings"
	"unicode/utf8"

	"hellox/stream/jsonview"
	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// A jsonLayer lays out a row of JSON at a time.
type jsonLayer struct {
	theme *theme.Theme
	rows  *jsonview.Rows
	w     int
	all   int // bytes
	cut   bool
}

func (l *jsonLayer) left() int { return l.all - l.rows.At() }

func (l *jsonLayer) next() ([]string, bool) {
	row, ok := l.rows.Next()
	switch problem := l.rows.Problem(); {
	case ok:
	case problem == nil:
		return nil, false
	case l.cut: // what follows is not there
		return []string{l.theme.Grey.Apply("…")}, false
	default:
		var lines []string
		for _, s := range wrapLines("not JSON: "+problem.String(), l.w) {
			lines = append(lines, l.theme.Red.Apply(s))
		}
		return lines, false
	}
	// Where a level has no room of its own any more, those below stay with it.
	indent := cells.Spaces(min(2*row.Depth, l.w/2))
	lines := cells.Wrap(row.Text(), max(l.w-len(indent), 1))
	for i := range lines {
		lines[i] = indent + lines[i]
	}
	if row.Rest > 0 {
		lines = append(lines, indent+l.theme.Grey.Apply("… "+units.Bytes(int64(row.Rest))+" more of this text"))
	}
	return lines, true
}

// A rawLayer lays out a line of text at a time, or a piece of a long one.
type rawLayer struct {
	s string
	w int
}

func (l *rawLayer) left() int { return len(l.s) }

func (l *rawLayer) next() ([]string, bool) {
	n := strings.IndexByte(l.s[:min(len(l.s), maxPiece)], '\n') + 1
	if n == 0 {
		for n = min(len(l.s), maxPiece); n < len(l.s) && n > maxPiece-utf8.UTFMax && !utf8.RuneStart(l.s[n]); n-- {
		}
	}
	lines := wrapLines(l.s[:n], l.w)
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

func (l *hexLayer) next() ([]string, bool) {
	line, n := hexLine(l.b[l.at:], l.at, l.w)
	l.at += n
	return []string{line}, l.at < len(l.b)
}
