package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/track"
)

// A batch is what one transaction writes.
type batch struct {
	entries  []track.Tracked
	arrivals []stream.Arrival // to acknowledge
	rows     []row
	sources  []*source // new ones
	touched  []*source // of the rows, one for each row
	totals   track.Totals
}

// Append keeps arrivals, and when they are on the disk publishes and
// acknowledges them, in order. While there is no room it waits, tries again
// every second and says so in Stats; if ctx ends before there is, nothing is
// acknowledged. Any other failure is final.
func (s *Store) Append(ctx context.Context, arrivals []stream.Arrival) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	switch {
	case s.closed:
		return history.ErrClosed
	case s.failed != nil:
		return s.failed
	}
	// What an earlier call has left is in the ledger already.
	if err := s.flush(ctx); err != nil {
		return err
	}
	if err := s.enter(arrivals); err != nil {
		return s.fail(err)
	}
	return s.flush(ctx)
}

// enter makes arrivals the pending batch.
func (s *Store) enter(arrivals []stream.Arrival) error {
	b := &batch{arrivals: arrivals, entries: make([]track.Tracked, len(arrivals)), rows: make([]row, 0, len(arrivals)), touched: make([]*source, 0, len(arrivals))}
	counted := false // something that leaves no row to replay
	for i := range arrivals {
		e := s.ledger.Track(arrivals[i])
		b.entries[i] = e
		switch {
		case e.Presence != nil:
			s.ledger.Touch(e.Sender) // its cadence is kept beside its account
		case e.Outcome == track.Duplicate:
			counted = true
		case e.Message != nil:
			src, isNew := s.sources.find(e.Message.Topic, e.Message.Sender)
			if isNew {
				b.sources = append(b.sources, src)
			}
			b.rows = append(b.rows, newRow(e.Message, src, src.count%markEvery == 0))
			b.touched = append(b.touched, src)
			s.advance(src, e.Message.ID)
		}
	}
	b.totals = s.ledger.State().Totals
	if s.retention.goal >= s.first.Load() {
		var err error
		if s.letting, err = s.prepareLetGo(context.Background(), retainWith+2*int64(len(b.rows))); err != nil {
			return err
		}
	}
	s.pending = b
	s.sinceBooks += len(b.rows)
	s.dirty = true
	if counted || s.sinceBooks >= booksEvery {
		var err error
		s.page, err = s.turnPage()
		return err
	}
	return nil
}

// flush writes what is pending, waiting for room as long as ctx lasts.
func (s *Store) flush(ctx context.Context) error {
	for s.pending != nil || s.page != nil {
		began := time.Now()
		err := s.commit()
		if err == nil {
			s.metrics.committed(time.Since(began))
			s.settle()
			break
		}
		if !isFull(err) && !isBusy(err) {
			return s.fail(err)
		}
		if !s.degraded {
			s.log.Warn("history takes nothing for now", "path", s.path, "err", err)
		}
		s.degraded = true
		s.pulse.SetDegraded(degradedBy(err))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(s.o.retryEvery):
		}
		s.pulse.Tick(s.now())
		// What stands in the log already may make room for what is to come.
		if err := s.checkpoint(); s.failed != nil {
			return err
		}
	}
	if s.degraded {
		s.degraded = false
		s.pulse.SetDegraded("")
		s.log.Info("history takes messages again", "path", s.path)
	}
	return nil
}

// checkpoint moves what stands in the log to where it belongs. No room for it
// is no failure: it stays in the log.
func (s *Store) checkpoint() error {
	err := s.c.exec("PRAGMA wal_checkpoint(TRUNCATE)")
	if err == nil || isFull(err) || isBusy(err) {
		return err
	}
	return s.fail(err)
}

func degradedBy(err error) string {
	if isBusy(err) {
		return "The history is locked by another program; nothing is acknowledged until it lets go."
	}
	return "The history's disk is full; nothing is acknowledged until there is room."
}

