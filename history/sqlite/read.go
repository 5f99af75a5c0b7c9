package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"hellox/history"
	"hellox/history/live"
	"hellox/sqlitefile"
	"hellox/stream"
)

// read lends f a connection that reads.
func (s *Store) read(ctx context.Context, f func(*sqlitefile.Conn) error) error {
	select {
	case <-s.stop:
		return history.ErrClosed
	default:
	}
	select {
	case c := <-s.readers:
		defer func() { s.readers <- c }()
		err := f(c)
		if sqlitefile.IsDamaged(err) {
			err = fmt.Errorf("history %s is damaged: %w", s.path, err)
		}
		return err
	case <-s.stop:
		return history.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readRows appends the rows that query selects.
func readRows(ctx context.Context, c *sqlitefile.Conn, rows []row, query string, args ...any) ([]row, error) {
	err := c.Query(ctx, query, func(v []driver.Value) error {
		var r row
		if err := r.scan(v); err != nil {
			return err
		}
		rows = append(rows, r)
		return nil
	}, args...)
	return rows, err
}

// Message implements Store. A message damaged on the disk is a *DamagedError.
func (s *Store) Message(ctx context.Context, id int64) (m stream.Message, err error) {
	var rows []row
	err = s.read(ctx, func(c *sqlitefile.Conn) error {
		rows, err = readRows(ctx, c, nil, "SELECT "+rowColumns+" FROM m WHERE id = ?", id)
		return err
	})
	switch {
	case err != nil:
		return m, err
	case len(rows) == 0:
		return m, history.ErrNotFound
	}
	m, _, err = rows[0].message(s.series.get(rows[0].series))
	return m, err
}

// receivedFrom returns the first message at or above an id, and when it was
// received.
func receivedFrom(ctx context.Context, c *sqlitefile.Conn, id int64) (at int64, received time.Time, ok bool, err error) {
	err = c.Query(ctx, "SELECT id, received FROM m WHERE id >= ? ORDER BY id LIMIT 1", func(v []driver.Value) error {
		var nanos int64
		at, ok = v[0].(int64)
		nanos, _ = v[1].(int64)
		received = time.Unix(0, nanos).UTC()
		return nil
	}, id)
	return at, received, ok, err
}

// idAt returns the id of the first message received at or after t; one above
// last if there is none. Received never falls, so this is a binary search.
func (s *Store) idAt(ctx context.Context, c *sqlitefile.Conn, t time.Time) (int64, error) {
	lo, hi := s.first.Load(), s.last.Load()+1
	for lo < hi {
		mid := lo + (hi-lo)/2
		id, received, ok, err := receivedFrom(ctx, c, mid)
		switch {
		case err != nil:
			return 0, err
		case !ok || !received.Before(t):
			hi = mid
		default:
			lo = id + 1
		}
	}
	return lo, nil
}

// Messages implements Store. A page never searches for much longer than
// scanBudget. A message damaged on the disk is left out, with a line in the
// log.
func (s *Store) Messages(ctx context.Context, q history.Query) (page history.Page, err error) {
	err = s.read(ctx, func(c *sqlitefile.Conn) error {
		lo, hi, err := s.bounds(ctx, c, &q)
		if err != nil || lo+1 >= hi {
			return err
		}
		p := live.NewPager(&q)
		plan := newPlan(&q, s.series, s.first.Load(), s.last.Load())
		switch {
		case plan.series != nil && len(plan.series) == 0:
			p.SkipAll(lo, hi)
		case plan.merge:
			err = s.readMerged(ctx, c, p, plan, lo, hi)
		default:
			err = s.readScanned(ctx, c, p, plan, lo, hi)
		}
		if err != nil {
			return err
		}
		end := lo + 1
		if q.Forward() {
			end = hi - 1
		}
		page = p.Page(end)
		return nil
	})
	return page, err
}

// bounds returns the ids between which q looks, both ends excluded.
func (s *Store) bounds(ctx context.Context, c *sqlitefile.Conn, q *history.Query) (lo, hi int64, err error) {
	lo, hi = max(q.After, s.first.Load()-1), s.last.Load()+1
	if q.Before > 0 {
		hi = min(hi, q.Before)
	}
	since, until := ageBounds(q, time.Now())
	if !since.IsZero() {
		id, err := s.idAt(ctx, c, since)
		if err != nil {
			return 0, 0, err
		}
		lo = max(lo, id-1)
	}
	if !until.IsZero() {
		id, err := s.idAt(ctx, c, until)
		if err != nil {
			return 0, 0, err
		}
		hi = min(hi, id)
	}
	return lo, hi, nil
}

// offer shows a row to the page.
func (s *Store) offer(p *live.Pager, r *row) {
	m, _, err := r.message(s.series.get(r.series))
	if err != nil {
		s.log.Error("message left out", "path", s.path, "err", err)
		p.Skip(r.id)
		return
	}
	p.Offer(&m)
}

// readMerged reads a few series along their skip lists.
func (s *Store) readMerged(ctx context.Context, c *sqlitefile.Conn, p *live.Pager, plan plan, lo, hi int64) error {
	merged, err := newMerge(ctx, c, plan.series, p.Query.Forward(), lo, hi, p.Limit)
	if err != nil {
		return err
	}
	var ch *seriesReader
	for p.More(ctx) {
		if ch, err = merged.next(ctx, ch); err != nil {
			return err
		}
		if ch == nil {
			p.SkipAll(lo, hi)
			return ctx.Err()
		}
		s.offer(p, ch.current())
	}
	return ctx.Err()
}

// Scanning goes in windows of ids, so that it can stop in time even where
// nothing is found.
const (
	scanWindow  = 1024
	scanWindows = 1 << 18 // the largest
	windowTime  = 10 * time.Millisecond
)

// errEnough ends a query early.
var errEnough = errors.New("enough")

// readScanned reads the primary key.
func (s *Store) readScanned(ctx context.Context, c *sqlitefile.Conn, p *live.Pager, plan plan, lo, hi int64) error {
	forward := p.Query.Forward()
	query := "SELECT " + rowColumns + " FROM m WHERE id > ? AND id < ?"
	if plan.where != "" {
		query += " AND " + plan.where
	}
	if query += " ORDER BY id"; !forward {
		query += " DESC"
	}
	for window := int64(scanWindow); lo+1 < hi && p.More(ctx); {
		a, b := lo, min(hi, lo+window+1)
		if !forward {
			a, b = max(lo, hi-window-1), hi
		}
		began, before := time.Now(), p.Considered
		err := c.QueryOnce(ctx, query, func(v []driver.Value) error {
			var r row
			if err := r.scan(v); err != nil {
				return err
			}
			if plan.has == nil || plan.has[r.series] {
				s.offer(p, &r)
			} else {
				p.Skip(r.id)
			}
			if !p.More(ctx) {
				return errEnough
			}
			return nil
		}, a, b)
		switch {
		case errors.Is(err, errEnough):
			return ctx.Err()
		case err != nil:
			return err
		case forward:
			lo = b - 1
			p.SkipWindow(before, b-a-1, lo)
		default:
			hi = a + 1
			p.SkipWindow(before, b-a-1, hi)
		}
		switch took := time.Since(began); {
		case took < windowTime/2:
			window = min(2*window, scanWindows)
		case took > 2*windowTime:
			window = max(window/2, scanWindow)
		}
	}
	return ctx.Err()
}
