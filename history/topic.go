package history

import (
	"cmp"
	"slices"
)

// A Topic is what the history holds of one topic.
type Topic struct {
	Topic    string
	Messages uint64 // stored; counted on while one of them is there
	LastID   int64  // of its newest message
}

// SortTopics returns copies of the topics, by name.
func SortTopics(topics map[string]*Topic) []Topic {
	all := make([]Topic, 0, len(topics))
	for _, t := range topics {
		all = append(all, *t)
	}
	slices.SortFunc(all, func(a, b Topic) int { return cmp.Compare(a.Topic, b.Topic) })
	return all
}
