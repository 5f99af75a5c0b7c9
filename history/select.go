package history

import (
	"slices"

	"hellox/stream"
)

// Match reports whether m is selected.
func (s *Select) Match(m *stream.Message) bool {
	return s.MatchSeries(m.Topic, m.Sender) && s.Filter.Match(m)
}

// Wants reports whether e is an event of a message or sender that is selected.
// Other events concern every follower.
func (s *Select) Wants(e *Event) bool {
	switch {
	case e.Message != nil:
		return s.Match(e.Message)
	case e.Sender != nil:
		return s.Sender == "" || s.Sender == e.Sender.Sender
	}
	return true
}

// Key returns a text that is equal for equal selections, however their filters
// are written; "" for the selection of everything. No topic holds a NUL, and
// the filter stands last.
func (s *Select) Key() string {
	if len(s.Topics) == 0 && s.Sender == "" && s.Filter == nil {
		return ""
	}
	key := ""
	for _, t := range s.Topics {
		key += t + "\x00"
	}
	key += "\x00" + s.Sender + "\x00"
	if expr := s.Filter.Expr(); expr != nil {
		key += expr.String()
	}
	return key
}

// MatchSeries reports whether messages of this topic and sender are selected,
// whatever Filter says.
func (s *Select) MatchSeries(topic, sender string) bool {
	if s.Sender != "" && s.Sender != sender {
		return false
	}
	return len(s.Topics) == 0 ||
		slices.ContainsFunc(s.Topics, func(f string) bool { return stream.MatchTopic(f, topic) })
}

// Forward reports whether q reads towards newer messages.
func (q *Query) Forward() bool { return q.After > 0 || q.FromStart }

// PageSize is Limit within its bounds.
func (q *Query) PageSize() int {
	switch {
	case q.Limit <= 0:
		return 100
	case q.Limit > MaxLimit:
		return MaxLimit
	}
	return q.Limit
}

// MaxLimit is the largest page.
const MaxLimit = 10_000
