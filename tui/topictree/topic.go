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
	Children []*Topic // in the order of their names once Sort has been called
	index    map[string]*Topic
	unsorted bool
	twin     *Topic // in the tree before, from which it has what the user has made of it
	Opened   bool
	Pinned   bool            // listed first
	Muted    bool            // listed last
	Count    uint64          // messages at it and below
	own      uint64          // messages exactly at it
	base     int64           // up to this ID they were counted by the store
	LastID   int64           // of the newest message exactly at it; 0: none is known
	Last     *stream.Message // that message, its payload cut at MaxPayload; nil: it is not read yet
	Size     int             // of that payload, whole
	Newest   *Topic          // the one at it or below with the newest message
	Seen     time.Time       // when the newest of them that was not retained was received; zero: none is known
	Minute   timeline.Timeline
}

// Path returns the whole topic.
func (n *Topic) Path() string {
	if n.Parent == nil || n.Parent.Parent == nil {
		return n.Level
	}
	return n.Parent.Path() + "/" + n.Level
}

// Walk calls f for each topic below n, those above before those below them, with how
// many levels it is below the first.
func (n *Topic) Walk(f func(below *Topic, depth int)) { n.walk(0, f) }

func (n *Topic) walk(depth int, f func(*Topic, int)) {
	for _, c := range n.Children {
		f(c, depth)
		c.walk(depth+1, f)
	}
}

// Rate returns the messages a second in the last minute, at it and below.
func (n *Topic) Rate(now time.Time) float64 { return float64(n.Minute.Sum(now, time.Minute)) / 60 }

// Has reports whether there are messages exactly at the topic.
func (n *Topic) Has() bool { return n.own > 0 || n.LastID > 0 }

// count adds messages at the topic.
func (n *Topic) count(messages uint64) {
	n.own += messages
	for at := n; at != nil; at = at.Parent {
		at.Count += messages
	}
}

// observe takes in what m says about the topic, and counts it in the rates.
func (n *Topic) observe(m *stream.Message) {
	n.show(m)
	for at := n; at.Parent != nil && !m.Retained; at = at.Parent {
		at.Minute.Add(m.Received)
	}
}

// show takes in what m says about the topic, and counts nothing.
func (n *Topic) show(m *stream.Message) {
	if n.Last == nil && m.ID >= n.LastID || m.ID > n.LastID || m.ID == 0 {
		n.hold(m)
	}
	for at := n; at != nil; at = at.Parent {
		if at.Newest == nil || at.Newest.LastID <= n.LastID {
			at.Newest = n
		}
		if m.Retained {
			continue // of unknown age
		}
		if m.Received.After(at.Seen) {
			at.Seen = m.Received
		}
	}
}

// hold makes m the newest message of the topic.
func (n *Topic) hold(m *stream.Message) {
	n.LastID = m.ID
	n.Last, n.Size = m, len(m.Payload)
	if n.Size > MaxPayload {
		cut := *m
		cut.Payload = bytes.Clone(m.Payload[:MaxPayload])
		cut.Text = strings.Clone(m.Text[:min(len(m.Text), MaxPayload)])
		n.Last = &cut
	}
}
