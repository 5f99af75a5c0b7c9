package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"

	"hellox/sqlitefile"
)

// damage is what is known of messages that are unreadable on the disk: those
// that a page, a search or the replay has met. They are skipped.
type damage struct {
	path string
	log  *slog.Logger

	mu  sync.Mutex
	ids map[int64]struct{}
}

// The most damaged messages that are counted, and that the log names.
const (
	damageMost   = 100_000
	damageLogged = 50
)

func newDamage(path string, log *slog.Logger) *damage {
	return &damage{path: path, log: log, ids: map[int64]struct{}{}}
}

// note counts a damaged message and names it in the log, once.
func (d *damage) note(id int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.ids[id]; known || len(d.ids) == damageMost {
		return
	}
	d.ids[id] = struct{}{}
	switch n := len(d.ids); {
	case n < damageLogged:
		d.log.Error("message is damaged on the disk and is left out", "path", d.path, "id", id)
	case n == damageLogged:
		d.log.Error("message is damaged on the disk and is left out; further ones are only counted", "path", d.path, "id", id)
	}
}

// evict forgets the messages up to an ID, which are deleted.
func (d *damage) evict(upTo int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id := range d.ids {
		if id <= upTo {
			delete(d.ids, id)
		}
	}
}

// forget forgets a message that is deleted.
func (d *damage) forget(id int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.ids, id)
}

// count returns how many stored messages are known to be damaged.
func (d *damage) count() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return uint64(len(d.ids))
}

// onlyRows reports whether what PRAGMA quick_check says is about the content of
// rows of m, or of a record that cannot be parsed, and not about the structure of
// the file: it looks at the structure first, and ends at such a record.
func onlyRows(complaints []string) bool {
	for _, c := range complaints {
		_, column, ok := strings.Cut(c, " value in ")
		if c != "database disk image is malformed" && (!ok || !strings.HasPrefix(column, "m.")) {
			return false
		}
	}
	return true
}

// eachRow calls f for the rows of m between two IDs, both excluded, in order, as
// far as where selects them. If a record cannot be parsed the rest is read one by
// one, where is left to f, and what cannot be read is unreadable.
func eachRow(ctx context.Context, c *sqlitefile.Conn, where string, lo, hi int64, forward bool, f func(*row) error) error {
	order := " ORDER BY id"
	if !forward {
		order += " DESC"
	}
	if where != "" {
		where = " AND " + where
	}
	const between = " FROM m WHERE id > ? AND id < ?"
	err := c.QueryOnce(ctx, "SELECT "+rowColumns+between+where+order, func(v []driver.Value) error {
		var r row
		r.scan(v)
		if forward {
			lo = r.id
		} else {
			hi = r.id
		}
		return f(&r)
	}, lo, hi)
	if !sqlitefile.IsDamaged(err) {
		return err
	}
	var ids []int64
	err = c.QueryOnce(ctx, "SELECT id"+between+order, func(v []driver.Value) error {
		id, _ := v[0].(int64)
		ids = append(ids, id)
		return nil
	}, lo, hi)
	for _, id := range ids {
		if err != nil {
			return err
		}
		var r row
		if r, _, err = rowByID(ctx, c, id); err == nil {
			err = f(&r)
		}
	}
	return err
}

// rowByID returns the row of an ID; false if there is none.
func rowByID(ctx context.Context, c *sqlitefile.Conn, id int64) (r row, ok bool, err error) {
	err = c.Query(ctx, "SELECT "+rowColumns+" FROM m WHERE id = ?", func(v []driver.Value) error {
		r.scan(v)
		ok = true
		return nil
	}, id)
	if sqlitefile.IsDamaged(err) {
		return row{id: id, unreadable: true}, true, nil
	}
	return r, ok, err
}

// newestID returns the ID of the newest message, which is at least that of the
// checkpoint. A damaged row counts only if its ID follows on the one before: the
// others, at an ID that was never given, are strays.
func newestID(ctx context.Context, c *sqlitefile.Conn, index *seriesIndex, checkpoint int64) (newest int64, strays []int64, err error) {
	newest = checkpoint
	var above []int64
	err = eachRow(ctx, c, "", checkpoint, math.MaxInt64, false, func(r *row) error {
		if r.sound(index.get(r.series)) {
			newest = r.id
			return errEnough
		}
		above = append(above, r.id)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return 0, nil, err
	}
	slices.Reverse(above)
	for _, id := range above {
		if id == newest+1 {
			newest = id
		} else {
			strays = append(strays, id)
		}
	}
	return newest, strays, nil
}

// firstID returns the ID of the oldest message; one above the newest if there is
// none. So many were evicted: a damaged row below them is none of the messages.
func firstID(ctx context.Context, c *sqlitefile.Conn, index *seriesIndex, newest int64, evicted uint64) (int64, error) {
	id, ok, err := c.Integer(ctx, "SELECT min(id) FROM m")
	if err != nil || !ok {
		return newest + 1, err
	}
	r, _, err := rowByID(ctx, c, id)
	if err == nil && !r.sound(index.get(r.series)) {
		id = max(id, int64(evicted)+1)
	}
	return id, err
}

// rowsPerPage is more than a page holds messages: one takes at least 32 bytes.
const rowsPerPage = pageSize / 32

// lostIDs tells what is lost of a damaged write-ahead log, and returns how many IDs
// may have been given to messages that were in it: none is given twice.
func lostIDs(lost sqlitefile.LostLog, path string, log *slog.Logger) int64 {
	skipped := int64(lost.Frames) * rowsPerPage
	switch {
	case lost.Commits > 0:
		log.Error("the write-ahead log is damaged: the newest messages are lost, and their IDs are left out",
			"path", path, "lost_commits", lost.Commits, "skipped_ids", skipped)
	case lost.Torn:
		log.Warn("the newest write in the write-ahead log is incomplete and left out: it was not acknowledged, unless the disk has damaged it", "path", path)
	}
	return skipped
}
