package tui

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/stream"
	"hellox/tui/source"
	"hellox/tui/topictree"
	"hellox/tui/units"
)

// treeModel is the tab of topics: a tree of their levels, of which each can be
// opened and closed.
type treeModel struct {
	shared  *shared
	topics  topictree.Tree
	lines   []treeLine
	stale   bool // lines have to be made again
	allOpen bool
	cursor  cursor
}

// A treeLine is a topic that is not hidden by a closed one above it.
type treeLine struct {
	topic *topictree.Topic
	depth int
}

func newTreeModel(sh *shared) treeModel {
	return treeModel{shared: sh, topics: topictree.New(), allOpen: true}
}

// update takes messages in, and keys.
func (t treeModel) update(msg tea.Msg) treeModel {
	switch msg := msg.(type) {
	case source.NewestMsg:
		t = newTreeModel(t.shared)
		for i := range msg.Page.Messages {
			t.add(&msg.Page.Messages[i])
		}
	case source.EventsMsg:
		for i := range msg.Events {
			if m := msg.Events[i].Message; m != nil {
				t.add(m)
			}
		}
	case tea.KeyMsg:
		k := t.shared.keys
		switch {
		case key.Matches(msg, k.Open):
			t.open()
		case key.Matches(msg, k.Close):
			t.close()
		case key.Matches(msg, k.OpenAll):
			t.toggleAll()
		default:
			navigate(k, &t.cursor, msg)
		}
	default:
		navigate(t.shared.keys, &t.cursor, msg)
	}
	return t
}

// add counts a message at its topic.
func (t *treeModel) add(m *stream.Message) {
	if t.topics.Add(m, t.allOpen) {
		t.stale = true
	}
}

// resize makes the lines again if the tree has changed, and fits the cursor to
// the screen. The selection stays on its topic.
func (t *treeModel) resize(height int) {
	if t.stale {
		on := t.at()
		t.lines = t.lines[:0]
		t.list(t.topics.Root, 0, on)
		t.stale = false
	}
	t.cursor.resize(len(t.lines), height)
}

// list appends the lines below a topic.
func (t *treeModel) list(n *topictree.Topic, depth int, on *topictree.Topic) {
	for _, c := range n.Children {
		if c == on {
			t.cursor.selected = len(t.lines)
		}
		t.lines = append(t.lines, treeLine{c, depth})
		if c.Opened {
			t.list(c, depth+1, on)
		}
	}
}

// at returns the selected topic, or nil.
func (t *treeModel) at() *topictree.Topic {
	if t.cursor.selected >= len(t.lines) {
		return nil
	}
	return t.lines[t.cursor.selected].topic
}

// current returns the newest message at the selected topic or below, or nil,
// and the size of its payload.
func (t *treeModel) current() (*stream.Message, int) {
	if n := t.at(); n != nil {
		return n.Newest.Last, n.Newest.Size
	}
	return nil, 0
}

// open shows what is below the selected topic, or selects the first of it.
func (t *treeModel) open() {
	switch n := t.at(); {
	case n == nil || len(n.Children) == 0:
	case n.Opened:
		t.cursor.move(1)
	default:
		n.Opened, t.stale = true, true
	}
}

// toggle opens or closes the selected topic. It returns false if none is below it.
func (t *treeModel) toggle() bool {
	n := t.at()
	if n == nil || len(n.Children) == 0 {
		return false
	}
	n.Opened, t.stale = !n.Opened, true
	return true
}

// close hides what is below the selected topic, or selects the one above it.
func (t *treeModel) close() {
	n := t.at()
	switch {
	case n == nil:
	case n.Opened && len(n.Children) > 0:
		n.Opened, t.stale = false, true
	default:
		for i := t.cursor.selected; i >= 0; i-- {
			if t.lines[i].topic == n.Parent {
				t.cursor.to(i)
			}
		}
	}
}

// toggleAll opens or closes all topics, also those to come.
func (t *treeModel) toggleAll() {
	t.allOpen = !t.allOpen
	t.stale = true
	var walk func(*topictree.Topic)
	walk = func(n *topictree.Topic) {
		for _, c := range n.Children {
			c.Opened = t.allOpen
			walk(c)
		}
	}
	walk(t.topics.Root)
}

// state describes for the foot what the tree does not show.
func (t *treeModel) state() string {
	if t.topics.Over > 0 {
		return units.Count(t.topics.Over) + " of further topics not shown "
	}
	return "following "
}
