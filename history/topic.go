package history

// A Topic is what the history holds of one topic.
type Topic struct {
	Topic    string
	Messages uint64 // stored; counted on while one of them is there
	LastID   int64  // of its newest message
}
