package history

import (
	"cmp"
	"slices"

	"hellox/stream"
)

// A Topic is what the history holds of one topic.
type Topic struct {
	Topic    string
	Messages uint64 // stored; counted on while one of them is there
	LastID   int64  // of its newest message
}

// TopicCounts counts the messages of topics, by their names.
type TopicCounts map[string]*Topic

// Topic returns the count of a topic, and makes it if it is not there.
func (c TopicCounts) Topic(name string) *Topic {
	t := c[name]
	if t == nil {
		t = &Topic{Topic: name}
		c[name] = t
	}
	return t
}

// Add counts m, whose ID is the newest.
func (c TopicCounts) Add(m *stream.Message) {
	t := c.Topic(m.Topic)
	t.Messages++
	t.LastID = m.ID
}

// Sorted returns copies of the topics, by name.
func (c TopicCounts) Sorted() []Topic {
	all := make([]Topic, 0, len(c))
	for _, t := range c {
		all = append(all, *t)
	}
	slices.SortFunc(all, func(a, b Topic) int { return cmp.Compare(a.Topic, b.Topic) })
	return all
}
