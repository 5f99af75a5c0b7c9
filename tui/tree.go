package tui

import (
	"cmp"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/history"
	"hellox/stream"
	"hellox/tui/source"
	"hellox/tui/topictree"
	"hellox/tui/units"
)

// autoFold is how many rows the tree shows before the user has opened or closed any.
const autoFold = 200

// treeModel is the tab of topics: a tree of their levels, of which each can be
// opened and closed.
type treeModel struct {
	shared  *shared
	topics  topictree.Tree
	lines   []treeLine
	stale   bool // lines have to be made again
	stay    bool // then the cursor stays on its row, not on its topic
	allOpen bool
	touched bool // the user has opened or closed topics
	order   treeOrder
	asked   map[int64]bool // messages that were asked for
	partly  uint64         // only so many of the newest are counted; 0: all
	cursor  cursor
}

// A treeLine is a topic that is not hidden by a closed one above it. Levels with
// one topic and no message are joined to one line.
type treeLine struct {
	topic *topictree.Topic
	level string
	depth int
}

// A treeOrder is what the topics of a level are sorted by.
type treeOrder int

const (
	byName treeOrder = iota
	byRate
	byAge
	byCount
	treeOrders // how many
)

// orderNames name the orders.
var orderNames = [treeOrders]string{"by name", "by rate", "by age", "by count"}

func newTreeModel(sh *shared) treeModel {
	return treeModel{shared: sh, topics: topictree.New(), allOpen: true, asked: map[int64]bool{}}
}

// update takes messages in, and keys.
func (t treeModel) update(msg tea.Msg) treeModel {
	switch msg := msg.(type) {
	case source.NewestMsg:
		t.topics, t.asked, t.partly, t.stale = topictree.After(t.topics), map[int64]bool{}, 0, true
		msg.EachUncounted(t.add) // the others are counted by the store, or the survey
	case source.EventsMsg:
		for i := range msg.Events {
			if m := msg.Events[i].Message; m != nil {
				t.add(m)
			}
		}
	case source.TopicsMsg:
		t.begin(msg.Topics)
	case source.LastMsg:
		for i := range msg.Messages {
			t.topics.Show(&msg.Messages[i], t.allOpen)
		}
	case source.TickMsg:
		t.stale = t.stale || t.order != byName
	case tea.KeyMsg:
		t.press(msg)
	default:
		navigate(t.shared.keys, &t.cursor, msg)
	}
	return t
}

// press takes a key.
func (t *treeModel) press(msg tea.KeyMsg) {
	k := t.shared.keys
	switch n := t.at(); {
	case key.Matches(msg, k.Open):
		t.open()
	case key.Matches(msg, k.Close):
		t.close()
	case key.Matches(msg, k.OpenAll):
		t.toggleAll()
	case key.Matches(msg, k.Sort):
		t.order, t.stale, t.stay = (t.order+1)%treeOrders, true, true
		t.resort()
	case n != nil && key.Matches(msg, k.Pin):
		n.Pinned, n.Muted = !n.Pinned, false
		t.rerank(n)
	case n != nil && key.Matches(msg, k.Mute):
		n.Muted, n.Pinned, n.Opened = !n.Muted, false, false
		t.rerank(n)
	default:
		navigate(k, &t.cursor, msg)
	}
}

// rerank moves a topic to where it belongs now; where it is joined to topics above
// it, with those.
func (t *treeModel) rerank(n *topictree.Topic) {
	for up := n; up.Parent != nil; up = up.Parent {
		up.Pinned, up.Muted = n.Pinned, n.Muted
		up.Parent.Rerank()
		if up.Parent.Has() || len(up.Parent.Children) != 1 {
			break
		}
	}
	t.stale, t.stay = true, true
}

// resort has all topics sorted anew.
func (t *treeModel) resort() {
	t.topics.Root.Rerank()
	t.topics.Root.Walk(func(n *topictree.Topic, _ int) { n.Rerank() })
}

// begin takes in what the store has counted of the topics that are selected.
func (t *treeModel) begin(topics []history.Topic) {
	totals := make([]topictree.Total, 0, len(topics))
	for _, one := range topics {
		if t.shared.sel.MatchSeries(one.Topic, "") {
			totals = append(totals, topictree.Total(one))
		}
	}
	if t.topics.Begin(totals, t.allOpen) {
		t.stale = true
	}
}

// recall takes in older messages, and counts them where counted says so.
func (t *treeModel) recall(messages []stream.Message, counted bool) {
	for i := range messages {
		if t.topics.Recall(&messages[i], counted, t.allOpen) {
			t.stale = true
		}
	}
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
		if t.stay {
			on, t.stay = nil, false
		}
		t.list(on)
		if !t.touched && len(t.lines) > autoFold {
			t.fold()
			t.list(on)
		}
		t.stale = false
	}
	t.cursor.resize(len(t.lines), height)
}

