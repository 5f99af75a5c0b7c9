package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"math"
	"strconv"
	"time"

	"hellox/sqlitefile"
)

// retention is what the writer remembers between two evictions.
type retention struct {
	checked  time.Time // when age and size were last checked
	appended int       // messages since
	goal     int64     // the id up to which messages are to be evicted
}

const (
	retainEvery = time.Second // how often age and size are checked
	retainCheck = 4096        // … or after so many messages
	retainWith  = 16          // an append evicts so many, and twice its own
	retainAlone = 500         // what a step evicts when nothing is appended
	retainPause = 20 * time.Millisecond
)

// An eviction deletes some of the oldest messages in one transaction: with an
// append, so that it costs no sync of its own, or alone.
type eviction struct {
	upTo    int64
	total   uint64     // evicted, ever, when it is done
	anchors [][2]int64 // series, ID: those among its messages
	ended   []*series  // those that have no message left
}

// retain checks age and size from time to time and sets the goal, and evicts a
// little when no append does. It returns when to be called again.
func (s *Store) retain(ctx context.Context, now time.Time) (next time.Time, err error) {
	if s.o.Keep <= 0 && s.o.KeepFor <= 0 {
		return time.Time{}, nil
	}
	r := &s.retention
	if now.Sub(r.checked) >= retainEvery || r.appended >= retainCheck || now.Before(r.checked) {
		r.checked, r.appended = now, 0
		if r.goal, err = s.retainGoal(ctx, now); err != nil {
			return next, err
		}
		if r.goal < s.first.Load() {
			if err := s.shrink(ctx); err != nil {
				return next, err
			}
		}
	}
	if r.goal < s.first.Load() {
		return r.checked.Add(retainEvery), nil
	}
	if now.Sub(s.appendedAt) < retainPause {
		return now.Add(retainPause), nil // appends evict
	}
	return now.Add(retainPause), s.evictAlone(ctx)
}

// retainGoal returns the id up to which messages are too old, or must go for
// the file to be small enough.
func (s *Store) retainGoal(ctx context.Context, now time.Time) (goal int64, err error) {
	first, last := s.first.Load(), s.last.Load()
	if s.o.KeepFor > 0 {
		id, err := s.idAt(ctx, s.writer, now.Add(-s.o.KeepFor))
		if err != nil {
			return 0, err
		}
		goal = id - 1
	}
	if s.o.Keep > 0 && last >= first {
		used, err := s.used(ctx)
		if err != nil {
			return 0, err
		}
		if over := used - (s.o.Keep - min(s.o.Keep/8, logRoom)); over > 0 {
			goal = max(goal, first+over/max(1, used/(last-first+1)))
		}
	}
	return min(goal, last), nil
}

// logRoom is what the write-ahead log usually needs beside the file.
const logRoom = 16 << 20

// used returns how many bytes of the file hold something.
func (s *Store) used(ctx context.Context) (int64, error) {
	pages, _, err := s.writer.Integer(ctx, "PRAGMA page_count")
	if err != nil {
		return 0, err
	}
	free, _, err := s.writer.Integer(ctx, "PRAGMA freelist_count")
	return (pages - free) * pageSize, err
}

// evictAlone evicts in a transaction of its own.
func (s *Store) evictAlone(ctx context.Context) (err error) {
	// What is deleted after a checkpoint could not be replayed.
	if s.sinceCheckpoint > 0 && s.retention.goal > s.last.Load()-int64(s.sinceCheckpoint) {
		if err := s.writeCheckpoint(); err != nil {
			return err
		}
	}
	if s.eviction, err = s.prepareEviction(ctx, retainAlone); err != nil || s.eviction == nil {
		return err
	}
	if err := s.commit(); err != nil {
		s.eviction = nil // the next try prepares anew
		return fmt.Errorf("evict the oldest messages: %w", err)
	}
	s.committed()
	return nil
}

// prepareEviction finds what is to be deleted to evict at most n messages that
// are on the disk and in the checkpoint; nil if there are none.
func (s *Store) prepareEviction(ctx context.Context, n int64) (*eviction, error) {
	first := s.first.Load()
	checkpointed := s.tracker.State().LastID - int64(s.sinceCheckpoint)
	l := &eviction{upTo: min(s.retention.goal, first-1+n, s.last.Load(), checkpointed)}
	if l.upTo < first {
		return nil, nil
	}
	l.total = s.evicted.Load() + uint64(l.upTo-first+1)
	ended := map[*series]bool{}
	err := eachRow(ctx, s.writer, "", math.MinInt64, l.upTo+1, true, func(r *row) error {
		if r.unreadable {
			return nil
		}
		if r.flags&flagAnchor != 0 {
			l.anchors = append(l.anchors, [2]int64{r.series, r.id})
		}
		if one := s.series.get(r.series); one != nil && one.last <= l.upTo && !ended[one] {
			ended[one] = true
			l.ended = append(l.ended, one)
		}
		return nil
	})
	return l, err
}

// write puts the step into the transaction under way.
func (l *eviction) write(c *sqlitefile.Conn) error {
	if err := c.Exec("DELETE FROM m WHERE id <= ?", l.upTo); err != nil {
		return err
	}
	for _, anchor := range l.anchors {
		if err := c.Exec("DELETE FROM mark WHERE source = ? AND id = ?", anchor[0], anchor[1]); err != nil {
			return err
		}
	}
	for _, one := range l.ended {
		if err := c.Exec("DELETE FROM source WHERE id = ?", one.id); err != nil {
			return err
		}
	}
	return writeMeta(c, metaEvicted, strconv.AppendUint(nil, l.total, 10))
}

// This much free room stays in the file for what is to come; the rest goes back
// to the disk, a little at a time.
const (
	freeRoom   = 32 << 20
	shrinkStep = 256 // pages
)

func (s *Store) shrink(ctx context.Context) error {
	free, _, err := s.writer.Integer(ctx, "PRAGMA freelist_count")
	if err != nil || free*pageSize < freeRoom {
		return err
	}
	return s.writer.Query(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", shrinkStep), func([]driver.Value) error { return nil })
}

// pageSize is SQLite's default, which create does not change.
const pageSize = 4096
