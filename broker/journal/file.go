package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// A file is the journal on disk: a SQLite file in WAL mode, each commit
// synced. Its lock is held while it is open, so a second broker is refused.
type file struct {
	db      *sql.DB
	ballast *ballast // nil in memory

	commitBytes int64 // bytes of messages that one commit takes

	mu   sync.Mutex // held while conn is used
	conn *sql.Conn
	ins  *sql.Stmt // inserts a batch
	sel  *sql.Stmt // selects a batch
}

const (
	applicationID = 0x686c7862 // hlxb
	schemaVersion = 1
	schema        = `
CREATE TABLE batch (
  last INTEGER PRIMARY KEY,
  sessions BLOB NOT NULL, -- numbers of those that it is for; before the records, so that these need not be read for it
  records BLOB NOT NULL
) STRICT;
CREATE TABLE session (
  id TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  number INTEGER NOT NULL,
  cursor INTEGER NOT NULL,
  expiry INTEGER NOT NULL, -- nanoseconds
  subscriptions TEXT NOT NULL -- JSON
) STRICT, WITHOUT ROWID;
CREATE TABLE retained (topic TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
`
)

// openFile opens the file in folder, or creates it; "" keeps everything in
// memory. The write-ahead log grows to about checkpoint bytes, and one commit
// takes about commit bytes of messages.
func openFile(ctx context.Context, folder string, checkpoint, commit int64) (*file, error) {
	name := "file::memory:"
	if folder != "" {
		path, err := filepath.Abs(filepath.Join(folder, "broker.db"))
		if err != nil {
			return nil, err
		}
		path = filepath.ToSlash(path)
		if !strings.HasPrefix(path, "/") {
			path = "/" + path // C:/…
		}
		name = (&url.URL{Scheme: "file", OmitHost: true, Path: path}).String()
	}
	pragmas := url.Values{"_defensive": {"1"}, "_pragma": {
		"busy_timeout(1000)",
		// Before the first access: then there is no shared memory file,
		// whose pages a full disk turns into a crash.
		"locking_mode(EXCLUSIVE)",
		"synchronous(FULL)",
		"cache_size(-4096)",
		fmt.Sprintf("journal_size_limit(%d)", checkpoint),
	}}
	db, err := sql.Open("sqlite", name+"?"+pragmas.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	f := &file{db: db, commitBytes: commit}
	if err := f.prepare(ctx, folder != "", checkpoint); err != nil {
		if f.conn != nil {
			f.conn.Close() // else db keeps it, and its lock
		}
		db.Close()
		return nil, err
	}
	return f, nil
}

func (f *file) prepare(ctx context.Context, onDisk bool, checkpoint int64) (err error) {
	defer func() {
		if hasCode(err, sqlite3.SQLITE_BUSY) {
			err = errors.New("another broker has it open")
		}
	}()
	if f.conn, err = f.db.Conn(ctx); err != nil {
		return err
	}
	var application, version, tables int
	err = f.conn.QueryRowContext(ctx, "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)").Scan(&application, &version, &tables)
	switch {
	case err != nil:
		return err
	case tables > 0 && application != applicationID:
		return errors.New("it is not a broker's store")
	case version > schemaVersion:
		return fmt.Errorf("it was written by a newer hellox (version %d; this one knows %d)", version, schemaVersion)
	}
	if version == 0 {
		// Before anything is written; a file that is not a journal stays as it is.
		if err := f.exec(ctx, "PRAGMA auto_vacuum(INCREMENTAL)"); err != nil {
			return err
		}
	}
	if onDisk {
		var mode string
		if err := f.conn.QueryRowContext(ctx, "PRAGMA journal_mode(WAL)").Scan(&mode); err != nil {
			return err
		}
		if mode != "wal" {
			return fmt.Errorf("its journal mode is %s, not wal", mode)
		}
		if err := f.exec(ctx, fmt.Sprintf("PRAGMA wal_autocheckpoint(%d)", max(checkpoint/4096, 1))); err != nil {
			return err
		}
	}
	if version == 0 {
		err := f.inTransaction(ctx, func() error {
			return f.exec(ctx, schema+fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d;", applicationID, schemaVersion))
		})
		if err != nil {
			return err
		}
	}
	// Lock the file from here on, not only from the first commit.
	if err := f.exec(ctx, "BEGIN EXCLUSIVE; COMMIT"); err != nil {
		return err
	}
	if f.ins, err = f.conn.PrepareContext(ctx, "INSERT INTO batch (last, sessions, records) VALUES (?, ?, ?)"); err != nil {
		return err
	}
	f.sel, err = f.conn.PrepareContext(ctx, "SELECT last, records FROM batch WHERE last BETWEEN ? AND ? ORDER BY last")
	return err
}

func (f *file) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.ins.Close(), f.sel.Close(), f.conn.Close(), f.db.Close())
}

