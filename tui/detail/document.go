package detail

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"hellox/stream"
	"hellox/stream/changes"
	"hellox/stream/decode"
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

// content is what a document shows.
type content struct {
	message *stream.Message // nil: none
	size    int             // of its whole payload, of which it may hold the beginning only
	zone    *time.Location
	view    View
	decoded *decode.Result // nil: not known, or nothing else than the payload
	changes *Difference    // nil: not known yet
	folded  folds
}

// A document is a message laid out in lines. The payload is laid out as far as its
// lines are asked for.
type document struct {
	theme *theme.Theme
	w     int
	lines []line
	rest  layer // lays out more; nil: there is no more
	tree  *jsonTree
	has   set
	view  View // that is shown
	plain bool // the tree is of the payload as it came
}

// A line of a document.
type line struct {
	styled string // as it is painted; or else:

	indent, sign, text string
	tail               string // painted quietly
	of                 int    // the node of the tree; noNode: none
}

// noNode is the node of a line that is of none.
const noNode = -1

// A layer lays out a payload. It returns the next lines, and false once there
// are no more.
type layer interface {
	next() (lines []line, more bool)
	left() int // bytes that are not laid out yet
}

// newDocument lays c out in lines of at most w cells.
func newDocument(t *theme.Theme, c content, w int) *document {
	d := &document{theme: t, w: w}
	m := c.message
	if m == nil {
		d.styled(t.Grey.Apply(cells.Cut(" no message", w)))
		return d
	}
	d.styled(t.Bold.Apply(cells.Cut(" #"+units.Count(uint64(m.ID)), w)))
	for _, p := range properties(m, c.zone) {
		d.property(p)
	}
	cut := c.size > len(m.Payload)
	isJSON, problem := check(m.Payload, cut)
	d.has = set{JSON: isJSON && len(m.Payload) > 0, Decoded: c.decoded != nil, Raw: utf8.Valid(m.Payload), Hex: true, Changes: true}
	d.view = d.has.shown(c.view)
	shownAs := d.payload(&c, cut)
	if cut {
		shownAs += ", the first " + units.Bytes(int64(len(m.Payload)))
	}
	d.styled("", t.Grey.Apply(cells.Cut(" payload   "+units.Bytes(int64(c.size))+"  "+shownAs, w)))
	switch {
	case d.view == Decoded && c.decoded.Problem != "":
		d.note(c.decoded.Problem)
	case d.view < Changes && d.view != Decoded && problem != nil:
		d.note("not JSON: " + problem.String())
	case d.view == Changes && c.changes != nil && c.changes.Before != nil:
		d.note(since(m, c.changes.Before))
	}
	return d
}

// note appends a sentence and an empty line.
func (d *document) note(s string) {
	for _, l := range wrapLines(s, d.w-2) {
		d.styled(" " + l)
	}
	d.styled("")
}

// styled appends lines as they are painted.
func (d *document) styled(lines ...string) {
	for _, l := range lines {
		d.lines = append(d.lines, line{styled: l, of: noNode})
	}
}

// property appends a name and its value, in as many lines as that takes.
func (d *document) property(p property) {
	const nameW, most = 10, 20 // cells, lines
	name := " " + d.theme.Grey.Apply(cells.Left(p.name, nameW))
	w := max(d.w-nameW-2, 1)
	for _, l := range cells.Wrap(cells.Clean(p.value, most*w), w) {
		d.styled(name + l)
		name = cells.Spaces(nameW + 1)
	}
}

// payload chooses what lays out the payload. It returns how it is shown, in words.
func (d *document) payload(c *content, cut bool) (shownAs string) {
	b := c.message.Payload
	switch {
	case d.view == Changes:
		return d.changes(c.changes)
	case d.view == Decoded:
		return d.decoded(c.decoded, c.folded)
	case len(b) == 0:
		return "empty"
	case d.view == JSON:
		d.json(b, cut, c.folded)
		d.plain = true
		return "json"
	case d.view == Raw:
		d.rest = &rawLayer{s: string(b), w: d.w - 2}
		return "raw"
	}
	d.rest = &hexLayer{b: b, w: d.w - 2}
	return "hex"
}

// json lays out JSON, which folds.
func (d *document) json(b []byte, cut bool, folded folds) {
	rows := jsonview.NewRows(b)
	rows.MaxText = maxPiece
	d.tree = &jsonTree{rows: rows, w: d.w - 2, all: len(b), cut: cut, theme: d.theme, folded: folded}
	d.rest = d.tree
}

