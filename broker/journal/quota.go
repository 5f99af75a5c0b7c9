package journal

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/dustin/go-humanize"
)

// Messages that wait for a session whose client stays away take room from all
// others. So a session with a limit holds so much and no more: then it is over,
// and the broker ends it. When the journal as a whole is nearly full, those with
// a limit are over as well whose owner holds most in all of its sessions: one that
// fills many sessions ends its own. Publishers wait only for the sessions without
// a limit.

// An Over is a session that holds too much.
type Over struct {
	Consumer Consumer
	Bytes    int64  // that it holds
	Limit    int64  // bytes that it may hold; 0: the journal is nearly full
	Owner    string // of the session, if it has one and the journal is nearly full
	Owned    int64  // bytes that all sessions of Owner held, when this one was found
}

// Reason says why in a sentence; what is "session", or another word for the consumer.
func (o Over) Reason(what string) string {
	bytes := func(n int64) string { return humanize.IBytes(uint64(n)) }
	switch {
	case o.Limit > 0:
		return fmt.Sprintf("%s wait for the %s; at most %s may", bytes(o.Bytes), what, bytes(o.Limit))
	case o.Owner != "":
		return fmt.Sprintf("the broker's store is nearly full, and of all users %q holds most of it: %s, of which %s wait for the %s", o.Owner, bytes(o.Owned), bytes(o.Bytes), what)
	}
	return fmt.Sprintf("the broker's store is nearly full, and %s wait for the %s", bytes(o.Bytes), what)
}

// quotas finds the sessions that are over. Its methods are called with Journal.mu
// held.
type quotas struct {
	session   int64  // bytes that a session with a limit may hold
	journal   int64  // bytes that all may
	over      []Over // not taken by the broker yet
	relieving bool   // room is being made: Append waits for it
}

// pressureAt is how much of its limit a journal holds when sessions are ended to
// make room.
const pressureAt = 0.85

// quotaOf returns the bytes that a session may hold, of those for messages.
func quotaOf(asked, forMessages int64) int64 {
	most := forMessages / 4
	if asked == 0 {
		return most
	}
	return min(asked, most)
}

// find adds to over the sessions that w has brought over their limit, and those
// that make the journal nearly full.
func (l *quotas) find(w *commitBatch, stored *index) {
	for i := range w.rows {
		for _, q := range w.rows[i].group.queues {
			if q.limit > 0 && q.bytes > q.limit {
				l.add(q, Over{Limit: q.limit})
			}
		}
	}
	l.relieving = false
	l.relieve(stored)
	if stored.discardedBytes > 0 {
		l.relieving = true // the next deletion makes room
	}
}

// add adds q to over; why says what it is over.
func (l *quotas) add(q *Queue, why Over) {
	if !q.over && !q.ended {
		q.over = true
		why.Consumer, why.Bytes = q.consumer, q.bytes
		l.over = append(l.over, why)
	}
}

// relieve ends sessions with a limit, the largest first of the owner that holds most
// at that moment, if the journal is nearly full: so many that it holds a tenth of its
// limit less than that. What a session without a limit needs stays whatever they do.
func (l *quotas) relieve(stored *index) {
	want := stored.bytes - stored.discardedBytes - int64(pressureAt*float64(l.journal))
	if want < 0 {
		return
	}
	want += l.journal / 10
	var free []*batch
	var bytes int64
	for _, s := range stored.segments {
		for _, b := range s.batches {
			if !b.guarded() {
				free = append(free, b)
				bytes += b.size
			}
		}
	}
	if bytes < l.journal/32 {
		return // it would cost sessions and make no room
	}
	l.relieving = true
	holders := map[*Queue]bool{}
	for _, b := range free {
		for _, q := range b.group.queues {
			if q.over && !q.ended {
				return // the broker is about to end it
			}
			if !q.ended && q.cursor < b.last {
				holders[q] = true
			}
		}
	}
	all := ownersOf(holders)
	for want > 0 && len(all) > 0 {
		o := slices.MaxFunc(all, func(a, b *owner) int { return cmp.Compare(a.bytes, b.bytes) })
		q := o.queues[0]
		l.add(q, Over{Owner: o.name, Owned: o.bytes})
		want -= q.bytes
		o.bytes -= q.bytes
		if o.queues = o.queues[1:]; len(o.queues) == 0 {
			all = slices.DeleteFunc(all, func(e *owner) bool { return e == o })
		}
	}
}

// An owner is what one owner of sessions holds.
type owner struct {
	name   string // "": it is a session without an owner
	bytes  int64
	queues []*Queue // those that hold most first
}

// ownersOf returns the owners of queues. One without an owner is its own.
func ownersOf(queues map[*Queue]bool) []*owner {
	var all []*owner
	byName := map[string]*owner{}
	for q := range queues {
		o := byName[q.owner]
		if o == nil {
			o = &owner{name: q.owner}
			all = append(all, o)
			if q.owner != "" {
				byName[q.owner] = o
			}
		}
		o.bytes += q.bytes
		o.queues = append(o.queues, q)
	}
	for _, o := range all {
		slices.SortFunc(o.queues, func(a, b *Queue) int { return cmp.Compare(b.bytes, a.bytes) })
	}
	return all
}
