package sqlite

import (
	"container/heap"
	"context"
)

// markEvery is how many messages of a source stand between two of its marks.
const markEvery = 64

// walk reads the chain of a source from the row with an id back to above a
// bound. The source is looked at as well: a damaged link leads nowhere.
const walk = `WITH RECURSIVE chain(` + rowColumns + `) AS (
  SELECT ` + rowColumns + ` FROM m WHERE id = ?1 AND source = ?2
  UNION ALL
  SELECT m.id, m.source, m.received, m.flags, m.back, m.delta, m.delta_any, m.payload, m.crc
    FROM chain CROSS JOIN m ON m.id = chain.id - chain.back
    WHERE chain.back > 0 AND chain.id - chain.back > ?3 AND m.source = ?2
) SELECT * FROM chain WHERE id < ?4 LIMIT ?5`

// A chain reads the messages of one source, between two ids, in one direction.
type chain struct {
	c       *conn
	src     *source
	forward bool
	lo, hi  int64 // ids above and below which it reads; moves as it goes
	chunk   int   // rows to read at once, going back
	rows    []row
	at      int
	end     bool // there are no more rows to read
}

// next makes the next row the current one; false at the end.
func (ch *chain) next(ctx context.Context) (bool, error) {
	ch.at++
	for ch.at >= len(ch.rows) {
		if ch.end {
			return false, nil
		}
		if err := ch.fill(ctx); err != nil {
			return false, err
		}
	}
	return true, nil
}

func (ch *chain) current() *row {
	if ch.forward {
		return &ch.rows[len(ch.rows)-1-ch.at]
	}
	return &ch.rows[ch.at]
}

// fill reads more rows, newest first.
func (ch *chain) fill(ctx context.Context) (err error) {
	ch.at = 0
	bound := ch.hi
	if ch.forward {
		bound = ch.lo + 1
	}
	// The row to begin at is the first marked one at or above the bound; above
	// the last mark, the newest.
	from, marked, err := ch.c.integer(ctx, "SELECT min(id) FROM mark WHERE source = ? AND id >= ?", ch.src.id, bound)
	if err != nil {
		return err
	}
	if !marked {
		from = ch.src.shown.Load()
	}
	limit := int64(ch.chunk)
	if ch.forward {
		limit = -1 // from one mark down to the bound: at most markEvery rows
	}
	if ch.rows, err = readRows(ctx, ch.c, ch.rows[:0], walk, from, ch.src.id, ch.lo, ch.hi, limit); err != nil {
		return err
	}
	switch {
	case ch.forward:
		ch.end = !marked || from >= ch.hi-1
		ch.lo = max(ch.lo, from)
	case len(ch.rows) < ch.chunk:
		ch.end = true
	default:
		ch.hi = ch.rows[len(ch.rows)-1].id
	}
	ch.chunk = min(2*ch.chunk, 512)
	return nil
}

// A merge reads several chains as one, in id order.
type merge []*chain

// newMerge begins to read the chains of sources between lo and hi.
func newMerge(ctx context.Context, c *conn, srcs []*source, forward bool, lo, hi int64, limit int) (*merge, error) {
	var m merge
	for _, src := range srcs {
		ch := &chain{c: c, src: src, forward: forward, lo: lo, hi: hi, chunk: max(4, 2*limit/len(srcs)), at: -1}
		ok, err := ch.next(ctx)
		if err != nil {
			return nil, err
		}
		if ok {
			m = append(m, ch)
		}
	}
	heap.Init(&m)
	return &m, nil
}

// next returns the next row and its source; nil at the end. The row is valid
// until the next call.
func (m *merge) next(ctx context.Context, last *chain) (*chain, error) {
	if last != nil {
		ok, err := last.next(ctx)
		switch {
		case err != nil:
			return nil, err
		case ok:
			heap.Fix(m, 0)
		default:
			heap.Pop(m)
		}
	}
	if len(*m) == 0 {
		return nil, nil
	}
	return (*m)[0], nil
}

func (m merge) Len() int      { return len(m) }
func (m merge) Swap(i, j int) { m[i], m[j] = m[j], m[i] }
func (m merge) Less(i, j int) bool {
	return (m[i].current().id < m[j].current().id) == m[i].forward
}

// Push implements heap.Interface.
func (m *merge) Push(x any) { *m = append(*m, x.(*chain)) }

// Pop implements heap.Interface.
func (m *merge) Pop() any {
	old := *m
	ch := old[len(old)-1]
	*m = old[:len(old)-1]
	return ch
}