// decoded lays out what the payload holds.
func (d *document) decoded(r *decode.Result, folded folds) string {
	name := safetext.Clean(strings.Join(r.Encodings, ", "))
	switch {
	case r.Width > 0:
		words := r.MediaType + ", " + strconv.Itoa(r.Width) + " × " + strconv.Itoa(r.Height) + " pixels"
		if name != "" {
			words = name + ": " + words
		}
		return words
	case name == "":
		name = "decoded"
	}
	switch {
	case r.MediaType == typeJSON:
		d.json(r.Content, r.Problem != "", folded)
	case utf8.Valid(r.Content):
		d.rest = &rawLayer{s: string(r.Content), w: d.w - 2}
	default:
		d.rest = &hexLayer{b: r.Content, w: d.w - 2}
	}
	return name
}

const typeJSON = "application/json"

// changes lays out what has changed.
func (d *document) changes(c *Difference) string {
	const view = "changes"
	switch {
	case c == nil:
		d.rest = &changesLayer{[]changes.Change{{Sign: changes.More}}, d.w - 2}
	case c.Err != nil:
		d.rest = &rawLayer{s: safetext.Clean(c.Err.Error()), w: d.w - 2}
	case c.Before == nil:
		d.rest = &rawLayer{s: "no earlier message of this sender is stored", w: d.w - 2}
	default:
		d.rest = &changesLayer{c.Changes, d.w - 2}
	}
	return view
}

// since says which message the changes are since.
func since(m, before *stream.Message) string {
	return "since #" + units.Count(uint64(before.ID)) + ", " + units.Delta(m.Received.Sub(before.Received)) + " before"
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

// shownLines returns at most n lines from a line on, painted; those of a node as
// chosen.
func (d *document) shownLines(from, n, chosen int) []string {
	d.layOut(from + n)
	from = max(min(from, len(d.lines)), 0)
	painted := make([]string, 0, n)
	for i := from; i < min(from+n, len(d.lines)); i++ {
		painted = append(painted, d.paint(&d.lines[i], chosen))
	}
	return painted
}

func (d *document) paint(l *line, chosen int) string {
	if l.styled != "" {
		return l.styled
	}
	selected := l.of != noNode && l.of == chosen
	s := d.theme.Row(selected)
	sign := ""
	if l.sign != "" {
		sign = s.Grey.Apply(l.sign) + s.Ink.Apply(" ")
	}
	row := s.Ink.Apply(" "+l.indent) + sign + s.Ink.Apply(l.text) + s.Grey.Apply(l.tail)
	if selected {
		return s.Fill(row, d.w)
	}
	return row
}

// top returns the line that is nearest to from of those that a screen of n lines
// may begin with.
func (d *document) top(from, n int) int {
	d.layOut(from + n)
	return max(min(from, len(d.lines)-n), 0)
}

// left describes what is not laid out yet, or "".
func (d *document) left() string {
	if d.rest == nil || d.rest.left() == 0 {
		return ""
	}
	return "… " + units.Bytes(int64(d.rest.left())) + " more"
}

// layOut lays out at least n lines, if there are as many.
func (d *document) layOut(n int) {
	for len(d.lines) < n && d.rest != nil {
		var nodes int
		if d.tree != nil {
			nodes = len(d.tree.shown)
		}
		lines, more := d.rest.next()
		if d.tree != nil && len(d.tree.shown) > nodes {
			d.tree.shown[nodes].line = len(d.lines)
		}
		d.lines = append(d.lines, lines...)
		if !more {
			d.rest = nil
		}
	}
}

// fold folds a node, or unfolds it.
func (d *document) fold(at int, fold bool) {
	d.lines = d.lines[:d.tree.shown[at].line]
	d.tree.fold(at, fold)
	d.rest = d.tree
}

// nodesUntil lays out at most n more lines, until there are more nodes than have.
func (d *document) nodesUntil(have, n int) {
	for most := len(d.lines) + n; d.tree != nil && d.rest != nil && len(d.tree.shown) <= have && len(d.lines) < most; {
		d.layOut(len(d.lines) + 1)
	}
}

// plainLines returns lines of ink.
func plainLines(all []string) []line {
	lines := make([]line, len(all))
	for i, s := range all {
		lines[i] = line{text: s, of: noNode}
	}
	return lines
}

// wrapLines breaks a text into safe lines of at most w cells.
func wrapLines(s string, w int) []string {
	var lines []string
	for _, l := range strings.Split(strings.TrimSuffix(s, "\n"), "\n") {
		lines = append(lines, cells.Wrap(safetext.Clean(l), w)...)
	}
	return lines
}
