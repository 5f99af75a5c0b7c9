package journal

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"hellox/sqlitefile"
)

// A file is the journal on disk: a SQLite file in WAL mode, each commit
// synced. Its lock is held while it is open, so a second broker is refused.
type file struct {
	ballast *ballast // nil in memory
	damage  *damage

	commitBytes int64 // bytes of messages that one commit takes

	reads reads // that wait for mu

	mu   sync.Mutex // held while conn is used
	conn *sqlitefile.Conn
}

const (
	applicationID = 0x686c7862 // hlxb
	schemaVersion = 6
	schema        = `
CREATE TABLE batch (
  last INTEGER PRIMARY KEY,
  sessions BLOB NOT NULL, -- numbers of those that it is for; before the records, so that these need not be read for it
  records BLOB NOT NULL,
  crc INTEGER, -- CRC-32C of last, first and sessions; NULL: the row is of version 1
  first INTEGER -- sequence number of its first message; NULL: the row is older than version 5
) STRICT;
CREATE TABLE session (
  id TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  number INTEGER NOT NULL,
  cursor INTEGER NOT NULL,
  expiry INTEGER NOT NULL, -- nanoseconds
  subscriptions TEXT NOT NULL, -- JSON
  crc INTEGER -- CRC-32C of all this; NULL: the row is of version 1
) STRICT, WITHOUT ROWID;
CREATE TABLE retained (topic TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;
` + receivedTable + sentTable
	receivedTable = `
CREATE TABLE IF NOT EXISTS received ( -- packet IDs of messages that a session's client has sent at QoS 2 and not released
  session INTEGER NOT NULL, -- its number
  id INTEGER NOT NULL,
  PRIMARY KEY (session, id)
) STRICT, WITHOUT ROWID;
`
	sentTable = `
CREATE TABLE IF NOT EXISTS sent ( -- what sessions have been sent at QoS 2 and have not completed
  session INTEGER PRIMARY KEY, -- its number
  row BLOB NOT NULL,
  crc INTEGER NOT NULL -- CRC-32C of both
) STRICT;
`
)

// openFile opens the file in folder, or creates it; "" keeps everything in
// memory. The write-ahead log grows to about checkpoint bytes, and one commit
// takes about commit bytes of messages.
func openFile(ctx context.Context, folder string, checkpoint, commit int64) (_ *file, err error) {
	defer func() {
		if sqlitefile.IsBusy(err) {
			err = errors.New("another broker has it open")
		}
	}()
	path := ""
	if folder != "" {
		if path, err = filepath.Abs(filepath.Join(folder, "broker.db")); err != nil {
			return nil, err
		}
		makePrivate(path)
	}
	pragmas := url.Values{"_pragma": {
		"busy_timeout(1000)",
		// Before the first access: then there is no shared memory file,
		// whose pages a full disk turns into a crash.
		"locking_mode(EXCLUSIVE)",
		"synchronous(FULL)",
		"cache_size(-4096)", // what is read again soon is in memory as messages: maxCached
		fmt.Sprintf("journal_size_limit(%d)", checkpoint),
	}}
	conn, err := sqlitefile.Dial(ctx, path, pragmas.Encode())
	if err != nil {
		return nil, err
	}
	f := &file{conn: conn, commitBytes: commit}
	if err := f.prepare(ctx, folder != "", checkpoint); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return f, nil
}

// makePrivate has the file be this user's alone: SQLite would make it for all to read, and
// gives what lies beside it the same mode. One that an earlier hellox made is narrowed.
// Where that cannot be, SQLite says by itself what is wrong, or the file is used as it is.
// A file that is there is not opened: to close it would drop SQLite's locks.
func makePrivate(path string) {
	if f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
		_ = f.Close()
		return
	}
	for _, rest := range []string{"", "-wal"} {
		if info, err := os.Stat(path + rest); err == nil && info.Mode().Perm()&0o077 != 0 {
			_ = os.Chmod(path+rest, 0o600)
		}
	}
}

// prepare brings the file to the present schema and locks it.
func (f *file) prepare(ctx context.Context, onDisk bool, checkpoint int64) error {
	version, err := f.version(ctx)
	if err != nil {
		return err
	}
	if version == 0 {
		// Before anything is written; a file that is not a journal stays as it is.
		if err := f.conn.Script(ctx, "PRAGMA auto_vacuum(INCREMENTAL)"); err != nil {
			return err
		}
	}
	if onDisk {
		if err := f.useWAL(ctx, checkpoint); err != nil {
			return err
		}
	}
	const first = "ALTER TABLE batch ADD COLUMN first INTEGER;"
	steps := map[int64]string{
		0: schema,
		1: "ALTER TABLE batch ADD COLUMN crc INTEGER; ALTER TABLE session ADD COLUMN crc INTEGER;" + receivedTable + sentTable + first,
		2: receivedTable + sentTable + first,
		3: sentTable + first,
		4: first,
		5: "", // only what a row of sent holds has changed, and that sessions may be shared subscriptions
	}
	if step, ok := steps[version]; ok {
		err := f.conn.Transact(func() error {
			return f.conn.Script(ctx, step+fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d;", applicationID, schemaVersion))
		})
		if err != nil {
			return err
		}
	}
	// Lock the file from here on, not only from the first commit.
	return f.conn.Script(ctx, "BEGIN EXCLUSIVE; COMMIT")
}

// version returns the version of the schema, 0 if the file is new, or why the
// file cannot be used.
func (f *file) version(ctx context.Context) (version int64, err error) {
	var application, tables int64
	err = f.conn.QueryOnce(ctx, "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)", func(v []driver.Value) error {
		return scan(v, &application, &version, &tables)
	})
	switch {
	case err != nil:
		return 0, err
	case tables > 0 && application != applicationID:
		return 0, errors.New("it is not a broker's store")
	case version > schemaVersion:
		return 0, fmt.Errorf("it was written by a newer hellox (version %d; this one knows %d)", version, schemaVersion)
	}
	return version, nil
}

func (f *file) useWAL(ctx context.Context, checkpoint int64) error {
	var mode string
	err := f.conn.QueryOnce(ctx, "PRAGMA journal_mode(WAL)", func(v []driver.Value) error { return scan(v, &mode) })
	if err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("its journal mode is %s, not wal", mode)
	}
	return f.conn.Script(ctx, fmt.Sprintf("PRAGMA wal_autocheckpoint(%d)", max(checkpoint/4096, 1)))
}