func (f *file) exec(ctx context.Context, query string, args ...any) error {
	_, err := f.conn.ExecContext(ctx, query, args...)
	return err
}

func (f *file) inTransaction(ctx context.Context, do func() error) error {
	if err := f.exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := do()
	if err == nil {
		err = f.exec(ctx, "COMMIT")
	}
	if err != nil {
		// After SQLITE_FULL and SQLITE_IOERR it may have been rolled back
		// already: an error here means nothing.
		_ = f.exec(ctx, "ROLLBACK")
	}
	return err
}

// commit writes w in one transaction. When it returns nil, w is on disk.
func (f *file) commit(w *commitBatch) error {
	ctx := context.Background() // a commit is never left half way
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.inTransaction(ctx, func() error {
		for _, r := range w.rows {
			if _, err := f.ins.ExecContext(ctx, int64(r.key), r.sessions, r.records); err != nil {
				return err
			}
		}
		for _, s := range w.ended {
			// By its number as well: the row may be that of a successor with the same id.
			if err := f.exec(ctx, "DELETE FROM session WHERE id = ? AND number = ?", s.ID, int64(s.Number)); err != nil {
				return err
			}
		}
		for _, s := range w.sessions {
			subscriptions, err := json.Marshal(s.Subscriptions)
			if err != nil {
				return err
			}
			err = f.exec(ctx, "INSERT OR REPLACE INTO session (id, owner, number, cursor, expiry, subscriptions) VALUES (?, ?, ?, ?, ?, ?)",
				s.ID, s.Owner, int64(s.Number), int64(s.Cursor), int64(s.Expiry), string(subscriptions))
			if err != nil {
				return err
			}
		}
		for _, s := range w.cursors {
			if err := f.exec(ctx, "UPDATE session SET cursor = ? WHERE id = ?", int64(s.Cursor), s.ID); err != nil {
				return err
			}
		}
		for topic, m := range w.topics {
			if err := f.retain(ctx, topic, m); err != nil {
				return err
			}
		}
		return f.delete(ctx, w)
	})
	if err == nil && f.ballastReleased() {
		// Freed pages return to the disk only with a checkpoint. If it
		// fails, the next commit tries again.
		_ = f.exec(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	}
	return err
}

func (f *file) retain(ctx context.Context, topic string, m *Message) error {
	if m == nil {
		return f.exec(ctx, "DELETE FROM retained WHERE topic = ?", topic)
	}
	record := m.appendRecord(beginBatch(nil))
	sealBatch(record)
	return f.exec(ctx, "INSERT OR REPLACE INTO retained (topic, record) VALUES (?, ?)", topic, record)
}

// delete deletes the batches that no session needs, and returns pages to the
// disk when many are free.
func (f *file) delete(ctx context.Context, w *commitBatch) error {
	if len(w.discarded) == 0 {
		if f.ballastReleased() {
			return f.shrink(ctx)
		}
		return nil
	}
	if err := f.exec(ctx, "DELETE FROM batch WHERE last < ?", int64(w.below)); err != nil {
		return err
	}
	for _, s := range w.discarded {
		if s.last < w.below {
			continue
		}
		if err := f.exec(ctx, "DELETE FROM batch WHERE last BETWEEN ? AND ?", int64(s.first), int64(s.last)); err != nil {
			return err
		}
	}
	return f.shrink(ctx)
}

// shrink returns free pages to the disk, some with each commit. It keeps enough
// of them that a busy journal does not grow and shrink all the time, unless the
// disk is full.
func (f *file) shrink(ctx context.Context) error {
	keep, step := 4096, 256 // pages of 4 KiB
	if f.ballastReleased() {
		keep, step = 0, 4096
	}
	var free int
	if err := f.conn.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&free); err != nil {
		return err
	}
	if free <= keep {
		return nil
	}
	// The pragma frees one page for each row that is read from it.
	rows, err := f.conn.QueryContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", step))
	if err != nil {
		return err
	}
	for rows.Next() {
	}
	return errors.Join(rows.Err(), rows.Close())
}

// isFull reports whether a commit failed for want of room, which can pass. Any
// other failure to write is final: a failed fsync may have lost pages that the
// next one reports as written.
func isFull(err error) bool { return hasCode(err, sqlite3.SQLITE_FULL) }

func hasCode(err error, code int) bool {
	var coded *sqlite.Error
	return errors.As(err, &coded) && coded.Code()&0xff == code
}