// list makes the lines.
func (t *treeModel) list(on *topictree.Topic) {
	clear(t.lines)
	t.lines = t.lines[:0]
	t.below(t.topics.Root, 0, on)
}

// below appends the lines below a topic.
func (t *treeModel) below(n *topictree.Topic, depth int, on *topictree.Topic) {
	n.Sort(t.comparison())
	for _, c := range n.Children {
		level := c.Level
		found := c == on
		for len(c.Children) == 1 && !c.Has() {
			c = c.Children[0]
			level += "/" + c.Level
			found = found || c == on
		}
		if found {
			t.cursor.selected = len(t.lines)
		}
		t.lines = append(t.lines, treeLine{c, level, depth})
		if c.Opened {
			t.below(c, depth+1, on)
		}
	}
}

// comparison returns the order of the topics of a level; nil: by name.
func (t *treeModel) comparison() func(a, b *topictree.Topic) int {
	switch t.order {
	case byRate:
		now := t.shared.now()
		return func(a, b *topictree.Topic) int { return cmp.Compare(b.Rate(now), a.Rate(now)) }
	case byAge:
		return func(a, b *topictree.Topic) int { return b.Seen.Compare(a.Seen) }
	case byCount:
		return func(a, b *topictree.Topic) int { return cmp.Compare(b.Count, a.Count) }
	}
	return nil
}

// fold closes topics, so that as many levels as fit into autoFold rows are shown.
func (t *treeModel) fold() {
	var counts []int // of topics, by depth
	t.topics.Root.Walk(func(_ *topictree.Topic, depth int) {
		for len(counts) <= depth {
			counts = append(counts, 0)
		}
		counts[depth]++
	})
	shown, rows := 0, 0
	for shown < len(counts) && (shown == 0 || rows+counts[shown] <= autoFold) {
		rows += counts[shown]
		shown++
	}
	t.topics.Root.Walk(func(n *topictree.Topic, depth int) { n.Opened = depth+1 < shown })
	t.allOpen = false
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
	if n := t.at(); n != nil && n.Newest != nil {
		return n.Newest.Last, n.Newest.Size
	}
	return nil, 0
}

// load reads the newest messages of the topics on the screen that are not known.
func (t treeModel) load() (treeModel, tea.Cmd) {
	var ids []int64
	want := func(n *topictree.Topic) {
		if n != nil && n.Last == nil && n.LastID > 0 && !t.asked[n.LastID] {
			t.asked[n.LastID] = true
			ids = append(ids, n.LastID)
		}
	}
	from, to := t.cursor.visible()
	for _, l := range t.lines[from:to] {
		want(l.topic)
		want(l.topic.Newest)
	}
	if len(ids) == 0 {
		return t, nil
	}
	return t, t.shared.src.Last(t.shared.gen, ids)
}

// open shows what is below the selected topic, or selects the first of it.
func (t *treeModel) open() {
	switch n := t.at(); {
	case n == nil || len(n.Children) == 0:
	case n.Opened:
		t.cursor.move(1)
	default:
		t.set(n, true)
	}
}

// set opens or closes a topic.
func (t *treeModel) set(n *topictree.Topic, opened bool) {
	n.Opened, t.stale, t.touched = opened, true, true
}

// toggle opens or closes the selected topic. It returns false if none is below it.
func (t *treeModel) toggle() bool {
	n := t.at()
	if n == nil || len(n.Children) == 0 {
		return false
	}
	t.set(n, !n.Opened)
	return true
}

// close hides what is below the selected topic, or selects the one above it.
func (t *treeModel) close() {
	n := t.at()
	switch {
	case n == nil:
	case n.Opened && len(n.Children) > 0:
		t.set(n, false)
	default:
		depth := t.lines[t.cursor.selected].depth
		for i := t.cursor.selected; i >= 0; i-- {
			if t.lines[i].depth < depth {
				t.cursor.to(i)
				return
			}
		}
	}
}

// toggleAll opens or closes all topics, also those to come.
func (t *treeModel) toggleAll() {
	t.allOpen = !t.allOpen
	t.stale, t.touched = true, true
	t.topics.Root.Walk(func(n *topictree.Topic, _ int) { n.Opened = t.allOpen })
}

// state describes for the foot what the tree does not show, and its order.
func (t *treeModel) state() string {
	switch {
	case t.topics.Over > 0:
		return units.Count(t.topics.Over) + " of further topics not shown "
	case t.partly > 0:
		return "of the newest " + units.Count(t.partly) + " "
	}
	return orderNames[t.order] + " "
}
