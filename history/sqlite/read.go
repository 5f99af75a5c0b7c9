package sqlite

import (
	"context"
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

// Message implements Store. A message that was stored and is not there is
// damaged as well: its row's ID may be what was lost.
func (s *Store) Message(ctx context.Context, id int64) (m stream.Message, err error) {
	err = s.snapshot(ctx, func(c *sqlitefile.Conn) error {
		r, ok, err := rowByID(ctx, c, id)
		switch {
		case err != nil:
			return err
		case !ok && (id < s.first.Load() || id > s.last.Load()):
			return history.ErrNotFound
		case !ok:
			s.damage.note(id)
			return &history.DamagedError{ID: id}
		}
		m, err = s.message(ctx, c, &r)
		return err
	})
	return m, err
}

// message returns the message of a row; one that is damaged is noted.
func (s *Store) message(ctx context.Context, c *sqlitefile.Conn, r *row) (stream.Message, error) {
	one, err := s.series.of(ctx, c, r.series)
	if err != nil {
		return stream.Message{}, err
	}
	m, _, err := r.message(one)
	if err != nil {
		s.damage.note(r.id)
	}
	return m, err
}

// receivedFrom returns the first readable message at or above an id, and when it
// was received.
func (s *Store) receivedFrom(ctx context.Context, c *sqlitefile.Conn, id int64) (at int64, received time.Time, ok bool, err error) {
	for {
		at, ok, err = c.Integer(ctx, "SELECT id FROM m WHERE id >= ? ORDER BY id LIMIT 1", id)
		if err != nil || !ok {
			return at, received, ok, err
		}
		r, _, err := rowByID(ctx, c, at)
		if err != nil {
			return at, received, false, err
		}
		m, err := s.message(ctx, c, &r)
		var damaged *history.DamagedError
		if !errors.As(err, &damaged) {
			return at, m.Received, err == nil, err
		}
		id = at + 1
	}
}

// idAt returns the id of the first message received at or after t; one above
// last if there is none. Received never falls, so this is a binary search.
func (s *Store) idAt(ctx context.Context, c *sqlitefile.Conn, t time.Time) (int64, error) {
	lo, hi := s.first.Load(), s.last.Load()+1
	for lo < hi {
		mid := lo + (hi-lo)/2
		id, received, ok, err := s.receivedFrom(ctx, c, mid)
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

// snapshot is read with one state of the file for all that f reads.
func (s *Store) snapshot(ctx context.Context, f func(*sqlitefile.Conn) error) error {
	return s.read(ctx, func(c *sqlitefile.Conn) error {
		if err := c.Exec("BEGIN"); err != nil {
			return err
		}
		// Nothing was written, so there is nothing that could fail to be.
		defer func() { _ = c.Exec("COMMIT") }()
		return f(c)
	})
}

// Messages implements Store. A page never searches for much longer than
// scanBudget. A message damaged on the disk is left out, with a line in the
// log.
func (s *Store) Messages(ctx context.Context, q history.Query) (page history.Page, err error) {
	err = s.snapshot(ctx, func(c *sqlitefile.Conn) error {
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
func (s *Store) offer(ctx context.Context, c *sqlitefile.Conn, p *live.Pager, r *row) error {
	m, err := s.message(ctx, c, r)
	var damaged *history.DamagedError
	switch {
	case errors.As(err, &damaged):
		p.Skip(r.id)
		return nil
	case err == nil:
		p.Offer(&m)
	}
	return err
}

// readMerged reads a few series along their skip lists, and from where a link is
// damaged every row.
func (s *Store) readMerged(ctx context.Context, c *sqlitefile.Conn, p *live.Pager, plan plan, lo, hi int64) error {
	err := s.merge(ctx, c, p, plan, lo, hi)
	if errors.Is(err, errBroken) {
		lo, hi = p.Rest(lo, hi)
		plan.where = inSeries(plan.series)
		return s.readScanned(ctx, c, p, plan, lo, hi)
	}
	return err
}

func (s *Store) merge(ctx context.Context, c *sqlitefile.Conn, p *live.Pager, plan plan, lo, hi int64) error {
	merged, err := newMerge(ctx, c, s.first.Load, plan.series, p.Query.Forward(), lo, hi, p.Limit)
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
		if err := s.offer(ctx, c, p, ch.current()); err != nil {
			return err
		}
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
	for window := int64(scanWindow); lo+1 < hi && p.More(ctx); {
		a, b := lo, min(hi, lo+window+1)
		if !forward {
			a, b = max(lo, hi-window-1), hi
		}
		began, before := time.Now(), p.Considered
		err := eachRow(ctx, c, plan.where, a, b, forward, func(r *row) error {
			if plan.has != nil && !plan.has[r.series] && !r.unreadable {
				p.Skip(r.id)
			} else if err := s.offer(ctx, c, p, r); err != nil {
				return err
			}
			if !p.More(ctx) {
				return errEnough
			}
			return nil
		})
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
