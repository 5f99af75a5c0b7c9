package sqlite

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"hellox/history"
	"hellox/stream/filter"
)

// A plan is how a page is searched. It narrows; what it lets through is still
// matched.
type plan struct {
	series []*series      // nil: all
	has    map[int64]bool // the IDs of series, if every row is read and they are too many for where
	merge  bool           // read the series, not every row
	where  string         // a condition on the rows of m; "": none
}

// The most series that are merged, and the most numbers in a condition.
const (
	mergeMost = 256
	listMost  = 512
)

// newPlan plans the page that q asks for of a history of the messages from first
// to last.
func newPlan(q *history.Query, index *seriesIndex, first, last int64) plan {
	var p plan
	expr := q.Filter.Expr()
	narrow := filter.Relax(expr, bySeries)
	if q.Sender != "" || len(q.Topics) > 0 || narrow != nil {
		var count int64
		p.series = index.where(func(one *series) bool {
			return one.committedLast.Load() >= first && q.MatchSeries(one.topic, one.sender) && (narrow == nil || one.match(narrow))
		})
		for _, one := range p.series {
			count += one.committedCount.Load()
		}
		// Merging costs a search for each series and then one for each
		// message; reading every row costs those in between.
		if n := int64(len(p.series)); n <= mergeMost && 4*count <= 3*last {
			p.merge = true
			return p
		}
	}
	var terms []string
	if p.series != nil {
		if len(p.series) <= listMost {
			terms = append(terms, inSeries(p.series))
		} else {
			p.has = make(map[int64]bool, len(p.series))
			for _, one := range p.series {
				p.has[one.id] = true
			}
		}
	}
	if e := filter.Relax(expr, inColumns); e != nil {
		terms = append(terms, index.condition(e))
	}
	p.where = strings.Join(terms, " AND ")
	return p
}

// bySeries reports whether a term depends on topic and sender alone.
func bySeries(t *filter.Term) bool { return t.Key == filter.KeySender || t.Key == filter.KeyTopic }

// match evaluates an expression made of bySeries terms only.
func (s *series) match(e filter.Expr) bool {
	switch e := e.(type) {
	case filter.And:
		for _, x := range e {
			if !s.match(x) {
				return false
			}
		}
		return true
	case filter.Or:
		for _, x := range e {
			if s.match(x) {
				return true
			}
		}
		return false
	case filter.Not:
		return !s.match(e.X)
	case *filter.Term:
		if e.Key == filter.KeySender {
			return e.MatchText(s.sender)
		}
		return e.MatchText(s.topic)
	}
	return true
}

// inColumns reports whether a term can be a condition on the columns of m.
func inColumns(t *filter.Term) bool {
	switch t.Key {
	case filter.KeyIs:
		return t.Text != filter.IsJSON // which depends on the payload
	case filter.KeyQoS, filter.KeyDelta, filter.KeySize, filter.KeySender, filter.KeyTopic:
		return true
	}
	return false
}

// condition writes an expression made of inColumns terms only as SQL. Only
// numbers and the operators of the filter language get into it.
func (s *seriesIndex) condition(e filter.Expr) string {
	switch e := e.(type) {
	case filter.And:
		return s.conditions(e, " AND ")
	case filter.Or:
		return s.conditions(e, " OR ")
	case filter.Not:
		return "NOT " + s.condition(e.X)
	case *filter.Term:
		return s.term(e)
	}
	return "1"
}

func (s *seriesIndex) conditions(operands []filter.Expr, between string) string {
	terms := make([]string, len(operands))
	for i, operand := range operands {
		terms[i] = s.condition(operand)
	}
	return "(" + strings.Join(terms, between) + ")"
}

func (s *seriesIndex) term(t *filter.Term) string {
	switch t.Key {
	case filter.KeyQoS:
		return fmt.Sprintf("(flags & %d %s %d)", flagQoS, t.Op, t.Value)
	case filter.KeySize:
		return fmt.Sprintf("(length(payload) %s %d)", t.Op, t.Value)
	case filter.KeyDelta:
		// A message without a delta makes the term false, not NULL.
		return fmt.Sprintf("ifnull(delta * 1000 %s %d, 0)", t.Op, t.Value)
	case filter.KeyIs:
		switch t.Text {
		case filter.IsRetained:
			return fmt.Sprintf("(flags & %d <> 0)", flagRetained)
		case filter.IsOurs:
			return fmt.Sprintf("(flags & %d <> 0)", flagOurs)
		case filter.IsReordered:
			return fmt.Sprintf("(flags & %d <> 0)", flagReordered)
		case filter.IsMissed:
			return fmt.Sprintf("(flags >> %d <> 0)", missedShift)
		}
	}
	return inSeries(s.where(func(one *series) bool { return one.match(t) }))
}

func inSeries(list []*series) string {
	b := []byte("source IN (")
	for i, one := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, one.id, 10)
	}
	return string(append(b, ')'))
}

// ageMargin spares a row whose age passes its bound while the page is read.
const ageMargin = time.Minute

// ageBounds returns q's bounds of time, narrowed by its filter's terms of
// the age.
func ageBounds(q *history.Query, now time.Time) (since, until time.Time) {
	since, until = q.Since, q.Until
	terms, ok := q.Filter.Expr().(filter.And)
	if !ok {
		terms = filter.And{q.Filter.Expr()}
	}
	for _, e := range terms {
		t, ok := e.(*filter.Term)
		if !ok || t.Key != filter.KeyAge {
			continue
		}
		at := now.Add(-time.Duration(t.Value))
		switch t.Op {
		case filter.Less, filter.LessEqual:
			if since.Before(at) {
				since = at
			}
		case filter.Greater, filter.GreaterEqual:
			if at = at.Add(ageMargin); until.IsZero() || at.Before(until) {
				until = at
			}
		}
	}
	return since, until
}
