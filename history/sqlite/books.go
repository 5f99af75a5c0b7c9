package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"time"

	"hellox/stream/stats"
	"hellox/stream/track"
)

// The books are all that the history knows besides its messages: the ledger's
// state in table meta, its accounts in sender, the ends of the chains in
// source. Between two times that they are kept, the messages themselves carry
// what has changed, and opening replays those. So an append writes only its
// rows, and counters are never ahead of them or behind.

// Books are kept after so many messages (opening replays at most about twice
// as many), after so long, when a duplicate has been counted (it leaves no row
// to replay) and at the end.
const (
	booksEvery    = 8192
	booksInterval = 5 * time.Second
)

// The keys of table meta.
const (
	metaBooks = "books"  // track.State as JSON
	metaLetGo = "let_go" // how many messages retention has deleted, decimal
)

// A bookEntry is a sender's account as it stands in table sender.
type bookEntry struct {
	*track.SenderState
	Cadence stats.Cadence `json:"cadence"`
}

// A page of books to be written in one transaction.
type bookPage struct {
	books   []byte
	senders [][2][]byte // name, account
	forgot  []string
	sources []*source
}

// turnPage collects what has changed since the books were last kept.
func (s *Store) turnPage() (*bookPage, error) {
	p := &bookPage{}
	var err error
	if p.books, err = json.Marshal(s.ledger.State()); err != nil {
		return nil, fmt.Errorf("encode the books: %w", err)
	}
	var changed []*track.SenderState
	changed, p.forgot = s.ledger.Changes()
	for _, a := range changed {
		account, err := json.Marshal(bookEntry{a, s.pulse.Cadence(a.Sender)})
		if err != nil {
			return nil, fmt.Errorf("encode the account of %s: %w", a.Sender, err)
		}
		p.senders = append(p.senders, [2][]byte{[]byte(a.Sender), account})
	}
	for _, src := range s.changed {
		src.changed = false
	}
	p.sources, s.changed = s.changed, nil
	s.sinceBooks, s.dirty, s.booksKept = 0, false, s.now()
	return p, nil
}

// write puts the page into the transaction under way.
func (p *bookPage) write(c *conn) error {
	for _, a := range p.senders {
		if err := c.exec("INSERT OR REPLACE INTO sender(name, account, crc) VALUES(?, ?, ?)", a[0], a[1], pairChecksum(a[0], a[1])); err != nil {
			return err
		}
	}
	for _, name := range p.forgot {
		if err := c.exec("DELETE FROM sender WHERE name = ?", []byte(name)); err != nil {
			return err
		}
	}
	for _, src := range p.sources {
		if err := c.exec("UPDATE source SET last = ?, count = ? WHERE id = ?", src.last, src.count, src.id); err != nil {
			return err
		}
	}
	return writeMeta(c, metaBooks, p.books)
}

// readSenders returns all accounts.
func readSenders(ctx context.Context, c *conn) ([]bookEntry, error) {
	var entries []bookEntry
	err := c.query(ctx, "SELECT name, account, crc FROM sender", func(v []driver.Value) error {
		name, _ := v[0].([]byte)
		account, _ := v[1].([]byte)
		if v[2] != pairChecksum(name, account) {
			return fmt.Errorf("the account of sender %q is damaged", name)
		}
		e := bookEntry{SenderState: new(track.SenderState)}
		if err := json.Unmarshal(account, &e); err != nil {
			return fmt.Errorf("the account of sender %q: %w", name, err)
		}
		entries = append(entries, e)
		return nil
	})
	return entries, err
}

// readMeta returns the value of a key of table meta; nil if there is none.
func readMeta(ctx context.Context, c *conn, key string) (value []byte, err error) {
	err = c.query(ctx, "SELECT value, crc FROM meta WHERE key = ?", func(v []driver.Value) error {
		value, _ = v[0].([]byte)
		if v[1] != pairChecksum([]byte(key), value) {
			return fmt.Errorf("entry %s of table meta is damaged", key)
		}
		return nil
	}, key)
	return value, err
}

func writeMeta(c *conn, key string, value []byte) error {
	return c.exec("INSERT OR REPLACE INTO meta(key, value, crc) VALUES(?, ?, ?)", key, value, pairChecksum([]byte(key), value))
}

func pairChecksum(key, value []byte) int64 {
	return int64(int32(crc32.Update(crc32.Checksum(key, castagnoli()), castagnoli(), value)))
}