// commit writes the pending batch and page in one transaction.
func (s *Store) commit() error {
	return s.c.transact(func() error {
		if b := s.pending; b != nil {
			for _, src := range b.sources {
				if err := s.c.exec("INSERT INTO source(id, topic, sender, last, count) VALUES(?, ?, ?, 0, 0)", src.id, []byte(src.topic), []byte(src.sender)); err != nil {
					return err
				}
			}
			if err := s.c.insert(b.rows); err != nil {
				return err
			}
		}
		if s.letting != nil {
			if err := s.letting.write(s.c); err != nil {
				return err
			}
		}
		if s.page != nil {
			return s.page.write(s.c)
		}
		return nil
	})
}

// insert writes rows of m, and of mark those that are marked.
func (c *conn) insert(rows []row) error {
	stmt, err := c.prepare("INSERT INTO m(" + rowColumns + ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)")
	if err != nil {
		return err
	}
	insert := stmt.(driver.StmtExecContext)
	args := named(make([]any, 9))
	for i := range rows {
		r := &rows[i]
		for j, n := range [...]int64{r.id, r.source, r.received, r.flags, r.back, r.delta, r.deltaAny} {
			if args[j].Value = n; n == noDelta {
				args[j].Value = nil
			}
		}
		args[7].Value, args[8].Value = r.payload, r.crc
		if _, err := insert.ExecContext(context.Background(), args); err != nil {
			return err
		}
		if r.flags&flagMarked != 0 {
			if err := c.exec("INSERT INTO mark(source, id) VALUES(?, ?)", r.source, r.id); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle publishes and acknowledges what has been committed.
func (s *Store) settle() {
	b, page, letting := s.pending, s.page, s.letting
	s.pending, s.page, s.letting = nil, nil, nil
	if b != nil {
		for i, src := range b.touched {
			src.show(b.rows[i].id, src.count)
		}
		if n := len(b.rows); n > 0 {
			s.last.Store(b.rows[n-1].id)
			s.appendedAt = s.now()
			s.retention.appended += n
		}
		s.pulse.Take(b.entries, b.totals)
		for i := range b.arrivals {
			b.arrivals[i].Ack()
		}
	}
	if letting != nil {
		s.letGo.Store(letting.total)
		s.first.Store(letting.upTo + 1)
		for _, src := range letting.ended {
			s.sources.remove(src)
		}
	}
	if page != nil {
		s.pulse.Forget(page.forgot)
	}
}

// fail ends writing for good. After a failed write or sync nobody knows what
// is on the disk (Rebello et al., USENIX ATC 2020): trying again could report
// as safe what is gone.
func (s *Store) fail(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	s.failed = fmt.Errorf("keep messages in %s: %w: what was acknowledged before is kept, nothing is acknowledged any more", s.path, err)
	s.pulse.SetDegraded("The history's disk has failed; nothing is acknowledged any more.")
	s.log.Error("history has failed", "path", s.path, "err", err)
	return s.failed
}

// keepBooks writes what has changed since they were last kept.
func (s *Store) keepBooks() error {
	if s.page == nil {
		page, err := s.turnPage()
		if err != nil {
			return err
		}
		s.page = page
	}
	err := s.commit()
	if err == nil {
		s.settle()
	}
	return err
}

// Maintain does what is due besides appending, in one short step.
func (s *Store) Maintain(ctx context.Context) (next time.Time, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	switch {
	case s.closed:
		return time.Time{}, history.ErrClosed
	case s.failed != nil:
		return time.Time{}, s.failed
	}
	now := s.now()
	next = s.pulse.Tick(now)
	soonest := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if s.dirty || s.page != nil {
		due := s.booksKept.Add(booksInterval)
		if !due.After(now) {
			if err := s.keepBooks(); err != nil && !isFull(err) && !isBusy(err) {
				return next, s.fail(err)
			}
			s.booksKept = now // also if there was no room: the next try comes in time
		} else {
			soonest(due)
		}
	}
	due, err := s.retain(ctx, now)
	switch {
	case err != nil && (isFull(err) || isBusy(err) || ctx.Err() != nil):
		soonest(now.Add(s.o.retryEvery))
	case err != nil:
		return next, s.fail(err)
	case !due.IsZero():
		soonest(due)
	}
	return next, nil
}
