package tui

import (
	"cmp"
	"slices"
	"strings"

	"hellox/stream"
	"hellox/tui/topictree"
)

// A senderOrder is what the senders are sorted by; within it, by their names.
type senderOrder int

const (
	byTrouble senderOrder = iota
	bySender
	bySenderRate
	byMissed
	byLatency
	senderOrders // how many
)

// senderOrderNames name the orders.
var senderOrderNames = [senderOrders]string{"by trouble", "by name", "by rate", "by missed", "by latency"}

// compare orders two senders.
func (o senderOrder) compare(a, b *stream.Sender) int {
	c := 0
	switch o {
	case byTrouble:
		c = cmp.Compare(a.Trouble(), b.Trouble())
	case bySenderRate:
		c = cmp.Compare(b.Rates.Minute, a.Rates.Minute)
	case byMissed:
		c = cmp.Compare(b.Missed, a.Missed)
	case byLatency:
		c = cmp.Compare(p99(b), p99(a))
	}
	return cmp.Or(c, topictree.Compare(a.Sender, b.Sender))
}

// p99 returns the latency that one in a hundred messages of s exceeds; -1 if that is
// not known.
func p99(s *stream.Sender) float64 {
	if s.LatencyMS == nil {
		return -1
	}
	return s.LatencyMS.P99
}

// arrange makes the rows anew: the senders that pass the filter, in order. The
// selection stays on its sender.
func (s *sendersModel) arrange() {
	name := s.selected
	if on := s.current(); on != nil {
		name = on.Sender
	}
	s.rows = s.rows[:0]
	for i := range s.all {
		if s.passes(i) {
			s.rows = append(s.rows, i)
		}
	}
	shown := make([]*stream.Sender, len(s.all)) // as at has them
	for _, i := range s.rows {
		shown[i] = s.at(i)
	}
	slices.SortFunc(s.rows, func(a, b int) int { return s.order.compare(shown[a], shown[b]) })
	for row, i := range s.rows {
		if s.all[i].Sender == name {
			s.cursor.selected = row
		}
	}
	s.stale = false
}

// passes reports whether the filter's words occur in the name, state or pod of a
// sender.
func (s *sendersModel) passes(i int) bool {
	if s.filter == "" {
		return true
	}
	one := s.at(i)
	text := strings.ToLower(one.Sender + " " + string(one.State) + " " + podText(one))
	for _, word := range strings.Fields(strings.ToLower(s.filter)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
