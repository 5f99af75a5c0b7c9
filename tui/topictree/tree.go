package topictree

import (
	"sort"
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
)

// A Tree counts the messages of each topic.
type Tree struct {
	Root   *Topic // above the first levels
	Topics int    // how many there are, without Root
	Over   uint64 // messages of topics beyond MaxTopics
}

// New returns an empty tree.
func New() Tree { return Tree{Root: &Topic{Opened: true}} }

// Add counts a message at its topic and at all above it, and reports whether
// there are new topics. They are opened or not as opened says.
func (t *Tree) Add(m *stream.Message, opened bool) (grown bool) {
	at, rest := t.Root, m.Topic
	for more := true; more; {
		var level string
		level, rest, more = strings.Cut(rest, "/")
		next := at.index[level]
		if next == nil {
			if t.Topics >= MaxTopics {
				t.Over++
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

func (t *Tree) insert(parent *Topic, level string, opened bool) *Topic {
	n := &Topic{Level: level, Parent: parent, Opened: opened, Minute: timeline.New(time.Minute, 12)}
	if parent.index == nil {
		parent.index = map[string]*Topic{}
	}
	parent.index[level] = n
	i := sort.Search(len(parent.Children), func(i int) bool { return parent.Children[i].Level > level })
	parent.Children = append(parent.Children, nil)
	copy(parent.Children[i+1:], parent.Children[i:])
	parent.Children[i] = n
	t.Topics++
	return n
}
