package history

import (
	"context"
	"slices"
	"time"

	"hellox/stream"
)

// A pager collects the messages of one page from candidates offered in the
// page's direction.
type pager struct {
	q        *Query
	limit    int
	deadline time.Time
	looked   int
	last     int64 // id of the candidate offered last
	found    []stream.Message
}

func newPager(q *Query) *pager {
	return &pager{q: q, limit: q.limit(), deadline: time.Now().Add(scanBudget)}
}

// want tells whether the page wants another candidate: it is not full, and it
// has not searched too long. A page that finds more than it passes over takes
// the time that it takes.
func (p *pager) want(ctx context.Context) bool {
	switch {
	case len(p.found) == p.limit:
		return false
	case p.looked%64 != 63:
		return true
	case ctx.Err() != nil:
		return false
	}
	return 2*len(p.found) > p.looked || time.Now().Before(p.deadline)
}

// look offers a candidate.
func (p *pager) look(m *stream.Message) {
	p.looked++
	p.last = m.ID
	if p.q.match(m) {
		p.found = append(p.found, *m)
	}
}

// pass takes note of a candidate that is known not to match.
func (p *pager) pass(id int64) {
	p.looked++
	p.last = id
}

// passAll takes note that there are no more candidates between lo and hi.
func (p *pager) passAll(lo, hi int64) {
	if p.last = lo + 1; p.q.forward() {
		p.last = hi - 1
	}
}

// page returns what was found. end is the id of the last candidate there is.
func (p *pager) page(end int64) Page {
	page := Page{Messages: p.found}
	if p.last != end {
		page.Next = p.last
	}
	if !p.q.forward() {
		slices.Reverse(page.Messages)
	}
	return page
}
