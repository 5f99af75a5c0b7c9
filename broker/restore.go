package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
)

const (
	defaultLimit = 1 << 30
	memoryLimit  = 64 << 20
	minLimit     = 4 << 20
)

// openJournal opens the store. Of its limit a part is the reserve, and a part
// SQLite's write-ahead log.
func (b *Broker) openJournal(folder string, limit int64) error {
	if limit == 0 {
		limit = defaultLimit
		if folder == "" {
			limit = memoryLimit
		}
	}
	if limit < minLimit {
		return fmt.Errorf("the store's limit of %d bytes is too small: it must be at least %d", limit, minLimit)
	}
	var kept *reserve
	forMessages := limit
	if folder != "" {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return fmt.Errorf("open the store %s: %w", folder, err)
		}
		kept = makeReserve(folder, limit/64)
		forMessages -= 2 * kept.size
	}
	// When the disk is full, what stands in SQLite's write-ahead log must find
	// room in what the reserve leaves: what it may come to, and one commit.
	room := int64(maxReserve)
	if kept != nil {
		room = kept.size
	}
	file, err := openJournalFile(context.Background(), folder, room/2, room/4)
	if err != nil {
		return fmt.Errorf("open the store %s: %w", folder, err)
	}
	file.reserve = kept
	b.journal = newJournal(file, forMessages, b.metrics, b.log, b.now)
	b.journal.asked = limit
	if file.starved() {
		b.journal.degrade("the disk of the store is full: publishers get no acknowledgement until there is room")
	}
	b.journal.retained, b.journal.healed = &b.retained, b.patience.forget
	b.sessions.journal, b.sessions.metrics, b.sessions.now = b.journal, b.metrics, b.now
	b.sessions.byID = map[string]*session{}
	return nil
}

// restore reads the store: sessions, what is retained, and which session
// needs which batch. The messages are not read, so a full store opens as soon
// as an empty one; their checksums are looked at when they are sent.
func (b *Broker) restore() error {
	ctx := context.Background()
	j := b.journal
	b.sessions.budget = &b.shared.budget
	byNumber := map[uint64]*session{}
	err := j.file.eachSession(ctx, func(r sessionRow) error {
		s := b.sessions.restore(r)
		byNumber[r.number] = s
		var subs []subscription
		if err := json.Unmarshal([]byte(r.subscriptions), &subs); err != nil {
			return fmt.Errorf("its subscriptions: %w", err)
		}
		j.seq = max(j.seq, s.cursor)
		for _, sub := range subs {
			s.subscribe(&b.router, sub)
			j.seq = max(j.seq, sub.Since)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := j.file.eachRetained(ctx, func(m *message) { b.retained.set(m) }); err != nil {
		return err
	}
	b.metrics.retainedCount.Set(float64(b.retained.count()))
	err = j.file.eachBatch(ctx, func(key uint64, size int64, sessions []uint64) {
		j.seq = max(j.seq, key)
		var to []*session
		for _, number := range sessions {
			// Of a session that has ended since, there is no row any more.
			if s := byNumber[number]; s != nil && s.cursor < key {
				to = append(to, s)
			}
		}
		b := &batch{span: span{key, key}, size: size, to: to, needed: len(to)}
		j.tell(to, j.enter(b), key)
		j.bury(b) // if nobody needs it
	})
	j.synced = j.seq
	b.metrics.store(j.kept)
	return err
}
