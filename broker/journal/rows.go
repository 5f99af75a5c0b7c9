package journal

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hellox/sqlitefile"
)

// eachBatch calls fn for every row of messages, in order: the sequence numbers of
// its first and last message, the size of its records in bytes, and the numbers
// of its consumers, encoded and valid until fn returns. The records are not read.
func (f *file) eachBatch(ctx context.Context, fn func(first, key uint64, size int64, sessions []byte)) error {
	return f.conn.QueryOnce(ctx, "SELECT last, sessions, length(records), first, crc FROM batch ORDER BY last", func(v []driver.Value) error {
		var last, size int64
		var sessions []byte
		if err := scan(v[:3], &last, &sessions, &size); err != nil {
			return err
		}
		// Before version 5 no other row had messages between those of one.
		first, known := v[3].(int64)
		if v[4] != nil && v[4] != rowChecksum(uint64(first), uint64(last), sessions) {
			f.damage.note("the messages of write %d", last)
			return nil
		}
		if !known {
			first = last
		}
		fn(uint64(first), uint64(last), size, sessions)
		return nil
	})
}

// newestBatch returns the newest sequence number of the rows of messages, also of those
// that are damaged: another row cannot have it.
func (f *file) newestBatch(ctx context.Context) (uint64, error) {
	const absurd = 1 << 62 // a flipped bit, and numbers would soon be negative for SQLite
	newest, _, err := f.conn.Integer(ctx, fmt.Sprintf("SELECT coalesce(max(last), 0) FROM batch WHERE last < %d", int64(absurd)))
	return uint64(max(newest, 0)), err
}

// receipts returns the packet IDs of receipts, by the number of their session.
func (f *file) receipts(ctx context.Context) (map[uint64][]uint16, error) {
	ids := map[uint64][]uint16{}
	err := f.conn.QueryOnce(ctx, "SELECT session, id FROM received", func(v []driver.Value) error {
		var session, id int64
		if err := scan(v, &session, &id); err != nil {
			return err
		}
		ids[uint64(session)] = append(ids[uint64(session)], uint16(id))
		return nil
	})
	if isDamaged(err) {
		f.damage.note("which messages at QoS 2 have come")
		return ids, nil
	}
	return ids, err
}

// sentRows returns what sessions have been sent at QoS 2, by their number. Rows
// of sessions that have ended are among them.
func (f *file) sentRows(ctx context.Context) (map[uint64]SentRow, error) {
	rows := map[uint64]SentRow{}
	err := f.conn.QueryOnce(ctx, "SELECT session, row, crc FROM sent", func(v []driver.Value) error {
		var session, crc int64
		var encoded []byte
		if err := scan(v, &session, &encoded, &crc); err != nil {
			return err
		}
		r, ok := decodeSent(encoded)
		if !ok || crc != rowChecksum(0, uint64(session), encoded) {
			f.damage.note("what session number %d was sent at QoS 2", session)
			return nil
		}
		r.Number = uint64(session)
		rows[r.Number] = r
		return nil
	})
	if isDamaged(err) {
		f.damage.note("what sessions were sent at QoS 2")
		return rows, nil
	}
	return rows, err
}

func (f *file) eachSession(ctx context.Context, fn func(SessionRow)) error {
	return f.conn.QueryOnce(ctx, "SELECT id, owner, number, cursor, expiry, subscriptions, crc FROM session ORDER BY number", func(v []driver.Value) error {
		var r SessionRow
		var number, cursor, expiry int64
		var subscriptions string
		if err := scan(v[:6], &r.ID, &r.Owner, &number, &cursor, &expiry, &subscriptions); err != nil {
			return err
		}
		if json.Unmarshal([]byte(subscriptions), &r.Subscriptions) != nil {
			f.damage.note("the subscriptions of session %q", r.ID)
			r.Subscriptions = nil
		}
		r.Number, r.Cursor, r.Expiry = uint64(number), uint64(cursor), time.Duration(expiry)
		if v[6] != nil && v[6] != r.checksum([]byte(subscriptions)) {
			// Where it was is not known: better twice than lost.
			f.damage.note("the state of session %q", r.ID)
			r.Cursor = 0
		}
		fn(r)
		return nil
	})
}

// eachRetained calls fn for each retained message, and returns the topics whose
// rows are damaged.
func (f *file) eachRetained(ctx context.Context, fn func(*Message)) (damaged []string, err error) {
	err = f.conn.QueryOnce(ctx, "SELECT topic, record FROM retained", func(v []driver.Value) error {
		var topic string
		var record []byte
		if err := scan(v, &topic, &record); err != nil {
			return err
		}
		messages, err := decodeBatch(record)
		switch {
		case err != nil || len(messages) != 1:
			damaged = append(damaged, topic)
			f.damage.note("what was retained on %q", topic)
		case messages[0].Topic != topic: // the row's own copy is damaged
			damaged = append(damaged, topic, messages[0].Topic)
			fn(messages[0])
		default:
			fn(messages[0])
		}
		return nil
	})
	return damaged, err
}

// isDamaged reports whether err says that the file, or a row of it, is damaged.
func isDamaged(err error) bool { return sqlitefile.IsDamaged(err) || errors.Is(err, errDamaged) }

// scan copies the values of a row. The tables are strict, so another type is
// damage.
func scan(values []driver.Value, to ...any) error {
	for i, v := range values {
		ok := false
		switch to := to[i].(type) {
		case *int64:
			*to, ok = v.(int64)
		case *string:
			*to, ok = v.(string)
		case *[]byte:
			*to, ok = v.([]byte)
		}
		if !ok {
			return fmt.Errorf("column %d holds a %T: %w", i+1, v, errDamaged)
		}
	}
	return nil
}
