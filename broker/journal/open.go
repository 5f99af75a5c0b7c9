package journal

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Options configure a journal.
type Options struct {
	Folder    string                      // made if it is not there; "": everything stays in memory
	Limit     int64                       // bytes that folder may come to, at least minLimit
	Retained  func(topic string) *Message // what is retained on topic at present, or nil
	Recovered func()                      // called when messages are taken again
	Metrics   Metrics
	Log       *slog.Logger
}

// Metrics are what a journal counts.
type Metrics struct {
	Bytes    prometheus.Gauge    // of messages kept for sessions
	Degraded prometheus.Gauge    // 1 while nothing is acknowledged
	Commits  prometheus.Observer // seconds that a commit took
}

const (
	defaultLimit = 1 << 30
	memoryLimit  = 64 << 20
	MinLimit     = 4 << 20
)

// Open opens the store. Of its limit a part is the reserve, and a part
// SQLite's write-ahead log.
func Open(o Options) (*Journal, error) {
	limit := o.Limit
	if limit == 0 {
		limit = defaultLimit
		if o.Folder == "" {
			limit = memoryLimit
		}
	}
	if limit < MinLimit {
		return nil, fmt.Errorf("the store's limit of %d bytes is too small: it must be at least %d", limit, MinLimit)
	}
	var kept *ballast
	forMessages := limit
	if o.Folder != "" {
		if err := os.MkdirAll(o.Folder, 0o700); err != nil {
			return nil, fmt.Errorf("open the store %s: %w", o.Folder, err)
		}
		kept = makeBallast(o.Folder, limit/64)
		forMessages -= 2 * kept.size
	}
	// When the disk is full, what stands in SQLite's write-ahead log must find
	// room in what the reserve leaves: what it may come to, and one commit.
	room := int64(maxBallast)
	if kept != nil {
		room = kept.size
	}
	file, err := openFile(context.Background(), o.Folder, room/2, room/4)
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", o.Folder, err)
	}
	file.ballast = kept
	j := &Journal{
		file: file, limit: forMessages, totalLimit: limit,
		retained: o.Retained, onRecovered: o.Recovered, metrics: o.Metrics, log: o.Log,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), failing: make(chan error, 1),
		changedSessions: map[Consumer]struct{}{}, changedCursors: map[Consumer]struct{}{},
		changedTopics: map[string]struct{}{},
	}
	j.changed = sync.NewCond(&j.mu)
	if file.ballastReleased() {
		j.degrade("the disk of the store is full: publishers get no acknowledgement until there is room")
	}
	return j, nil
}

// Load reads the file: sessions, what is retained, and which session needs
// which batch. session makes the consumer of a row; retained takes what was
// Retained. The messages are not read, so a full store opens as soon as an
// empty one; their checksums are looked at when they are sent.
func (j *Journal) Load(session func(SessionRow) Consumer, retained func(*Message)) error {
	ctx := context.Background()
	type loaded struct {
		Consumer
		cursor uint64
	}
	byNumber := map[uint64]loaded{}
	err := j.file.eachSession(ctx, func(r SessionRow) {
		byNumber[r.Number] = loaded{session(r), r.Cursor}
		j.lastSeq = max(j.lastSeq, r.Cursor)
		for _, sub := range r.Subscriptions {
			j.lastSeq = max(j.lastSeq, sub.Since)
		}
	})
	if err != nil {
		return err
	}
	if err := j.file.eachRetained(ctx, retained); err != nil {
		return err
	}
	err = j.file.eachBatch(ctx, func(key uint64, size int64, numbers []uint64) {
		j.lastSeq = max(j.lastSeq, key)
		var to []Consumer
		for _, number := range numbers {
			// Of a session that has ended since, there is no row any more.
			if s, ok := byNumber[number]; ok && s.cursor < key {
				to = append(to, s.Consumer)
			}
		}
		b := &batch{span: span{key, key}, size: size, to: to, needed: len(to)}
		j.notify(to, j.addBatch(b), key)
		j.discard(b) // if nobody needs it
	})
	j.syncedSeq = j.lastSeq
	j.metrics.Bytes.Set(float64(j.storedBytes))
	return err
}

// Start starts the goroutine that writes, which close ends.
func (j *Journal) Start() {
	j.ended = make(chan struct{})
	go j.run()
}

// Close writes what waits, if the journal was started, and closes the file.
func (j *Journal) Close() error {
	j.mu.Lock()
	j.closing = true
	j.changed.Broadcast()
	j.mu.Unlock()
	if j.ended != nil {
		close(j.stop)
		<-j.ended
	}
	return j.file.close()
}
