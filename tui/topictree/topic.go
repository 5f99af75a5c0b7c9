package topictree

import (
	"bytes"
	"strings"
	"time"

	"hellox/stream"
	"hellox/tui/timeline"
)

// A Topic is one level of a topic.
type Topic struct {
	Level    string
	Parent   *Topic
	Children []*Topic // by level
	index    map[string]*Topic
	Opened   bool
	Count    uint64          // messages at it and below
	Last     *stream.Message // the newest exactly at it, its payload cut at MaxPayload
	Size     int             // of that payload, whole
	Newest   *Topic          // the one at it or below with the newest message
	Seen     time.Time       // when the newest of them that was not retained was received; zero: none
	Minute   timeline.Timeline
}

// Path returns the whole topic.
func (n *Topic) Path() string {
	if n.Parent == nil || n.Parent.Parent == nil {
		return n.Level
	}
	return n.Parent.Path() + "/" + n.Level
}

// receive makes m the newest message of the topic, and counts it there and at
// all above.
func (n *Topic) receive(m *stream.Message) {
	n.Last, n.Size = m, len(m.Payload)
	if n.Size > MaxPayload {
		cut := *m
		cut.Payload = bytes.Clone(m.Payload[:MaxPayload])
		cut.Text = strings.Clone(m.Text[:min(len(m.Text), MaxPayload)])
		n.Last = &cut
	}
	for at := n; at != nil; at = at.Parent {
		at.Newest = n
		at.Count++
		if m.Retained {
			continue // of unknown age
		}
		if m.Received.After(at.Seen) {
			at.Seen = m.Received
		}
		if at.Parent != nil {
			at.Minute.Add(m.Received)
		}
	}
}
