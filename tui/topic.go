package tui

import (
	"bytes"
	"sort"
	"strings"
	"time"

	"hellox/stream"
	"hellox/tui/timeline"
)

// The tree is bounded: publishers with ever new topics, or with ever larger
// messages, must not fill the memory.
const (
	maxTopics       = 20_000
	maxTopicPayload = 4 << 10 // bytes held of a topic's newest payload
)

// A topic is one level of the tree of topics.
type topic struct {
	level    string
	parent   *topic
	children []*topic // by level
	index    map[string]*topic
	opened   bool
	count    uint64          // messages at it and below
	last     *stream.Message // the newest exactly at it, its payload cut at maxTopicPayload
	size     int             // of that payload, whole
	newest   *topic          // the one at it or below with the newest message
	seen     time.Time       // when that was
	minute   timeline.Timeline
}

// A topicTree counts the messages of each topic since the list began.
type topicTree struct {
	root   *topic
	topics int
	over   uint64 // messages of topics beyond maxTopics
}

func newTopicTree() topicTree { return topicTree{root: &topic{opened: true}} }

// add counts a message at its topic and at all above it. Topics that are new
// are opened or not; add reports whether there are any.
func (t *topicTree) add(m *stream.Message, opened bool) (grown bool) {
	at, rest := t.root, m.Topic
	for more := true; more; {
		var level string
		level, rest, more = strings.Cut(rest, "/")
		next := at.index[level]
		if next == nil {
			if t.topics >= maxTopics {
				t.over++
				return grown
			}
			next = t.insert(at, level, opened)
			grown = true
		}
		at = next
	}
	at.receive(m)
	return grown
}

func (t *topicTree) insert(parent *topic, level string, opened bool) *topic {
	n := &topic{level: level, parent: parent, opened: opened, minute: timeline.New(time.Minute, 12)}
	if parent.index == nil {
		parent.index = map[string]*topic{}
	}
	parent.index[level] = n
	i := sort.Search(len(parent.children), func(i int) bool { return parent.children[i].level > level })
	parent.children = append(parent.children, nil)
	copy(parent.children[i+1:], parent.children[i:])
	parent.children[i] = n
	t.topics++
	return n
}

// receive makes m the newest message of the topic, and counts it there and at
// all above.
func (n *topic) receive(m *stream.Message) {
	n.last, n.size = m, len(m.Payload)
	if n.size > maxTopicPayload {
		cut := *m
		cut.Payload = bytes.Clone(m.Payload[:maxTopicPayload])
		cut.Text = strings.Clone(m.Text[:min(len(m.Text), maxTopicPayload)])
		n.last = &cut
	}
	for at := n; at != nil; at = at.parent {
		at.newest = n
		at.count++
		if m.Received.After(at.seen) {
			at.seen = m.Received
		}
		if !m.Retained && at.parent != nil {
			at.minute.Add(m.Received)
		}
	}
}
