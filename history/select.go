package history

import (
	"slices"

	"hellox/stream"
)

// match tells whether m is wanted.
func (s *Select) Match(m *stream.Message) bool {
	return s.MatchSource(m.Topic, m.Sender) && s.Filter.Match(m)
}

// matchSource tells whether messages of this topic and sender are wanted,
// whatever Filter says.
func (s *Select) MatchSource(topic, sender string) bool {
	if s.Sender != "" && s.Sender != sender {
		return false
	}
	return len(s.Topics) == 0 ||
		slices.ContainsFunc(s.Topics, func(f string) bool { return stream.MatchTopic(f, topic) })
}

// forward tells in which direction q reads.
func (q *Query) Forward() bool { return q.After > 0 || q.FromStart }

// limit is Limit within its bounds.
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
