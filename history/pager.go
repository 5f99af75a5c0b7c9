package history

import (
	"context"
	"slices"
	"time"

	"hellox/stream"
)

// scanBudget bounds the time that one page searches. What it has not found by
// then is for the next page.
const scanBudget = 40 * time.Millisecond

// A pager collects the messages of one page from candidates offered in the
// page's direction.
type pager struct {
	q        *Query
	limit    int
	deadline time.Time
	looked   int   // candidates passed over or found
	check    int   // when looked is so much, look at the clock
	last     int64 // id of the candidate offered last
	found    []stream.Message
}

func newPager(q *Query) *pager {
	return &pager{q: q, limit: q.limit(), deadline: time.Now().Add(scanBudget), check: checkEvery}
}

// want tells whether the page wants another candidate: it is not full, and it
// has not searched too long. A page that finds more than it passes over takes
// the time that it takes.
func (p *pager) want(ctx context.Context) bool {
	switch {
	case len(p.found) == p.limit:
		return false
	case p.looked < p.check:
		return true
	case ctx.Err() != nil:
		return false
	}
	p.check = p.looked + checkEvery
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

// checkEvery is how many candidates are looked at between two looks at the clock.
const checkEvery = 64

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

// passWindow takes note that all of a window of n candidates up to last, which
// began when looked was before, is done with.
func (p *pager) passWindow(before int, n, last int64) {
	p.looked = max(p.looked, before+int(n))
	p.last = last
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
