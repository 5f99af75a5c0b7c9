package topictree

import (
	"slices"
	"strings"
	"time"

	"hellox/stream"
	"hellox/tui/timeline"
)

// A tree is bounded: publishers with ever new topics, or with ever larger
// messages, must not fill the memory.
const (
	MaxTopics  = 20_000
	MaxPayload = 4 << 10 // bytes held of a topic's newest payload
	maxLate    = 100_000
)

// A Tree counts the messages of each topic.
type Tree struct {
	Root   *Topic // above the first levels
	Topics int    // how many there are, without Root
	Over   uint64 // messages of topics beyond MaxTopics
	late   []late // since New, until Begin
	begun  bool
}

// A late message was counted before it was known whether the store counts it too.
type late struct {
	at *Topic
	id int64
}

// A Total is what the store has counted of a topic.
type Total struct {
	Topic    string
	Messages uint64
	LastID   int64 // of the newest of them
}

// New returns an empty tree.
func New() Tree { return Tree{Root: &Topic{Opened: true}} }

// After returns an empty tree, whose topics will be opened, pinned and muted as
// those in old are.
func After(old Tree) Tree {
	old.Root.twin = nil
	old.Root.Walk(func(n *Topic, _ int) { n.twin = nil })
	return Tree{Root: &Topic{Opened: true, twin: old.Root}}
}

// Begin sets what the store has counted, from which on the tree counts: messages
// added before are in there up to the LastID of their topic. It reports whether
// there are new topics, which are opened or not as opened says.
func (t *Tree) Begin(totals []Total, opened bool) (grown bool) {
	for i := range totals {
		at, isNew := t.find(totals[i].Topic, opened)
		if at == nil {
			t.Over += totals[i].Messages
			continue
		}
		grown = grown || isNew
		at.count(totals[i].Messages - at.own) // wraps around where that is less
		at.base = totals[i].LastID
		if at.LastID < at.base {
			at.LastID, at.Last = at.base, nil
		}
		for up := at; up != nil; up = up.Parent {
			if up.Newest == nil || up.Newest.LastID <= at.LastID {
				up.Newest = at
			}
		}
	}
	for _, l := range t.late {
		if l.at.base > 0 && l.id > l.at.base {
			l.at.count(1)
		}
	}
	t.late, t.begun = nil, true
	return grown
}

// Add counts a message at its topic and at all above it, and reports whether
// there are new topics. They are opened or not as opened says.
func (t *Tree) Add(m *stream.Message, opened bool) (grown bool) {
	at, grown := t.find(m.Topic, opened)
	if at == nil {
		t.Over++
		return grown
	}
	if m.ID > at.base || m.ID == 0 {
		at.count(1)
		if !t.begun && len(t.late) < maxLate {
			t.late = append(t.late, late{at, m.ID})
		}
	}
	at.observe(m)
	return grown
}

// Recall takes in a message that is older than those added, and counts it where
// counted says so.
func (t *Tree) Recall(m *stream.Message, counted, opened bool) (grown bool) {
	at, grown := t.find(m.Topic, opened)
	switch {
	case at != nil && counted:
		at.count(1)
		at.observe(m)
	case at != nil:
		at.observe(m)
	case counted:
		t.Over++
	}
	return grown
}

// Show takes in the newest message of a topic, which was read to be shown, and counts
// nothing: a recent one is added or recalled as well.
func (t *Tree) Show(m *stream.Message, opened bool) {
	if at, _ := t.find(m.Topic, opened); at != nil {
		at.show(m)
	}
}

// find returns a topic, and whether it is new; nil if there is no room for it.
func (t *Tree) find(topic string, opened bool) (at *Topic, grown bool) {
	at, rest := t.Root, topic
	for more := true; more; {
		var level string
		level, rest, more = strings.Cut(rest, "/")
		next := at.index[level]
		if next == nil {
			if t.Topics >= MaxTopics {
				return nil, grown
			}
			next = t.insert(at, level, opened)
			grown = true
		}
		at = next
	}
	return at, grown
}

func (t *Tree) insert(parent *Topic, level string, opened bool) *Topic {
	n := &Topic{Level: level, Parent: parent, Opened: opened, Minute: timeline.New(time.Minute, 12)}
	if parent.index == nil {
		parent.index = map[string]*Topic{}
	}
	parent.index[level] = n
	if parent.twin != nil {
		if n.twin = parent.twin.index[level]; n.twin != nil {
			n.Opened, n.Pinned, n.Muted = n.twin.Opened, n.twin.Pinned, n.twin.Muted
		}
	}
	parent.Children = append(parent.Children, n)
	parent.unsorted = true
	t.Topics++
	return n
}

// Sort puts the children in order: those that are pinned first and those that are
// muted last, then as compare says; nil is by their names.
func (n *Topic) Sort(compare func(a, b *Topic) int) {
	if compare == nil && !n.unsorted {
		return
	}
	n.unsorted = compare != nil
	slices.SortStableFunc(n.Children, func(a, b *Topic) int {
		if r := rank(a) - rank(b); r != 0 {
			return r
		}
		if compare != nil {
			if c := compare(a, b); c != 0 {
				return c
			}
		}
		return Compare(a.Level, b.Level)
	})
}

// Rerank has the children sorted anew by the next Sort.
func (n *Topic) Rerank() { n.unsorted = true }

func rank(n *Topic) int {
	switch {
	case n.Pinned:
		return -1
	case n.Muted:
		return 1
	}
	return 0
}
