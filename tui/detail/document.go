package detail

import (
	"strings"
	"time"
	"unicode/utf8"

	"hellox/stream"
	"hellox/stream/jsonview"
	"hellox/stream/safetext"
	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// Bounds of what is done at once. A payload may have many mebibytes.
const (
	maxCheck = 256 << 10 // bytes that are checked to be JSON before they are shown
	maxPiece = 4 << 10   // bytes of a text that are laid out at once
)

// A Document is a message laid out in lines. The payload is laid out as far as
// its lines are asked for.
type Document struct {
	theme *theme.Theme
	w     int
	lines []string
	rest  layer // lays out more; nil: there is no more
}

// A layer lays out a payload. It returns the next lines, and false once there
// are no more.
type layer interface {
	next() (lines []string, more bool)
	left() int // bytes that are not laid out yet
}

// New lays m out in lines of at most w cells. size is the number of bytes of the
// whole payload, of which m may hold the beginning only. m may be nil.
func New(t *theme.Theme, m *stream.Message, size int, view View, w int, zone *time.Location) *Document {
	d := &Document{theme: t, w: w}
	if m == nil {
		d.lines = []string{t.Grey.Apply(cells.Cut(" no message", w))}
		return d
	}
	d.lines = append(d.lines, t.Bold.Apply(cells.Cut(" #"+units.Count(uint64(m.ID)), w)))
	for _, p := range properties(m, zone) {
		d.property(p)
	}
	cut := size > len(m.Payload)
	isJSON, problem := check(m.Payload, cut)
	shownAs, rest := d.payload(m.Payload, isJSON, cut, view)
	d.rest = rest
	if cut {
		shownAs += ", the first " + units.Bytes(int64(len(m.Payload)))
	}
	title := t.Grey.Apply(cells.Cut(" payload   "+units.Bytes(int64(size))+"  "+shownAs, w))
	d.lines = append(d.lines, "", title)
	if problem != nil {
		for _, l := range wrapLines("not JSON: "+problem.String(), w-2) {
			d.lines = append(d.lines, " "+l)
		}
		d.lines = append(d.lines, " ")
	}
	return d
}

// property appends a name and its value, in as many lines as that takes.
func (d *Document) property(p property) {
	const nameW, most = 10, 20 // cells, lines
	name := " " + d.theme.Grey.Apply(cells.Left(p.name, nameW))
	w := max(d.w-nameW-2, 1)
	for _, l := range cells.Wrap(cells.Clean(p.value, most*w), w) {
		d.lines = append(d.lines, name+l)
		name = cells.Spaces(nameW + 1)
	}
}

// payload returns how a payload is shown, in words, and what lays it out.
func (d *Document) payload(b []byte, isJSON, cut bool, view View) (shownAs string, rest layer) {
	switch {
	case len(b) == 0:
		return "empty", nil
	case view == JSON && isJSON:
		rows := jsonview.NewRows(b)
		rows.MaxText = maxPiece
		return "json", &jsonLayer{rows: rows, w: d.w - 2, all: len(b), cut: cut, theme: d.theme}
	case view == Hex || !utf8.Valid(b):
		return "hex", &hexLayer{b: b, w: d.w - 2}
	}
	return "raw", &rawLayer{s: string(b), w: d.w - 2}
}

// check reports whether b is JSON, and why it is none if it looks like it and that is
// known. Of what is large, or not there as a whole, only the beginning is looked at.
func check(b []byte, cut bool) (isJSON bool, problem *jsonview.Problem) {
	looks := jsonview.LooksLikeJSON(b)
	if cut || len(b) > maxCheck {
		return looks && utf8.Valid(b), nil
	}
	problem = jsonview.Check(b)
	if !looks {
		return problem == nil, nil
	}
	return problem == nil, problem
}

// Lines returns at most n lines from a line on.
func (d *Document) Lines(from, n int) []string {
	d.layOut(from + n)
	from = max(min(from, len(d.lines)), 0)
	return d.lines[from:min(from+n, len(d.lines))]
}

// Top returns the line that is nearest to from of those that a screen of n lines
// may begin with.
func (d *Document) Top(from, n int) int {
	d.layOut(from + n)
	return max(min(from, len(d.lines)-n), 0)
}

// Left describes what is not laid out yet, or "".
func (d *Document) Left() string {
	if d.rest == nil || d.rest.left() == 0 {
		return ""
	}
	return "… " + units.Bytes(int64(d.rest.left())) + " more"
}

// layOut lays out at least n lines, if there are as many.
func (d *Document) layOut(n int) {
	for len(d.lines) < n && d.rest != nil {
		lines, more := d.rest.next()
		for _, l := range lines {
			d.lines = append(d.lines, " "+l)
		}
		if !more {
			d.rest = nil
		}
	}
}

// wrapLines breaks a text into safe lines of at most w cells.
func wrapLines(s string, w int) []string {
	var lines []string
	for _, l := range strings.Split(strings.TrimSuffix(s, "\n"), "\n") {
		lines = append(lines, cells.Wrap(safetext.Clean(l), w)...)
	}
	return lines
}
