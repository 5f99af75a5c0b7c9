package journal

import (
	"cmp"
	"slices"
)

// Messages that wait for a session whose client stays away take room from all
// others. So a session with a limit holds so much and no more: then it is over,
// and the broker ends it. When the journal as a whole is nearly full, those with
// a limit that hold most are over as well: publishers wait only for the sessions
// without one.

// An Over is a session that holds too much.
type Over struct {
	Consumer Consumer
	Bytes    int64 // that it holds
	Limit    int64 // bytes that it may hold; 0: the journal is nearly full
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
				l.add(q, q.limit)
			}
		}
	}
	l.relieving = false
	l.relieve(stored)
	if stored.discardedBytes > 0 {
		l.relieving = true // the next deletion makes room
	}
}

// add adds q to over.
func (l *quotas) add(q *Queue, limit int64) {
	if !q.over && !q.ended {
		q.over = true
		l.over = append(l.over, Over{q.consumer, q.bytes, limit})
	}
}

// relieve ends sessions with a limit, those first that hold most, if the journal
// is nearly full: so many that it holds a tenth of its limit less than that. What
// a session without a limit needs stays whatever they do.
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
	all := make([]*Queue, 0, len(holders))
	for q := range holders {
		all = append(all, q)
	}
	slices.SortFunc(all, func(a, b *Queue) int { return cmp.Compare(b.bytes, a.bytes) })
	for _, q := range all {
		if want <= 0 {
			return
		}
		want -= q.bytes
		l.add(q, 0)
	}
}
