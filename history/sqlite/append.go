package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"hellox/history"
	"hellox/sqlitefile"
	"hellox/stream"
	"hellox/stream/track"
)

// A batch is what one transaction writes.
type batch struct {
	entries   []track.Tracked
	arrivals  []stream.Arrival // to acknowledge
	rows      []row
	newSeries []*series // new ones
	rowSeries []*series // of the rows, one for each row
	totals    track.Totals
}

// Append stores arrivals, and when they are on the disk publishes and
// acknowledges them, in order. While there is no room it waits, tries again
// every second and Stats.Degraded says so; if ctx ends before there is, nothing is
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
	// What an earlier call has left is in the tracker already.
	if err := s.flush(ctx); err != nil {
		return err
	}
	if err := s.track(arrivals); err != nil {
		return s.fail(err)
	}
	return s.flush(ctx)
}

// track makes arrivals the pending batch.
func (s *Store) track(arrivals []stream.Arrival) error {
	b := &batch{arrivals: arrivals, entries: make([]track.Tracked, len(arrivals)), rows: make([]row, 0, len(arrivals)), rowSeries: make([]*series, 0, len(arrivals))}
	counted := false // something that leaves no row to replay
	for i := range arrivals {
		e := s.tracker.Track(arrivals[i])
		b.entries[i] = e
		switch {
		case e.Presence != nil:
			s.tracker.Touch(e.Sender) // its cadence is stored beside its counters
		case e.Outcome == track.Duplicate:
			counted = true
		case e.Message != nil:
			one, isNew := s.series.find(e.Message.Topic, e.Message.Sender)
			if isNew {
				b.newSeries = append(b.newSeries, one)
			}
			b.rows = append(b.rows, newRow(e.Message, one, one.count%anchorEvery == 0))
			b.rowSeries = append(b.rowSeries, one)
			s.advance(one, e.Message.ID)
		}
	}
	b.totals = s.tracker.State().Totals
	if s.retention.goal >= s.first.Load() {
		var err error
		if s.eviction, err = s.prepareEviction(context.Background(), retainWith+2*int64(len(b.rows))); err != nil {
			return err
		}
	}
	s.pending = b
	s.sinceCheckpoint += len(b.rows)
	s.dirty = true
	if counted || s.sinceCheckpoint >= checkpointEvery {
		var err error
		s.checkpoint, err = s.takeSnapshot()
		return err
	}
	return nil
}

// flush writes what is pending, waiting for room as long as ctx lasts.
func (s *Store) flush(ctx context.Context) error {
	for s.pending != nil || s.checkpoint != nil {
		began := time.Now()
		err := s.commit()
		if err == nil {
			s.metrics.committed(time.Since(began))
			s.committed()
			break
		}
		if !sqlitefile.IsFull(err) && !sqlitefile.IsBusy(err) {
			return s.fail(err)
		}
		if !s.degraded {
			s.log.Warn("history stores nothing for now", "path", s.path, "err", err)
		}
		s.degraded = true
		s.state.SetDegraded(s.degradedBy(err))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(s.o.retryEvery):
		}
		s.state.Tick(s.now())
		// Moving what is in the log already may make room for what is to come.
		if err := s.checkpointLog(); s.failed != nil {
			return err
		}
	}
	if s.degraded {
		s.degraded = false
		s.state.SetDegraded("")
		s.log.Info("history stores messages again", "path", s.path)
	}
	return nil
}

// checkpointLog moves what is in the write-ahead log to where it belongs. A full
// disk is not an error here: it stays in the log.
func (s *Store) checkpointLog() error {
	err := s.writer.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
	if err == nil || sqlitefile.IsFull(err) || sqlitefile.IsBusy(err) {
		return err
	}
	return s.fail(err)
}

func (s *Store) degradedBy(err error) string {
	if sqlitefile.IsBusy(err) {
		return "The history is locked by another program: nothing is acknowledged until it is unlocked."
	}
	return fmt.Sprintf("The history's disk is full: nothing is acknowledged until there is room in %s.", filepath.Dir(s.path))
}

