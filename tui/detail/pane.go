package detail

import (
	"time"

	"hellox/stream"
	"hellox/stream/changes"
	"hellox/stream/decode"
	"hellox/stream/filter"
	"hellox/stream/jsonview"
	"hellox/tui/cells"
	"hellox/tui/theme"
)

// Bounds of the work for a key.
const (
	maxSteps = 5000      // lines that are laid out beyond the screen
	maxLeaf  = 256 << 10 // bytes of a value that is used
)

// A Pane shows one message in full, as far as the screen has room, and the reader's
// place in it.
type Pane struct {
	theme    *theme.Theme
	w, h     int
	of       *stream.Message
	size     int // of its whole payload
	since    time.Time
	view     View // that the reader wants
	top      int
	folded   folds
	chosen   int    // the node; noNode: none
	key      uint64 // of the one that was chosen last, also in another view; 0: none was
	node     *Node  // the chosen one; nil: it has not been looked at
	document *document
	decoded  answer[*decode.Result]
	changes  answer[*Difference]
	graph    *numbersGraph // nil: none is shown
}

// An answer is what was asked about the message with that ID.
type answer[T any] struct {
	of    int64
	value T
}

// about returns the value if it is about m.
func (a *answer[T]) about(m *stream.Message) (none T) {
	if m != nil && a.of == m.ID {
		return a.value
	}
	return none
}

// A Difference is what has changed since the previous message of a sender.
type Difference struct {
	Before  *stream.Message // nil: there is none
	Changes []changes.Change
	Err     error // why it is not known
}

// NewPane returns a pane that shows nothing.
func NewPane(t *theme.Theme) *Pane { return &Pane{theme: t, folded: folds{}, chosen: noNode} }

// Show lays m out for w by h cells, unless it is already. size is the number of
// bytes of the whole payload, of which m may hold the beginning only. m may be nil.
func (p *Pane) Show(m *stream.Message, size, w, h int, now time.Time) {
	same := p.of == m && p.document != nil
	if p.of != m {
		// Of a topic that goes on the reader keeps the place.
		if p.of == nil || m == nil || p.of.Topic != m.Topic || p.of.Sender != m.Sender {
			p.top, p.key, p.graph = 0, 0, nil
			clear(p.folded)
		}
		p.of, p.size, p.since = m, size, now
	}
	if !same || p.w != w {
		p.h, p.w = h, w
		p.layOut(now.Location())
	}
	p.h = h
	p.Scroll(0)
}

// layOut lays the message out from its beginning.
func (p *Pane) layOut(zone *time.Location) {
	p.document = newDocument(p.theme, content{
		message: p.of, size: p.size, zone: zone, view: p.view, folded: p.folded,
		decoded: p.decoded.about(p.of), changes: p.changes.about(p.of),
	}, p.w)
	p.chosen, p.node = noNode, nil
	tree, want := p.document.tree, p.key
	if want == 0 || tree == nil {
		return
	}
	most := p.top + p.h + maxSteps/5
	for at := 0; ; at++ {
		if at == len(tree.shown) {
			if p.document.nodesUntil(at, most-len(p.document.lines)); at == len(tree.shown) {
				return
			}
		}
		if n := &tree.shown[at]; n.key == want && !n.row.Closes {
			p.chosen = at
			return
		}
	}
}

// again lays the message out anew, as the reader wants it now.
func (p *Pane) again() {
	zone := time.UTC
	if p.of != nil {
		zone = p.zone()
	}
	p.layOut(zone)
	p.Scroll(0)
}

// zone returns that of the times.
func (p *Pane) zone() *time.Location { return p.since.Location() }

// Message returns the message that is shown, or nil, and the size of its payload.
func (p *Pane) Message() (*stream.Message, int) { return p.of, p.size }

// Fresh reports whether the message was first rendered less than a second ago.
// Beside a list that runs, a faster change could not be read.
func (p *Pane) Fresh(now time.Time) bool { return p.of != nil && now.Sub(p.since) < time.Second }

// Scroll moves the screen by n lines.
func (p *Pane) Scroll(n int) {
	if p.document != nil {
		p.top = p.document.top(p.top+n, p.room())
	}
}

// Page moves the screen by n screens.
func (p *Pane) Page(n int) { p.Scroll(n * max(p.room()-1, 1)) }

// Next shows the payload in the next way that there is.
func (p *Pane) Next() {
	if p.document != nil {
		p.set(p.document.has.after(p.document.view))
	}
}

// Toggle shows the payload as v, or as JSON again.
func (p *Pane) Toggle(v View) {
	if p.view == v {
		v = JSON
	}
	p.set(v)
}

func (p *Pane) set(v View) {
	p.view, p.top = v, 0
	p.again()
	p.choose(p.chosen)
}

// room returns how many lines the document has on the screen.
func (p *Pane) room() int {
	n := p.h - p.graphLines()
	if p.chosen != noNode {
		n--
	}
	return max(n, 1)
}

// Lines returns the lines on the screen: below the document the graph, and the path
// of the chosen value. The last one says how much is not laid out yet.
func (p *Pane) Lines() []string {
	if p.document == nil {
		return nil
	}
	room := p.room()
	lines := p.document.shownLines(p.top, room, p.chosen)
	left := p.document.left()
	if left != "" && p.chosen == noNode && len(lines) == room {
		lines = append(lines[:room-1:room-1], p.theme.Grey.Apply(" "+left))
	}
	if p.chosen == noNode && p.graph == nil {
		return lines
	}
	for len(lines) < room {
		lines = append(lines, "")
	}
	if p.graph != nil {
		lines = append(lines, p.graph.lines(p.theme, p.of.ID, p.w, p.graphLines())...)
	}
	if node, ok := p.Chosen(); ok {
		lines = append(lines, cells.Ends(p.theme.Accent.Apply(" "+node.Shown), p.theme.Grey.Apply(" "+left), p.w))
	}
	return lines[max(len(lines)-p.h, 0):]
}

// A Node is a value in a payload.
type Node struct {
	Path   filter.Path
	Shown  string // the path, safe and short enough to show
	Leaf   bool   // it is a text, a number, true, false, null, or empty, and not too large
	Value  string // of a leaf: what a text says, else the source
	Number bool
	Plain  bool   // it is in the payload as it came, not in what that holds
	Term   string // of a filter that is true of messages with this value; "": there is none
}

// Chosen returns the chosen value, and false if there is none.
func (p *Pane) Chosen() (n Node, ok bool) {
	if p.chosen == noNode {
		return n, false
	}
	if p.node == nil {
		one := p.document.chosen(p.chosen)
		p.node = &one
	}
	return *p.node, true
}

// chosen returns the value of a node.
func (d *document) chosen(at int) Node {
	one := &d.tree.shown[at]
	n := Node{Path: d.tree.path(at), Leaf: one.isLeaf() && one.row.End-one.row.Start <= maxLeaf, Plain: d.plain}
	n.Shown = n.Path.Text()
	if !n.Leaf {
		return n
	}
	n.Value = d.tree.rows.Source(one.row.Start, one.row.End)
	c := n.Value[0]
	n.Number = c == '-' || c >= '0' && c <= '9'
	isText := c == '"'
	if isText {
		n.Value = jsonview.Unquote(n.Value)
	}
	if n.Plain && c != '[' && c != '{' {
		n.Term = filter.ValueTerm(n.Path, n.Value, isText)
	}
	return n
}
