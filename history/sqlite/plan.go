package sqlite

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"hellox/history"
	"hellox/stream/filter"
)

// A plan says how a page is looked for. It narrows; what it lets through is
// still matched.
type plan struct {
	sources []*source      // nil: all
	has     map[int64]bool // the ids of sources, if reading every row and too many for where
	merge   bool           // read the chains of sources, not every row
	where   string         // a condition on the rows of m; "": none
}

// The most chains that are merged, and the most numbers in a condition.
const (
	mergeMost = 256
	listMost  = 512
)

func (s *Store) plan(q *history.Query) plan {
	var p plan
	expr := q.Filter.Expr()
	narrow := filter.Relax(expr, bySource)
	if q.Sender != "" || len(q.Topics) > 0 || narrow != nil {
		var count int64
		p.sources = s.sources.where(func(src *source) bool {
			last := src.shown.Load()
			return last >= s.first.Load() && q.MatchSource(src.topic, src.sender) && (narrow == nil || src.match(narrow))
		})
		for _, src := range p.sources {
			count += src.shownCount.Load()
		}
		// Following chains costs a search for each source and then one for
		// each message; reading every row costs those in between.
		kept := s.last.Load()
		if n := int64(len(p.sources)); n <= mergeMost && 4*count <= 3*kept {
			p.merge = true
			return p
		}
	}
	var terms []string
	if p.sources != nil {
		if len(p.sources) <= listMost {
			terms = append(terms, inSources(p.sources))
		} else {
			p.has = make(map[int64]bool, len(p.sources))
			for _, src := range p.sources {
				p.has[src.id] = true
			}
		}
	}
	if e := filter.Relax(expr, inColumns); e != nil {
		terms = append(terms, s.condition(e))
	}
	p.where = strings.Join(terms, " AND ")
	return p
}

// bySource tells whether a term only looks at what a source is.
func bySource(t *filter.Term) bool { return t.Key == filter.KeySender || t.Key == filter.KeyTopic }

// match evaluates an expression made of bySource terms only.
func (s *source) match(e filter.Expr) bool {
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

// inColumns tells whether a term can be a condition on the columns of m.
func inColumns(t *filter.Term) bool {
	switch t.Key {
	case filter.KeyQoS, filter.KeyIs, filter.KeyDelta, filter.KeySize, filter.KeySender, filter.KeyTopic:
		return true
	}
	return false
}

// condition writes an expression made of inColumns terms only as SQL. Only
// numbers and the operators of the filter language get into it.
func (s *Store) condition(e filter.Expr) string {
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

func (s *Store) conditions(operands []filter.Expr, between string) string {
	terms := make([]string, len(operands))
	for i, x := range operands {
		terms[i] = s.condition(x)
	}
	return "(" + strings.Join(terms, between) + ")"
}

func (s *Store) term(t *filter.Term) string {
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
	return inSources(s.sources.where(func(src *source) bool { return src.match(t) }))
}

func inSources(list []*source) string {
	b := []byte("source IN (")
	for i, src := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, src.id, 10)
	}
	return string(append(b, ')'))
}

// ageMargin keeps a row whose age passes its bound while the page is read.
const ageMargin = time.Minute

// ageBounds returns q's bounds of time, narrowed by what its filter says of
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
