package live

import (
	"context"
	"slices"
	"time"

	"hellox/history"
	"hellox/stream"
)

// scanBudget bounds the time that one page searches. What it has not found by
// then is for the next page.
const scanBudget = 40 * time.Millisecond

// A Pager collects the messages of one page from candidates offered in the
// page's direction.
type Pager struct {
	Query      *history.Query
	Limit      int
	deadline   time.Time
	Considered int   // candidates passed over or found
	check      int   // at how many candidates to read the clock
	last       int64 // id of the candidate offered last, or up to which there are none
	begun      bool  // last is set
	over       bool  // More has said no: and says no from then on
	found      []stream.Message
}

// NewPager returns the Pager of the page that q asks for.
func NewPager(q *history.Query) *Pager {
	return &Pager{Query: q, Limit: q.PageSize(), deadline: time.Now().Add(scanBudget), check: checkEvery}
}

// More reports whether the page takes another candidate: it is not full, and it
// has not searched too long. A page that finds more than it passes over takes
// the time that it takes.
func (p *Pager) More(ctx context.Context) bool {
	switch {
	case p.over:
		return false
	case len(p.found) == p.Limit, p.Considered >= p.check && ctx.Err() != nil:
		p.over = true
	case p.Considered >= p.check:
		p.check = p.Considered + checkEvery
		p.over = 2*len(p.found) <= p.Considered && !time.Now().Before(p.deadline)
	}
	return !p.over
}

// Offer considers a candidate.
func (p *Pager) Offer(m *stream.Message) {
	if p.Skip(m.ID) && p.Query.Match(m) {
		p.found = append(p.found, *m)
	}
}

// checkEvery is how many candidates are considered between two readings of the
// clock.
const checkEvery = 64

// Skip takes note of a candidate that is not to be shown. It is false if the
// page is beyond it already, as in a file whose order is damaged.
func (p *Pager) Skip(id int64) bool {
	p.Considered++
	switch {
	case !p.begun:
	case p.Query.Forward() && id <= p.last, !p.Query.Forward() && id >= p.last:
		return false
	}
	p.last, p.begun = id, true
	return true
}

// Rest returns what is left to look at of the ids between lo and hi, both
// excluded.
func (p *Pager) Rest(lo, hi int64) (int64, int64) {
	switch {
	case !p.begun:
		return lo, hi
	case p.Query.Forward():
		return max(lo, p.last), hi
	}
	return lo, min(hi, p.last)
}

// SkipAll takes note that there are no more candidates between lo and hi.
func (p *Pager) SkipAll(lo, hi int64) {
	if p.last = lo + 1; p.Query.Forward() {
		p.last = hi - 1
	}
}

// SkipWindow takes note that all of a window of n candidates up to last, which
// began when Considered was before, is done.
func (p *Pager) SkipWindow(before int, n, last int64) {
	p.Considered = max(p.Considered, before+int(n))
	if !p.begun || (last > p.last) == p.Query.Forward() {
		p.last, p.begun = last, true
	}
}

// Page returns what was found. end is the id of the last candidate there is.
func (p *Pager) Page(end int64) history.Page {
	page := history.Page{Messages: p.found}
	if p.last != end {
		page.Next = p.last
	}
	if !p.Query.Forward() {
		slices.Reverse(page.Messages)
	}
	return page
}
