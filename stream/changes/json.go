package changes

import (
	"slices"

	"hellox/stream/filter"
	"hellox/stream/jsonview"
)

// none is the index of a value that is not there.
const none = -1

// A comparison collects the changes between two payloads in JSON.
type comparison struct {
	a, b        *tree
	lines, gone []Change
	beyond      int // changes that are not listed
}

// ofJSON compares value by value. Of a name given twice each is compared with the
// one in the same place.
func ofJSON(a, b *tree) []Change {
	c := comparison{a: a, b: b}
	stack := []step{{0, 0, nil}}
	for len(stack) > 0 {
		s := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		both := s.a != none && s.b != none
		switch {
		case both && a.isLeaf(s.a) && b.isLeaf(s.b):
			if !c.same(s.a, s.b) {
				c.tell(&c.lines, Changed, s.path, func() string {
					return pair(a.show(s.a), b.show(s.b)) + by(a.source(s.a), b.source(s.b))
				})
			}
		case both && a.kind(s.a) == b.kind(s.b) && !a.isLeaf(s.a) && !b.isLeaf(s.b):
			below := c.pairs(s)
			slices.Reverse(below)
			stack = append(stack, below...)
		default:
			c.leaves(&c.lines, Added, b, s.b, s.path)
			c.leaves(&c.gone, Removed, a, s.a, s.path)
		}
	}
	all := slices.Concat(c.lines, c.gone)
	if c.beyond > 0 {
		all = append(all, more(c.beyond))
	}
	if len(all) == 0 {
		return []Change{{Same, "the same values, written differently"}}
	}
	return all
}

// A step is a value of each payload, or of one, at a path.
type step struct {
	a, b int32
	path *path
}

// tell notes a change, unless there are too many.
func (c *comparison) tell(list *[]Change, sign Sign, at *path, text func() string) {
	if len(c.lines)+len(c.gone) >= maxLines {
		c.beyond++
		return
	}
	*list = append(*list, Change{sign, at.text() + " " + text()})
}

// same reports whether two leaves are the same: texts by what they say, all else by
// the source.
func (c *comparison) same(a, b int32) bool {
	s, t := c.a.source(a), c.b.source(b)
	switch {
	case c.a.kind(a) != c.b.kind(b):
		return false
	case s == t, s[0] == '[', s[0] == '{': // empty ones, with space in them or without
		return true
	}
	return s[0] == '"' && jsonview.Unquote(s) == jsonview.Unquote(t)
}

// pairs returns the values of two arrays, or of two objects: those of b in order,
// then those that only a has.
func (c *comparison) pairs(at step) []step {
	if c.a.kind(at.a) == '[' {
		return c.elements(at)
	}
	left := map[filter.Step][]int32{}
	before := c.a.children(at.a)
	for _, one := range before {
		left[one.step] = append(left[one.step], one.at)
	}
	var all []step
	for _, one := range c.b.children(at.b) {
		was := int32(none)
		if same := left[one.step]; len(same) > 0 {
			was, left[one.step] = same[0], same[1:]
		}
		all = append(all, step{was, one.at, &path{at.path, one.step}})
	}
	for _, one := range before {
		for _, gone := range left[one.step] {
			all = append(all, step{gone, none, &path{at.path, one.step}})
		}
		delete(left, one.step)
	}
	return all
}

// elements is pairs of two arrays.
func (c *comparison) elements(at step) []step {
	var all []step
	a, b := c.a.nodes[at.a].first, c.b.nodes[at.b].first
	for a > 0 || b > 0 {
		one := step{none, none, &path{at.path, filter.Step{Index: len(all)}}}
		if a > 0 {
			one.a, a = a, c.a.nodes[a].next
		}
		if b > 0 {
			one.b, b = b, c.b.nodes[b].next
		}
		all = append(all, one)
	}
	return all
}

// leaves tells of each leaf of a value, in order.
func (c *comparison) leaves(list *[]Change, sign Sign, t *tree, at int32, p *path) {
	if at == none {
		return
	}
	type place struct {
		at   int32
		path *path
	}
	stack := []place{{at, p}}
	for len(stack) > 0 {
		top := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if t.isLeaf(top.at) {
			c.tell(list, sign, top.path, func() string { return cut([]rune(t.show(top.at))) })
			continue
		}
		below := t.children(top.at)
		for i := len(below) - 1; i >= 0; i-- {
			stack = append(stack, place{below[i].at, &path{top.path, below[i].step}})
		}
	}
}
