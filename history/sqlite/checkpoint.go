package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"hellox/stream/stats"
	"hellox/stream/track"

	"hellox/sqlitefile"
)

// A checkpoint is all that the history knows besides its messages: the tracker's
// state in table meta, its senders in sender, the newest message of each series
// in source. Between two checkpoints the messages themselves carry what has
// changed, and opening replays them. So an append writes only its rows, and
// counters are never ahead of them or behind.

// A checkpoint is written after so many messages (opening replays at most about twice
// as many), after so long, when a duplicate has been counted (it leaves no row
// to replay) and at the end.
const (
	checkpointEvery    = 8192
	checkpointInterval = 5 * time.Second
)

// The keys of table meta.
const (
	metaState   = "books"  // track.State as JSON
	metaEvicted = "let_go" // how many messages retention has deleted, decimal
)

// A storedSender is a sender as table sender holds it.
type storedSender struct {
	*track.SenderState
	Cadence stats.Cadence `json:"cadence"`
}

// A snapshot is a checkpoint to be written in one transaction.
type snapshot struct {
	state     []byte
	senders   [][2][]byte // name, state
	forgotten []string
	series    []*series
}

// takeSnapshot collects what has changed since the last checkpoint.
func (s *Store) takeSnapshot() (*snapshot, error) {
	p := &snapshot{}
	var err error
	if p.state, err = json.Marshal(s.tracker.State()); err != nil {
		return nil, fmt.Errorf("encode the checkpoint: %w", err)
	}
	var changed []*track.SenderState
	changed, p.forgotten = s.tracker.Changes()
	for _, a := range changed {
		row, err := json.Marshal(storedSender{a, s.state.Cadence(a.Sender)})
		if err != nil {
			return nil, fmt.Errorf("encode the state of sender %s: %w", a.Sender, err)
		}
		p.senders = append(p.senders, [2][]byte{[]byte(a.Sender), row})
	}
	for _, one := range s.changed {
		one.changed = false
	}
	p.series, s.changed = s.changed, nil
	s.sinceCheckpoint, s.dirty, s.checkpointedAt = 0, false, s.now()
	return p, nil
}

// write puts the snapshot into the transaction under way.
func (p *snapshot) write(c *sqlitefile.Conn) error {
	for _, a := range p.senders {
		if err := c.Exec("INSERT OR REPLACE INTO sender(name, account, crc) VALUES(?, ?, ?)", a[0], a[1], pairChecksum(a[0], a[1])); err != nil {
			return err
		}
	}
	for _, name := range p.forgotten {
		if err := c.Exec("DELETE FROM sender WHERE name = ?", []byte(name)); err != nil {
			return err
		}
	}
	for _, one := range p.series {
		if err := c.Exec("UPDATE source SET last = ?, count = ?, crc = ? WHERE id = ?", one.last, one.count, one.checksum(one.last, one.count), one.id); err != nil {
			return err
		}
	}
	return writeMeta(c, metaState, p.state)
}

// readSenders returns all senders, and the names of those whose state is damaged.
func readSenders(ctx context.Context, c *sqlitefile.Conn) (entries []storedSender, damaged [][]byte, err error) {
	err = c.Query(ctx, "SELECT name, account, crc FROM sender", func(v []driver.Value) error {
		name, _ := v[0].([]byte)
		account, _ := v[1].([]byte)
		e := storedSender{SenderState: new(track.SenderState)}
		sound := v[2] == pairChecksum(name, account)
		if sound {
			parsing := json.Unmarshal(account, &e)
			sound = parsing == nil && e.SenderState != nil
		}
		if sound {
			entries = append(entries, e)
		} else {
			damaged = append(damaged, slices.Clone(name))
		}
		return nil
	})
	return entries, damaged, err
}

// readMeta returns the value of a key of table meta, nil if there is none, and
// whether it is what was written.
func readMeta(ctx context.Context, c *sqlitefile.Conn, key string) (value []byte, sound bool, err error) {
	sound = true
	err = c.Query(ctx, "SELECT value, crc FROM meta WHERE key = ?", func(v []driver.Value) error {
		value, _ = v[0].([]byte)
		sound = v[1] == pairChecksum([]byte(key), value)
		return nil
	}, key)
	return value, sound, err
}

func writeMeta(c *sqlitefile.Conn, key string, value []byte) error {
	return c.Exec("INSERT OR REPLACE INTO meta(key, value, crc) VALUES(?, ?, ?)", key, value, pairChecksum([]byte(key), value))
}

func pairChecksum(key, value []byte) int64 {
	return int64(int32(crc32.Update(crc32.Checksum(key, castagnoli()), castagnoli(), value)))
}

// A storedCheckpoint is a checkpoint as it was read.
type storedCheckpoint struct {
	state   track.State
	senders []storedSender
	evicted uint64
	lost    bool // it is damaged: all is counted anew from the messages
}

// readCheckpoint reads the last checkpoint. What is damaged of it begins anew,
// with a line in the log.
func readCheckpoint(ctx context.Context, c *sqlitefile.Conn, log *slog.Logger) (*storedCheckpoint, error) {
	p := &storedCheckpoint{}
	value, sound, err := readMeta(ctx, c, metaEvicted)
	if err != nil {
		return nil, err
	}
	evicted, parsing := strconv.ParseUint(string(value), 10, 63)
	if !sound || parsing != nil {
		// IDs begin at 1 and leave none out.
		first, ok, err := c.Integer(ctx, "SELECT min(id) FROM m")
		if err != nil {
			return nil, err
		}
		if evicted = 0; ok {
			evicted = uint64(max(first-1, 0))
		}
	}
	p.evicted = evicted
	if value, sound, err = readMeta(ctx, c, metaState); err != nil {
		return nil, err
	}
	var damaged [][]byte
	if p.senders, damaged, err = readSenders(ctx, c); err != nil {
		return nil, err
	}
	// Without any counters this is a history that never wrote a checkpoint.
	if missing := len(value) == 0; missing && len(p.senders) == 0 && evicted == 0 {
		return p, nil
	} else if missing || !sound || json.Unmarshal(value, &p.state) != nil {
		log.Error("the counters are damaged on the disk; they are counted anew from the messages that are stored")
		p.state, p.senders, p.lost = track.State{LastID: int64(evicted)}, nil, true
		return p, c.Exec("DELETE FROM sender")
	}
	for _, name := range damaged {
		log.Error("the counters of a sender are damaged on the disk; they begin anew", "sender", string(name))
		if err := c.Exec("DELETE FROM sender WHERE name = ?", name); err != nil {
			return nil, err
		}
	}
	return p, nil
}