func (f *file) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.conn.Close()
}

// commit writes w in one transaction. When it returns nil, w is on disk.
func (f *file) commit(w *commitBatch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.conn.Transact(func() error {
		for _, r := range w.rows {
			if err := f.conn.Exec("INSERT INTO batch (last, sessions, records, crc, first) VALUES (?, ?, ?, ?, ?)",
				int64(r.key), r.group.sessions, r.records, rowChecksum(r.first, r.key, r.group.sessions), int64(r.first)); err != nil {
				return err
			}
		}
		if err := f.writeReceipts(w); err != nil {
			return err
		}
		for _, s := range w.ended {
			// By its number as well: the row may be that of a successor with the same id.
			if err := f.conn.Exec("DELETE FROM session WHERE id = ? AND number = ?", s.ID, int64(s.Number)); err != nil {
				return err
			}
			for _, table := range []string{"received", "sent"} {
				if err := f.conn.Exec("DELETE FROM "+table+" WHERE session = ?", int64(s.Number)); err != nil {
					return err
				}
			}
		}
		for _, s := range w.sessions {
			if err := f.saveSession("INSERT OR REPLACE INTO session (owner, number, cursor, expiry, subscriptions, crc, id) VALUES (?, ?, ?, ?, ?, ?, ?)", s); err != nil {
				return err
			}
		}
		for _, s := range w.cursors {
			// The whole row, so that its checksum is that of what it holds.
			if err := f.saveSession("UPDATE session SET owner = ?, number = ?, cursor = ?, expiry = ?, subscriptions = ?, crc = ? WHERE id = ?", s); err != nil {
				return err
			}
		}
		for _, s := range w.sent {
			row := s.encode()
			if err := f.conn.Exec("INSERT OR REPLACE INTO sent (session, row, crc) VALUES (?, ?, ?)", int64(s.Number), row, rowChecksum(0, s.Number, row)); err != nil {
				return err
			}
		}
		for topic, m := range w.topics {
			if err := f.retain(topic, m); err != nil {
				return err
			}
		}
		return f.delete(w)
	})
	if err == nil && f.ballastReleased() {
		// Freed pages return to the disk only with a checkpoint. If it
		// fails, the next commit tries again.
		_ = f.conn.Exec("PRAGMA wal_checkpoint(TRUNCATE)")
	}
	return err
}

// writeReceipts stores and deletes receipts, in the order in which they came.
func (f *file) writeReceipts(w *commitBatch) error {
	for _, e := range w.writes {
		r := e.receipt
		if r == nil {
			continue
		}
		statement := "INSERT OR IGNORE INTO received (session, id) VALUES (?, ?)"
		if r.Released {
			statement = "DELETE FROM received WHERE session = ? AND id = ?"
		}
		if err := f.conn.Exec(statement, int64(r.Publisher.Number()), int64(r.ID)); err != nil {
			return err
		}
	}
	return nil
}

// saveSession runs a statement that writes a session's row.
func (f *file) saveSession(statement string, s SessionRow) error {
	subscriptions, err := json.Marshal(s.Subscriptions)
	if err != nil {
		return err
	}
	return f.conn.Exec(statement, s.Owner, int64(s.Number), int64(s.Cursor), int64(s.Expiry), string(subscriptions), s.checksum(subscriptions), s.ID)
}

func (f *file) retain(topic string, m *Message) error {
	if m == nil {
		return f.conn.Exec("DELETE FROM retained WHERE topic = ?", topic)
	}
	record := m.appendRecord(beginBatch(nil))
	sealBatch(record)
	return f.conn.Exec("INSERT OR REPLACE INTO retained (topic, record) VALUES (?, ?)", topic, record)
}

// delete deletes the batches that no session needs, and returns pages to the
// disk when many are free.
func (f *file) delete(w *commitBatch) error {
	if len(w.discarded) == 0 {
		if f.ballastReleased() {
			return f.shrink()
		}
		return nil
	}
	if err := f.conn.Exec("DELETE FROM batch WHERE last < ?", int64(w.below)); err != nil {
		return err
	}
	for _, s := range joined(w.discarded) {
		if s.last < w.below {
			continue
		}
		if err := f.conn.Exec("DELETE FROM batch WHERE last BETWEEN ? AND ?", int64(s.first), int64(s.last)); err != nil {
			return err
		}
	}
	return f.shrink()
}

// shrink returns free pages to the disk, some with each commit. It keeps enough
// of them that a busy journal does not grow and shrink all the time, unless the
// disk is full.
func (f *file) shrink() error {
	keep, step := 4096, 256 // pages of 4 KiB
	if f.ballastReleased() {
		keep, step = 0, 4096
	}
	ctx := context.Background()
	free, _, err := f.conn.Integer(ctx, "PRAGMA freelist_count")
	if err != nil || free <= int64(keep) {
		return err
	}
	// The pragma frees one page for each row that is read from it.
	return f.conn.QueryOnce(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", step), func([]driver.Value) error { return nil })
}
