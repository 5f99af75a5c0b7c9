package broker

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// journalOptions configure a journal.
type journalOptions struct {
	folder   string                      // made if it is not there; "": everything stays in memory
	limit    int64                       // bytes that folder may come to, at least minLimit
	retained func(topic string) *message // what is retained on topic at present, or nil
	healed   func()                      // called when messages are taken again
	metrics  journalMetrics
	log      *slog.Logger
}

// journalMetrics are what a journal counts.
type journalMetrics struct {
	bytes    prometheus.Gauge    // of messages kept for sessions
	degraded prometheus.Gauge    // 1 while nothing is acknowledged
	commits  prometheus.Observer // seconds that a commit took
}

const (
	defaultLimit = 1 << 30
	memoryLimit  = 64 << 20
	minLimit     = 4 << 20
)

// openJournal opens the store. Of its limit a part is the reserve, and a part
// SQLite's write-ahead log.
func openJournal(o journalOptions) (*journal, error) {
	limit := o.limit
	if limit == 0 {
		limit = defaultLimit
		if o.folder == "" {
			limit = memoryLimit
		}
	}
	if limit < minLimit {
		return nil, fmt.Errorf("the store's limit of %d bytes is too small: it must be at least %d", limit, minLimit)
	}
	var kept *reserve
	forMessages := limit
	if o.folder != "" {
		if err := os.MkdirAll(o.folder, 0o700); err != nil {
			return nil, fmt.Errorf("open the store %s: %w", o.folder, err)
		}
		kept = makeReserve(o.folder, limit/64)
		forMessages -= 2 * kept.size
	}
	// When the disk is full, what stands in SQLite's write-ahead log must find
	// room in what the reserve leaves: what it may come to, and one commit.
	room := int64(maxReserve)
	if kept != nil {
		room = kept.size
	}
	file, err := openJournalFile(context.Background(), o.folder, room/2, room/4)
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", o.folder, err)
	}
	file.reserve = kept
	j := &journal{
		file: file, limit: forMessages, asked: limit,
		retained: o.retained, healed: o.healed, metrics: o.metrics, log: o.log,
		kick: make(chan struct{}, 1), stop: make(chan struct{}), failing: make(chan error, 1),
		sessions: map[consumer]struct{}{}, cursors: map[consumer]struct{}{},
		topics: map[string]struct{}{},
	}
	j.room = sync.NewCond(&j.mu)
	if file.starved() {
		j.degrade("the disk of the store is full: publishers get no acknowledgement until there is room")
	}
	return j, nil
}

// load reads the file: sessions, what is retained, and which session needs
// which batch. session makes the consumer of a row; retained takes what was
// retained. The messages are not read, so a full store opens as soon as an
// empty one; their checksums are looked at when they are sent.
func (j *journal) load(session func(sessionRow) consumer, retained func(*message)) error {
	ctx := context.Background()
	type loaded struct {
		consumer
		cursor uint64
	}
	byNumber := map[uint64]loaded{}
	err := j.file.eachSession(ctx, func(r sessionRow) {
		byNumber[r.number] = loaded{session(r), r.cursor}
		j.seq = max(j.seq, r.cursor)
		for _, sub := range r.subscriptions {
			j.seq = max(j.seq, sub.Since)
		}
	})
	if err != nil {
		return err
	}
	if err := j.file.eachRetained(ctx, retained); err != nil {
		return err
	}
	err = j.file.eachBatch(ctx, func(key uint64, size int64, numbers []uint64) {
		j.seq = max(j.seq, key)
		var to []consumer
		for _, number := range numbers {
			// Of a session that has ended since, there is no row any more.
			if s, ok := byNumber[number]; ok && s.cursor < key {
				to = append(to, s.consumer)
			}
		}
		b := &batch{span: span{key, key}, size: size, to: to, needed: len(to)}
		j.tell(to, j.enter(b), key)
		j.bury(b) // if nobody needs it
	})
	j.synced = j.seq
	j.metrics.bytes.Set(float64(j.kept))
	return err
}

// start starts the goroutine that writes, which close ends.
func (j *journal) start() {
	j.ended = make(chan struct{})
	go j.run()
}

// close writes what waits, if the journal was started, and closes the file.
func (j *journal) close() error {
	j.mu.Lock()
	j.closing = true
	j.room.Broadcast()
	j.mu.Unlock()
	if j.ended != nil {
		close(j.stop)
		<-j.ended
	}
	return j.file.close()
}
