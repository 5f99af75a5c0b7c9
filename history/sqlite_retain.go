package history

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strconv"
	"time"
)

// retention is what the writer remembers between two steps of letting go.
type retention struct {
	appended int       // messages since the last step
	looked   time.Time // when the size and the age were last looked at
	over     bool      // the last look found more than is to be kept
}

const (
	retainEvery = time.Second // how often age and size are looked at when nothing is over
	retainLook  = 4096        // … or after so many messages
	retainStep  = 1000        // messages that one step lets go, at least
	retainMost  = 4000        // and at most
)

// retain lets go of some of the oldest messages if they are too old or the
// file is too large; more tells that there are others. A step is short, and
// arrivals are appended between two of them, so at a steady rate it deletes
// about twice what came since the last.
func (s *SQLite) retain(ctx context.Context, now time.Time) (more bool, err error) {
	r := &s.retention
	if s.o.Keep <= 0 && s.o.KeepFor <= 0 {
		return false, nil
	}
	if !r.over && now.Sub(r.looked) < retainEvery && r.appended < retainLook {
		return false, nil
	}
	r.looked, r.over = now, false
	step := int64(min(max(2*r.appended, retainStep), retainMost))
	r.appended = 0
	first := s.first.Load()
	upTo := first - 1
	if s.o.KeepFor > 0 {
		id, err := s.idAt(ctx, s.c, now.Add(-s.o.KeepFor))
		if err != nil {
			return false, err
		}
		upTo = id - 1
	}
	if s.o.Keep > 0 {
		over, err := s.overSize(ctx)
		if err != nil {
			return false, err
		}
		if over {
			upTo = max(upTo, first-1+step)
		}
	}
	upTo = min(upTo, first-1+step, s.last.Load())
	if upTo < first {
		return false, s.shrink(ctx)
	}
	r.over = true
	return true, s.letGoTo(ctx, upTo)
}

// overSize tells whether what is used of the file, with room for the log
// beside it, is more than Keep.
func (s *SQLite) overSize(ctx context.Context) (bool, error) {
	var used int64 = 1
	for i, pragma := range []string{"page_count", "freelist_count", "page_size"} {
		n, _, err := s.c.integer(ctx, "PRAGMA "+pragma)
		if err != nil {
			return false, err
		}
		switch i {
		case 0:
			used = n
		case 1:
			used -= n
		case 2:
			used *= n
		}
	}
	return used > s.o.Keep-min(s.o.Keep/8, logRoom), nil
}

// logRoom is what the write-ahead log usually needs.
const logRoom = 16 << 20

// letGoTo deletes the messages up to an id.
func (s *SQLite) letGoTo(ctx context.Context, upTo int64) error {
	// Books that lag behind what is deleted could not be replayed.
	if s.sinceBooks > 0 && upTo > s.last.Load()-int64(s.sinceBooks) {
		if err := s.keepBooks(); err != nil {
			return err
		}
	}
	first := s.first.Load()
	ended := map[*source]bool{}
	marks := [][2]int64{}
	err := s.c.query(ctx, "SELECT id, source, flags FROM m WHERE id <= ?", func(v []driver.Value) error {
		id, source, flags := v[0].(int64), v[1].(int64), v[2].(int64)
		if flags&flagMarked != 0 {
			marks = append(marks, [2]int64{source, id})
		}
		if src := s.sources.get(source); src != nil && src.last <= upTo {
			ended[src] = true
		}
		return nil
	}, upTo)
	if err != nil {
		return err
	}
	letGo := s.letGo.Load() + uint64(upTo-first+1)
	err = s.c.transact(func() error {
		if err := s.c.exec("DELETE FROM m WHERE id <= ?", upTo); err != nil {
			return err
		}
		for _, mark := range marks {
			if err := s.c.exec("DELETE FROM mark WHERE source = ? AND id = ?", mark[0], mark[1]); err != nil {
				return err
			}
		}
		for src := range ended {
			if err := s.c.exec("DELETE FROM source WHERE id = ?", src.id); err != nil {
				return err
			}
		}
		return writeMeta(s.c, metaLetGo, strconv.AppendUint(nil, letGo, 10))
	})
	if err != nil {
		return fmt.Errorf("let go of messages up to %d: %w", upTo, err)
	}
	s.letGo.Store(letGo)
	s.first.Store(upTo + 1)
	for src := range ended {
		s.sources.remove(src)
	}
	return nil
}

// Room for this much to come is kept in the file; what is free beyond goes
// back to the disk, a little at a time.
const (
	freeRoom   = 32 << 20
	shrinkStep = 256 // pages
)

func (s *SQLite) shrink(ctx context.Context) error {
	free, _, err := s.c.integer(ctx, "PRAGMA freelist_count")
	if err != nil || free*pageSize < freeRoom {
		return err
	}
	return s.c.query(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", shrinkStep), func([]driver.Value) error { return nil })
}

// pageSize is SQLite's default, which create does not change.
const pageSize = 4096
