package retained

import (
	"slices"
	"strings"

	"hellox/broker/journal"
)

// A node is one level of topics. Its own message comes before those of its
// children, and these are in ascending order: that is the order of a Cursor.
type node struct {
	level    string
	message  *journal.Message // nil: none is retained here
	children []*node
}

// levels counts the nodes with each level at each depth.
type levels map[place]int

type place struct {
	depth int
	level string
}

// has reports whether every level of filter that is no wildcard is there. A topic
// filter of which one is missing matches nothing, however many topics its
// wildcards would have to be tried on.
func (l levels) has(filter []string) bool {
	for depth, level := range filter {
		if level != "+" && level != "#" && l[place{depth, level}] == 0 {
			return false
		}
	}
	return true
}

// child returns where the child of a level is, or would be, and whether it is there.
func (n *node) child(level string) (int, bool) {
	return slices.BinarySearchFunc(n.children, level, func(c *node, level string) int { return strings.Compare(c.level, level) })
}

// insert returns the node of topic, which it adds if need be.
func (n *node) insert(topic string, known levels) *node {
	depth := 0
	for level := range strings.SplitSeq(topic, "/") {
		i, ok := n.child(level)
		if !ok {
			n.children = slices.Insert(n.children, i, &node{level: level})
			known[place{depth, level}]++
		}
		n = n.children[i]
		depth++
	}
	return n
}

// find returns the message of topic, or nil.
func (n *node) find(topic string) *journal.Message {
	for level := range strings.SplitSeq(topic, "/") {
		i, ok := n.child(level)
		if !ok {
			return nil
		}
		n = n.children[i]
	}
	return n.message
}

// remove removes the message of topic below n, and the nodes that are empty then.
func (n *node) remove(topic string, depth int, known levels) {
	level, rest, more := strings.Cut(topic, "/")
	i, ok := n.child(level)
	if !ok {
		return
	}
	c := n.children[i]
	if more {
		c.remove(rest, depth+1, known)
	} else {
		c.message = nil
	}
	if c.message == nil && len(c.children) == 0 {
		n.children = slices.Delete(n.children, i, i+1)
		if at := (place{depth, level}); known[at] > 1 {
			known[at]--
		} else {
			delete(known, at)
		}
	}
}

// walk calls fn for the messages below n that filter, the levels of a topic
// filter, matches, until fn returns false; then it returns false. If resuming, it
// begins after the topic with the levels after. At the root wildcards do not
// match what begins with $ (MQTT 3.1.1, 4.7.2).
func (n *node) walk(filter, after []string, resuming, root bool, fn func(*journal.Message) bool) bool {
	if len(filter) == 0 || filter[0] == "#" {
		if n.message != nil && !resuming && !fn(n.message) {
			return false
		}
		if len(filter) == 0 {
			return true
		}
	}
	resuming = resuming && len(after) > 0
	first := 0
	if resuming {
		first, _ = n.child(after[0])
	}
	children, rest := n.children[first:], filter
	switch filter[0] {
	case "#":
	case "+":
		rest = filter[1:]
	default:
		rest = filter[1:]
		i, ok := n.child(filter[0])
		if !ok || i < first {
			return true
		}
		children = n.children[i : i+1]
	}
	for _, c := range children {
		if root && beginsWild(filter) && strings.HasPrefix(c.level, "$") {
			continue
		}
		var below []string
		on := resuming && c.level == after[0]
		if on {
			below = after[1:]
		}
		if !c.walk(rest, below, on, false, fn) {
			return false
		}
	}
	return true
}

// beginsWild reports whether filter begins with a wildcard.
func beginsWild(filter []string) bool { return filter[0] == "#" || filter[0] == "+" }
