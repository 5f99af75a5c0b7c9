package sqlite

import (
	"container/heap"
	"context"
	"database/sql/driver"
	"errors"
	"math"

	"hellox/sqlitefile"
)

// anchorEvery is how many messages of a series are from one anchor to the next.
const anchorEvery = 64

// walkQuery reads a series from the row with an ID back to above a bound. The
// row it begins at is the series' newest where no anchor follows, which may
// itself be at or below the bound.
const walkQuery = `WITH RECURSIVE chain(` + rowColumns + `) AS (
  SELECT ` + rowColumns + ` FROM m WHERE id = ?1 AND source = ?2
  UNION ALL
  SELECT m.id, m.source, m.received, m.flags, m.back, m.delta, m.delta_any, m.payload, m.crc
    FROM chain CROSS JOIN m ON m.id = chain.id - chain.back
    WHERE chain.back > 0 AND chain.id - chain.back > ?3 AND m.source = ?2
) SELECT * FROM chain WHERE id > ?3`

// errBroken is the error of a series whose links are damaged: its messages are
// found only by reading every row.
var errBroken = errors.New("a link of the series is damaged")

// A seriesReader reads the messages of one series, between two IDs, in one
// direction.
type seriesReader struct {
	c       *sqlitefile.Conn
	series  *series
	forward bool
	first   func() int64 // id of the oldest message stored
	lo, hi  int64        // ids above and below which it reads; moves as it goes
	chunk   int          // rows to read at once, going back
	rows    []row
	at      int
	end     bool // there are no more rows to read
}

// next makes the next row the current one; false at the end.
func (sr *seriesReader) next(ctx context.Context) (bool, error) {
	sr.at++
	for sr.at >= len(sr.rows) {
		if sr.end {
			return false, nil
		}
		if err := sr.fill(ctx); err != nil {
			return false, err
		}
	}
	return true, nil
}

func (sr *seriesReader) current() *row {
	if sr.forward {
		return &sr.rows[len(sr.rows)-1-sr.at]
	}
	return &sr.rows[sr.at]
}

// fill reads more rows, newest first.
func (sr *seriesReader) fill(ctx context.Context) (err error) {
	sr.at = 0
	bound := sr.hi
	if sr.forward {
		bound = sr.lo + 1
	}
	// The row to begin at is the first anchor at or above the bound; above the
	// last anchor, the newest.
	from, anchored, err := sr.c.Integer(ctx, "SELECT min(id) FROM mark WHERE source = ? AND id >= ?", sr.series.id, bound)
	if err != nil {
		return err
	}
	if !anchored {
		from = sr.series.committedLast.Load()
	}
	limit := sr.chunk
	if sr.forward {
		limit = math.MaxInt // from one anchor down to the bound: at most anchorEvery rows
	}
	if err := sr.walk(ctx, from, anchored, limit); err != nil {
		return err
	}
	switch {
	case sr.forward:
		sr.end = !anchored || from >= sr.hi-1
		sr.lo = max(sr.lo, from)
	case len(sr.rows) < sr.chunk:
		sr.end = true
	default:
		sr.hi = sr.rows[len(sr.rows)-1].id
	}
	sr.chunk = min(2*sr.chunk, 512)
	return nil
}

// walk reads up to limit rows from the one with an ID back, and checks each row
// and link on the way: a damaged one leads past messages of the series.
func (sr *seriesReader) walk(ctx context.Context, from int64, anchored bool, limit int) error {
	sr.rows = sr.rows[:0]
	next, isAnchor := from, anchored
	err := sr.c.Query(ctx, walkQuery, func(v []driver.Value) error {
		var r row
		r.scan(v)
		if r.id != next || !r.sound(sr.series) || isAnchor && r.flags&flagAnchor == 0 {
			return errBroken
		}
		if next, isAnchor = 0, false; r.prev > 0 {
			next = r.id - r.prev
		}
		if r.id < sr.hi {
			if sr.rows = append(sr.rows, r); len(sr.rows) == limit {
				return errEnough
			}
		}
		return nil
	}, from, sr.series.id, sr.lo)
	switch {
	case errors.Is(err, errEnough):
		return nil
	case sqlitefile.IsDamaged(err), err == nil && next > sr.lo && next >= sr.first():
		return errBroken
	}
	return err
}

// A merge reads several series as one, in ID order.
type merge []*seriesReader

// newMerge begins to read all series between lo and hi.
func newMerge(ctx context.Context, c *sqlitefile.Conn, first func() int64, all []*series, forward bool, lo, hi int64, limit int) (*merge, error) {
	var m merge
	for _, one := range all {
		sr := &seriesReader{c: c, first: first, series: one, forward: forward, lo: lo, hi: hi, chunk: max(4, 2*limit/len(all)), at: -1}
		ok, err := sr.next(ctx)
		if err != nil {
			return nil, err
		}
		if ok {
			m = append(m, sr)
		}
	}
	heap.Init(&m)
	return &m, nil
}

// next returns the reader of the next row; nil at the end. The row is valid
// until the next call.
func (m *merge) next(ctx context.Context, last *seriesReader) (*seriesReader, error) {
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
func (m *merge) Push(x any) { *m = append(*m, x.(*seriesReader)) }

// Pop implements heap.Interface.
func (m *merge) Pop() any {
	old := *m
	sr := old[len(old)-1]
	*m = old[:len(old)-1]
	return sr
}
