package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strconv"
	"time"
)

// retention is what the writer remembers of letting go.
type retention struct {
	looked   time.Time // when age and size were last looked at
	appended int       // messages since
	goal     int64     // the id up to which messages are to be let go
}

const (
	retainEvery = time.Second // how often age and size are looked at
	retainLook  = 4096        // … or after so many messages
	retainWith  = 16          // an append lets go of so many, and twice its own
	retainAlone = 500         // what a step lets go of when nothing is appended
	retainPause = 20 * time.Millisecond
)

// A letGo is a step of letting go of the oldest messages, written in one
// transaction: with an append, so that it costs no sync of its own, or alone.
type letGo struct {
	upTo  int64
	total uint64     // let go, ever, when it is done
	marks [][2]int64 // source, id: those of its messages
	ended []*source  // they have no message left
}

// retain looks, from time to time, at age and size and sets the goal, and lets
// go of a little when no append does. It returns when to be called again.
func (s *Store) retain(ctx context.Context, now time.Time) (next time.Time, err error) {
	if s.o.Keep <= 0 && s.o.KeepFor <= 0 {
		return time.Time{}, nil
	}
	r := &s.retention
	if now.Sub(r.looked) >= retainEvery || r.appended >= retainLook || now.Before(r.looked) {
		r.looked, r.appended = now, 0
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
		return r.looked.Add(retainEvery), nil
	}
	if now.Sub(s.appendedAt) < retainPause {
		return now.Add(retainPause), nil // appends do it
	}
	return now.Add(retainPause), s.letGoAlone(ctx)
}

// retainGoal returns the id up to which messages are too old, or must go for
// the file to be small enough.
func (s *Store) retainGoal(ctx context.Context, now time.Time) (goal int64, err error) {
	first, last := s.first.Load(), s.last.Load()
	if s.o.KeepFor > 0 {
		id, err := s.idAt(ctx, s.c, now.Add(-s.o.KeepFor))
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
	pages, _, err := s.c.integer(ctx, "PRAGMA page_count")
	if err != nil {
		return 0, err
	}
	free, _, err := s.c.integer(ctx, "PRAGMA freelist_count")
	return (pages - free) * pageSize, err
}

// letGoAlone lets go in a transaction of its own.
func (s *Store) letGoAlone(ctx context.Context) (err error) {
	// Books that lag behind what is deleted could not be replayed.
	if s.sinceBooks > 0 && s.retention.goal > s.last.Load()-int64(s.sinceBooks) {
		if err := s.keepBooks(); err != nil {
			return err
		}
	}
	if s.letting, err = s.prepareLetGo(ctx, retainAlone); err != nil || s.letting == nil {
		return err
	}
	if err := s.commit(); err != nil {
		s.letting = nil // the next try looks anew
		return fmt.Errorf("let go of the oldest messages: %w", err)
	}
	s.settle()
	return nil
}

// prepareLetGo finds what is to be done to let go of at most n messages that
// are on the disk and in the books; nil if there are none.
func (s *Store) prepareLetGo(ctx context.Context, n int64) (*letGo, error) {
	first := s.first.Load()
	booked := s.ledger.State().LastID - int64(s.sinceBooks)
	l := &letGo{upTo: min(s.retention.goal, first-1+n, s.last.Load(), booked)}
	if l.upTo < first {
		return nil, nil
	}
	l.total = s.letGo.Load() + uint64(l.upTo-first+1)
	ended := map[*source]bool{}
	err := s.c.query(ctx, "SELECT id, source, flags FROM m WHERE id <= ?", func(v []driver.Value) error {
		id, source, flags := v[0].(int64), v[1].(int64), v[2].(int64)
		if flags&flagMarked != 0 {
			l.marks = append(l.marks, [2]int64{source, id})
		}
		if src := s.sources.get(source); src != nil && src.last <= l.upTo && !ended[src] {
			ended[src] = true
			l.ended = append(l.ended, src)
		}
		return nil
	}, l.upTo)
	return l, err
}

// write puts the step into the transaction under way.
func (l *letGo) write(c *conn) error {
	if err := c.exec("DELETE FROM m WHERE id <= ?", l.upTo); err != nil {
		return err
	}
	for _, mark := range l.marks {
		if err := c.exec("DELETE FROM mark WHERE source = ? AND id = ?", mark[0], mark[1]); err != nil {
			return err
		}
	}
	for _, src := range l.ended {
		if err := c.exec("DELETE FROM source WHERE id = ?", src.id); err != nil {
			return err
		}
	}
	return writeMeta(c, metaLetGo, strconv.AppendUint(nil, l.total, 10))
}

// Room for this much to come is kept in the file; what is free beyond goes
// back to the disk, a little at a time.
const (
	freeRoom   = 32 << 20
	shrinkStep = 256 // pages
)

func (s *Store) shrink(ctx context.Context) error {
	free, _, err := s.c.integer(ctx, "PRAGMA freelist_count")
	if err != nil || free*pageSize < freeRoom {
		return err
	}
	return s.c.query(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", shrinkStep), func([]driver.Value) error { return nil })
}

// pageSize is SQLite's default, which create does not change.
const pageSize = 4096