// commit writes the pending batch, eviction and snapshot in one transaction.
func (s *Store) commit() error {
	return s.writer.Transact(func() error {
		if b := s.pending; b != nil {
			for _, one := range b.newSeries {
				if err := s.writer.Exec("INSERT INTO source(id, topic, sender, last, count, crc) VALUES(?, ?, ?, 0, 0, ?)", one.id, []byte(one.topic), []byte(one.sender), one.checksum(0, 0)); err != nil {
					return err
				}
			}
			if err := insert(s.writer, b.rows); err != nil {
				return err
			}
		}
		if s.eviction != nil {
			if err := s.eviction.write(s.writer); err != nil {
				return err
			}
		}
		if s.checkpoint != nil {
			return s.checkpoint.write(s.writer)
		}
		return nil
	})
}

// insert writes rows of m, and of mark those that are anchors.
func insert(c *sqlitefile.Conn, rows []row) error {
	stmt, err := c.Prepare("INSERT INTO m(" + rowColumns + ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)")
	if err != nil {
		return err
	}
	insert := stmt.(driver.StmtExecContext)
	args := sqlitefile.Named(make([]any, 9))
	for i := range rows {
		r := &rows[i]
		for j, n := range [...]int64{r.id, r.series, r.received, r.flags, r.prev, r.delta, r.deltaAny} {
			if args[j].Value = n; n == noDelta {
				args[j].Value = nil
			}
		}
		args[7].Value, args[8].Value = r.payload, r.crc
		if _, err := insert.ExecContext(context.Background(), args); err != nil {
			return err
		}
		if r.flags&flagAnchor != 0 {
			if err := c.Exec("INSERT INTO mark(source, id) VALUES(?, ?)", r.series, r.id); err != nil {
				return err
			}
		}
	}
	return nil
}

// committed publishes and acknowledges what has been written.
func (s *Store) committed() {
	b, snap, evict := s.pending, s.checkpoint, s.eviction
	s.pending, s.checkpoint, s.eviction = nil, nil, nil
	if b != nil {
		for i, one := range b.rowSeries {
			one.setCommitted(b.rows[i].id, one.count)
		}
		if n := len(b.rows); n > 0 {
			s.last.Store(b.rows[n-1].id)
			s.appendedAt = s.now()
			s.retention.appended += n
		}
		s.state.Apply(b.entries, b.totals)
		for i := range b.arrivals {
			b.arrivals[i].Ack()
		}
	}
	if evict != nil {
		s.evicted.Store(evict.total)
		s.first.Store(evict.upTo + 1)
		s.damage.evict(evict.upTo)
		for _, one := range evict.ended {
			s.series.remove(one)
		}
	}
	if snap != nil {
		s.state.Forget(snap.forgotten)
	}
}

// fail ends writing for good. After a failed write or sync it is unknown
// what is on the disk (Rebello et al., USENIX ATC 2020): trying again could report
// as safe what is gone.
func (s *Store) fail(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	s.failed = fmt.Errorf("store messages in %s: %w: what was acknowledged before is stored, nothing is acknowledged any more", s.path, err)
	s.state.SetDegraded("The history's disk has failed; nothing is acknowledged any more.")
	s.log.Error("history has failed", "path", s.path, "err", err)
	return s.failed
}

// writeCheckpoint writes what has changed since the last checkpoint.
func (s *Store) writeCheckpoint() error {
	if s.checkpoint == nil {
		page, err := s.takeSnapshot()
		if err != nil {
			return err
		}
		s.checkpoint = page
	}
	err := s.commit()
	if err == nil {
		s.committed()
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
	next = s.state.Tick(now)
	soonest := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	if s.dirty || s.checkpoint != nil {
		due := s.checkpointedAt.Add(checkpointInterval)
		if !due.After(now) {
			if err := s.writeCheckpoint(); err != nil && !sqlitefile.IsFull(err) && !sqlitefile.IsBusy(err) {
				return next, s.fail(err)
			}
			s.checkpointedAt = now // also if there was no room: the next try comes in time
		} else {
			soonest(due)
		}
	}
	due, err := s.retain(ctx, now)
	switch {
	case err != nil && (sqlitefile.IsFull(err) || sqlitefile.IsBusy(err) || ctx.Err() != nil):
		soonest(now.Add(s.o.retryEvery))
	case err != nil:
		return next, s.fail(err)
	case !due.IsZero():
		soonest(due)
	}
	return next, nil
}
