package changes

import (
	"hellox/stream/filter"
	"hellox/stream/jsonview"
)

// A tree holds the values of one JSON payload, by their sources.
type tree struct {
	src   string
	nodes []node // the root first
}

// A node is one value. Its children are linked by their indexes in the tree.
type node struct {
	start, end         int32 // of its source; of an array or object with values, of its bracket
	nameStart, nameEnd int32 // of its name in its quotes; equal: it has none
	first, last, next  int32 // of its children, and its next sibling; 0: none
}

// parse returns the values of payload, or nil if it is not JSON.
func parse(payload []byte) *tree {
	if len(payload) > maxJSON {
		return nil
	}
	t := &tree{src: string(payload)}
	rows := jsonview.NewRows(payload)
	rows.MaxText = 1 // they are read from the source
	var around []int32
	for {
		row, ok := rows.Next()
		switch {
		case !ok && rows.Problem() != nil:
			return nil
		case !ok:
			return t
		case row.Closes:
			around = around[:len(around)-1]
			continue
		}
		at := int32(len(t.nodes))
		t.nodes = append(t.nodes, node{start: int32(row.Start), end: int32(row.End), nameStart: int32(row.NameStart), nameEnd: int32(row.NameEnd)})
		if len(around) > 0 {
			parent := &t.nodes[around[len(around)-1]]
			if parent.last != 0 {
				t.nodes[parent.last].next = at
			} else {
				parent.first = at
			}
			parent.last = at
		}
		if row.Opens {
			around = append(around, at)
		}
	}
}

// source returns that of a value; of an array or object with values, its bracket.
func (t *tree) source(at int32) string { return t.src[t.nodes[at].start:t.nodes[at].end] }

// isLeaf reports whether nothing is in a value.
func (t *tree) isLeaf(at int32) bool { return t.nodes[at].first == 0 }

// kind returns the first byte of a value.
func (t *tree) kind(at int32) byte { return t.src[t.nodes[at].start] }

// show returns a leaf as it is shown.
func (t *tree) show(at int32) string {
	switch t.kind(at) {
	case '[':
		return "[]"
	case '{':
		return "{}"
	case '"':
		return jsonview.Text(t.source(at))
	}
	return t.source(at)
}

// children returns the values in a value, each with the step that leads there.
func (t *tree) children(at int32) []child {
	var all []child
	array := t.kind(at) == '['
	for c := t.nodes[at].first; c != 0; c = t.nodes[c].next {
		n := &t.nodes[c]
		if array {
			all = append(all, child{c, filter.Step{Index: len(all)}})
		} else {
			all = append(all, child{c, filter.Member(jsonview.Unquote(t.src[n.nameStart:n.nameEnd]))})
		}
	}
	return all
}

type child struct {
	at   int32
	step filter.Step
}

// A path leads to a value, from the inside out; nil is the whole payload.
type path struct {
	parent *path
	step   filter.Step
}

// text returns p as it is shown.
func (p *path) text() string {
	n := 0
	for up := p; up != nil; up = up.parent {
		n++
	}
	steps := make(filter.Path, n)
	for up := p; up != nil; up = up.parent {
		n--
		steps[n] = up.step
	}
	return steps.Text()
}
