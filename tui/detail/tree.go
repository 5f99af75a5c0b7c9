package detail

import (
	"hash/maphash"
	"slices"

	"hellox/stream/filter"
	"hellox/stream/jsonview"
	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// Signs of what folds, as on the page.
const (
	signOpen   = "▾"
	signFolded = "▸"
)

// A jsonTree lays out a row of JSON at a time. What is folded is passed over, and
// no row of it is made.
type jsonTree struct {
	theme  *theme.Theme
	rows   *jsonview.Rows
	w      int
	all    int // bytes
	cut    bool
	folded folds
	shown  []node        // the rows that are laid out
	around []int         // those of them that are open where the layout is
	again  *jsonview.Row // the next one, if it was read before
}

// A node is a row that is laid out.
type node struct {
	row    jsonview.Row // without its texts, unless it opens
	key    uint64       // says where it is in the payload
	line   int          // its first one in the document
	folded bool
}

// folds are the nodes that are folded, by their keys. They are kept from one message
// of a topic to the next.
type folds map[uint64]bool

// seed is that of the keys.
var seed = maphash.MakeSeed()

// isLeaf reports whether n is a value that no others are in.
func (n *node) isLeaf() bool { return !n.row.Opens && !n.row.Closes }

func (l *jsonTree) left() int { return l.all - l.rows.At() }

func (l *jsonTree) next() (lines []line, more bool) {
	row := l.again
	l.again = nil
	if row == nil {
		one, ok := l.rows.Next()
		if !ok {
			return l.end(), false
		}
		row = &one
	}
	n := node{row: *row}
	switch {
	case row.Closes:
		l.around = l.around[:len(l.around)-1]
	default:
		n.key = l.key(row)
	}
	if !row.Opens {
		n.row.Name, n.row.Value = "", ""
	}
	one := line{indent: cells.Spaces(min(2*row.Depth, l.w/2)), sign: " ", of: len(l.shown)}
	words := row.Text()
	if row.Opens {
		one.sign = signOpen
		if n.folded = l.folded[n.key]; n.folded {
			one.sign = signFolded
			one.tail = " ⋯ " + units.Plural(l.rows.Skip(), "line")
			if closes, ok := l.rows.Next(); ok && closes.Comma { // else there is none
				one.tail += ","
			}
		} else {
			l.around = append(l.around, len(l.shown))
		}
	}
	l.shown = append(l.shown, n)
	// Where a level has no room of its own any more, those below stay with it.
	for i, s := range cells.Wrap(words, max(l.w-2-len(one.indent), 1)) {
		one.text = s
		if i > 0 {
			one.sign = " "
		}
		lines = append(lines, one)
		lines[i].tail = ""
	}
	lines[len(lines)-1].tail = one.tail
	if row.Rest > 0 {
		lines = append(lines, line{indent: one.indent, sign: " ", tail: "… " + units.Bytes(int64(row.Rest)) + " more of this text", of: one.of})
	}
	return lines, true
}

// end returns what is said after the last row: nothing if that is the last one.
func (l *jsonTree) end() []line {
	problem := l.rows.Problem()
	switch {
	case problem == nil:
		return nil
	case l.cut: // what follows is not there
		return []line{{tail: "…", of: noNode}}
	}
	var lines []line
	for _, s := range wrapLines("not JSON: "+problem.String(), l.w) {
		lines = append(lines, line{styled: " " + l.theme.Red.Apply(s), of: noNode})
	}
	return lines
}

// key returns what says where a row is: the names and places that lead to it. Of a
// name given twice each has its own.
func (l *jsonTree) key(row *jsonview.Row) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	if len(l.around) > 0 {
		maphash.WriteComparable(&h, l.shown[l.around[len(l.around)-1]].key)
	}
	maphash.WriteComparable(&h, row.Index)
	_, _ = h.WriteString(l.rows.Source(row.NameStart, row.NameEnd))
	return h.Sum64()
}

// ancestors returns the nodes around a node, the outermost first.
func (l *jsonTree) ancestors(at int) []int {
	var up []int
	for depth := l.shown[at].row.Depth; depth > 0; {
		if at--; l.shown[at].row.Opens && l.shown[at].row.Depth < depth {
			up = append(up, at)
			depth--
		}
	}
	slices.Reverse(up)
	return up
}

// path returns the path to a node.
func (l *jsonTree) path(at int) filter.Path {
	var path filter.Path
	for _, n := range append(l.ancestors(at), at) {
		row := &l.shown[n].row
		switch {
		case row.NameEnd > row.NameStart:
			path = append(path, filter.Member(jsonview.Unquote(l.rows.Source(row.NameStart, row.NameEnd))))
		case row.Depth > 0:
			path = append(path, filter.Step{Index: row.Index})
		}
	}
	return path
}

// fold folds a node, or unfolds it. What is after it is laid out anew.
func (l *jsonTree) fold(at int, fold bool) {
	n := &l.shown[at]
	if fold {
		l.folded[n.key] = true
	} else {
		delete(l.folded, n.key)
	}
	around := l.ancestors(at)
	rows := make([]jsonview.Row, len(around))
	for i, up := range around {
		rows[i] = l.shown[up].row
	}
	row := n.row
	l.rows.Return(&row, rows)
	l.shown, l.around, l.again = l.shown[:at], around, &row
}

// nameOf returns the name of a row as it is shown.
func (l *jsonTree) nameOf(row *jsonview.Row) string {
	source := l.rows.Source(row.NameStart, min(row.NameEnd, row.NameStart+maxPiece))
	return jsonview.Text(source)
}
