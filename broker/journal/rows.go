package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// read returns the batches of spans, at least the first.
func (f *file) read(spans []span) ([]Batch, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var got []Batch
	bytes := 0
	for _, s := range spans {
		messages, n, err := f.readSpan(s)
		if err != nil {
			return nil, fmt.Errorf("batch %d to %d: %w", s.first, s.last, err)
		}
		got = append(got, Batch{s.last, messages})
		if bytes += n; bytes >= fetchBytes {
			break
		}
	}
	return got, nil
}

// readSpan returns the messages of adjacent rows, and their size in the file in
// bytes.
func (f *file) readSpan(s span) (all []*Message, bytes int, err error) {
	rows, err := f.sel.QueryContext(context.Background(), int64(s.first), int64(s.last))
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	var key int64
	for rows.Next() {
		var records []byte
		if err := rows.Scan(&key, &records); err != nil {
			return nil, 0, err
		}
		messages, err := decodeBatch(records)
		if err != nil {
			return nil, 0, fmt.Errorf("row %d: %w", key, err)
		}
		all = append(all, messages...)
		bytes += len(records)
	}
	if err := rows.Err(); err != nil {
		return nil, 0, err
	}
	if uint64(key) != s.last {
		return nil, 0, errors.New("it is not there")
	}
	return all, bytes, nil
}

// eachBatch calls fn for every row of messages, in order: its key, the size of
// its records in bytes, and the numbers of its consumers, valid until fn returns.
// The records are not read.
func (f *file) eachBatch(ctx context.Context, fn func(key uint64, size int64, sessions []uint64)) error {
	rows, err := f.conn.QueryContext(ctx, "SELECT last, sessions, length(records) FROM batch ORDER BY last")
	if err != nil {
		return err
	}
	defer rows.Close()
	var encoded sql.RawBytes
	var sessions []uint64
	for rows.Next() {
		var last, size int64
		if err := rows.Scan(&last, &encoded, &size); err != nil {
			return err
		}
		sessions = sessions[:0]
		d := decoder{b: encoded}
		for len(d.b) > 0 {
			sessions = append(sessions, d.uvarint())
		}
		if d.bad {
			return fmt.Errorf("batch %d: %w", last, errDamaged)
		}
		fn(uint64(last), size, sessions)
	}
	return rows.Err()
}

func (f *file) eachSession(ctx context.Context, fn func(SessionRow)) error {
	rows, err := f.conn.QueryContext(ctx, "SELECT id, owner, number, cursor, expiry, subscriptions FROM session ORDER BY number")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var r SessionRow
		var number, cursor, expiry int64
		var subscriptions []byte
		if err := rows.Scan(&r.ID, &r.Owner, &number, &cursor, &expiry, &subscriptions); err != nil {
			return err
		}
		if err := json.Unmarshal(subscriptions, &r.Subscriptions); err != nil {
			return fmt.Errorf("session %q: its subscriptions: %w", r.ID, err)
		}
		r.Number, r.Cursor, r.Expiry = uint64(number), uint64(cursor), time.Duration(expiry)
		fn(r)
	}
	return rows.Err()
}

func (f *file) eachRetained(ctx context.Context, fn func(*Message)) error {
	rows, err := f.conn.QueryContext(ctx, "SELECT topic, record FROM retained")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var topic string
		var record []byte
		if err := rows.Scan(&topic, &record); err != nil {
			return err
		}
		messages, err := decodeBatch(record)
		if err != nil || len(messages) != 1 {
			return fmt.Errorf("what is retained on %q: %w", topic, errors.Join(err, errDamaged))
		}
		fn(messages[0])
	}
	return rows.Err()
}
