package tui

import (
	"bytes"
	"sort"
	"strings"
	"time"

	"hellox/stream"
	"hellox/tui/timeline"
)

// What the tree holds is bounded: whoever publishes to ever new topics, or ever
// larger messages, must not fill the memory of who looks on.
const (
	topicsMost  = 20_000
	payloadMost = 4 << 10 // bytes held of a topic's newest payload
)

// A topic is one level of the tree of topics.
type topic struct {
	level    string
	parent   *topic
	children []*topic // by level
	index    map[string]*topic
	opened   bool
	count    uint64          // messages at it and below
	last     *stream.Message // the newest exactly at it, its payload cut at payloadMost
	size     int             // of that payload, whole
	newest   *topic          // the one at it or below that was heard last
	seen     time.Time       // when
	minute   timeline.Timeline
}

// tree counts the messages of each topic since the list began.
type tree struct {
	root    *topic
	topics  int
	over    uint64 // messages of topics that found no room
	lines   []treeRow
	stale   bool // lines are to be made again
	allOpen bool
	choice
}

// A treeRow is a topic that is not hidden by a closed one above it.
type treeRow struct {
	topic *topic
	depth int
}

func newTree() tree {
	return tree{root: &topic{opened: true}, allOpen: true}
}

// add counts a message at its topic and at all above it.
func (t *tree) add(m *stream.Message) {
	at := t.root
	rest := m.Topic
	for more := true; more; {
		var level string
		level, rest, more = strings.Cut(rest, "/")
		next := at.index[level]
		if next == nil {
			if t.topics >= topicsMost {
				t.over++
				return
			}
			next = t.insert(at, level)
		}
		at = next
	}
	at.last, at.size = m, len(m.Payload)
	if at.size > payloadMost {
		cut := *m
		cut.Payload = bytes.Clone(m.Payload[:payloadMost])
		cut.Text = strings.Clone(m.Text[:min(len(m.Text), payloadMost)])
		at.last = &cut
	}
	for heard := at; at != nil; at = at.parent {
		at.newest = heard
		at.count++
		if m.Received.After(at.seen) {
			at.seen = m.Received
		}
		if !m.Retained && at.parent != nil {
			at.minute.Add(m.Received)
		}
	}
}

func (t *tree) insert(parent *topic, level string) *topic {
	n := &topic{level: level, parent: parent, opened: t.allOpen, minute: timeline.New(time.Minute, 12)}
	if parent.index == nil {
		parent.index = map[string]*topic{}
	}
	parent.index[level] = n
	i := sort.Search(len(parent.children), func(i int) bool { return parent.children[i].level > level })
	parent.children = append(parent.children, nil)
	copy(parent.children[i+1:], parent.children[i:])
	parent.children[i] = n
	t.topics++
	t.stale = true
	return n
}

// arrange makes the rows again if the tree has changed, and fits the choice to
// the screen. The selection stays on its topic.
func (t *tree) arrange(height int) {
	if t.stale {
		var on *topic
		if t.selected < len(t.lines) {
			on = t.lines[t.selected].topic
		}
		t.lines = t.lines[:0]
		t.walk(t.root, 0, on)
		t.stale = false
	}
	t.resize(len(t.lines), height)
}

func (t *tree) walk(n *topic, depth int, on *topic) {
	for _, c := range n.children {
		if c == on {
			t.selected = len(t.lines)
		}
		t.lines = append(t.lines, treeRow{c, depth})
		if c.opened {
			t.walk(c, depth+1, on)
		}
	}
}

// at returns the selected topic, or nil.
func (t *tree) at() *topic {
	if t.selected >= len(t.lines) {
		return nil
	}
	return t.lines[t.selected].topic
}

// current returns the newest message at the selected topic or below, or nil,
// and the size of its payload.
func (t *tree) current() (*stream.Message, int) {
	if n := t.at(); n != nil {
		return n.newest.last, n.newest.size
	}
	return nil, 0
}

// open shows what is below the selected topic, or goes to the first of it.
func (t *tree) open() {
	switch n := t.at(); {
	case n == nil || len(n.children) == 0:
	case n.opened:
		t.move(1)
	default:
		n.opened, t.stale = true, true
	}
}

// close hides what is below the selected topic, or goes to the one above it.
func (t *tree) close() {
	n := t.at()
	switch {
	case n == nil:
	case n.opened && len(n.children) > 0:
		n.opened, t.stale = false, true
	default:
		for i := t.selected; i >= 0; i-- {
			if t.lines[i].topic == n.parent {
				t.to(i)
			}
		}
	}
}

// toggleAll opens or closes all, and those that come later alike.
func (t *tree) toggleAll() {
	t.allOpen = !t.allOpen
	t.stale = true
	var walk func(*topic)
	walk = func(n *topic) {
		for _, c := range n.children {
			c.opened = t.allOpen
			walk(c)
		}
	}
	walk(t.root)
}
