package journal

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"hellox/sqlitefile"
)

// Options configures a Journal.
type Options struct {
	Folder    string                      // created if missing; "": everything stays in memory
	Limit     int64                       // bytes that Folder may take, at least MinLimit; 0: 1 GiB, or 64 MiB in memory
	Retained  func(topic string) *Message // returns the message that is retained on topic, or nil
	Recovered func()                      // called when messages are taken again after a full store
	Changed   func()                      // called when what Degraded returns has changed; it must not call the Journal
	Metrics   Metrics
	Log       *slog.Logger
}

// Metrics are the collectors that a Journal updates.
type Metrics struct {
	Bytes    prometheus.Gauge    // bytes of stored messages
	Degraded prometheus.Gauge    // 1 while publishers get no acknowledgement
	Commits  prometheus.Observer // duration of each commit, in seconds
}

// MinLimit is the smallest Options.Limit, in bytes.
const MinLimit = 4 << 20

const (
	defaultLimit = 1 << 30
	memoryLimit  = 64 << 20
)

// Open opens a journal, or creates it. Of its limit one part is the ballast, and
// one part SQLite's write-ahead log. Call Load and Start before using it, and
// Close at the end.
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
	var b *ballast
	forMessages := limit
	if o.Folder != "" {
		if err := os.MkdirAll(o.Folder, 0o700); err != nil {
			return nil, fmt.Errorf("open the store %s: %w", o.Folder, err)
		}
		b = makeBallast(o.Folder, limit/64)
		forMessages -= 2 * b.size
	}
	// When the disk is full, the content of SQLite's write-ahead log must find
	// room where the ballast was: its largest size, and one commit.
	room := int64(maxBallast)
	if b != nil {
		room = b.size
	}
	damage := newDamage(o.Log)
	if o.Folder != "" {
		path := filepath.Join(o.Folder, "broker.db")
		lost, err := sqlitefile.InspectLog(path)
		if err != nil {
			return nil, fmt.Errorf("open the store %s: %w", o.Folder, err)
		}
		damage.noteLog(lost)
		if info, err := os.Stat(path); err == nil && info.Size() == 0 {
			damage.log.Warn("the store's file is empty: it begins anew, and what it held is lost", "file", path)
		}
	}
	file, err := openFile(context.Background(), o.Folder, room/2, room/4)
	if sqlitefile.IsDamaged(err) {
		return nil, &damagedFileError{o.Folder, err}
	}
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", o.Folder, err)
	}
	file.ballast, file.damage = b, damage
	j := &Journal{
		file: file, limit: forMessages, totalLimit: limit,
		retained: o.Retained, onRecovered: o.Recovered, onChanged: o.Changed, metrics: o.Metrics, log: o.Log,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), failing: make(chan error, 1),
		changedSessions: map[Consumer]struct{}{}, changedCursors: map[Consumer]struct{}{},
		changedSent: map[Consumer]struct{}{}, changedTopics: map[string]struct{}{},
	}
	j.changed = sync.NewCond(&j.mu)
	if file.ballastReleased() {
		j.degrade(j.diskFull())
	}
	return j, nil
}

// Load reads the file: sessions, retained messages, and which session needs
// which batch. session returns the consumer of a row. The messages are not read,
// so that a full store opens as fast as an empty one; their checksums are
// verified when they are fetched. What is damaged is left out and told.
func (j *Journal) Load(session func(SessionRow) Consumer, retained func(*Message)) error {
	ctx := context.Background()
	type loaded struct {
		Consumer
		cursor uint64
	}
	byNumber := map[uint64]loaded{}
	received, err := j.file.receipts(ctx)
	if err != nil {
		return err
	}
	sent, err := j.file.sentRows(ctx)
	if err != nil {
		return err
	}
	err = j.file.eachSession(ctx, func(r SessionRow) {
		r.Sent = sent[r.Number]
		r.Cursor = max(r.Cursor, r.Sent.Cursor)
		r.Received = received[r.Number]
		delete(received, r.Number)
		byNumber[r.Number] = loaded{session(r), r.Cursor}
		j.lastSeq = max(j.lastSeq, r.Cursor)
		for _, sub := range r.Subscriptions {
			j.lastSeq = max(j.lastSeq, sub.Since)
		}
	})
	if err != nil {
		return err
	}
	damaged, err := j.file.eachRetained(ctx, retained)
	if err != nil {
		return err
	}
	err = j.file.eachBatch(ctx, func(key uint64, size int64, numbers []uint64) {
		j.lastSeq = max(j.lastSeq, key)
		var to []Consumer
		for _, number := range numbers {
			// A session that has ended since has no row any more.
			if s, ok := byNumber[number]; ok && s.cursor < key {
				to = append(to, s.Consumer)
			}
		}
		b := &batch{span: span{key, key}, size: size, to: to, needed: len(to)}
		j.notify(to, j.stored.add(b), key)
		j.stored.discard(b)
	})
	j.file.damage.tell()
	j.syncedSeq = j.lastSeq
	for number, ids := range received {
		for _, id := range ids { // a new session may get the number
			j.Record(Receipt{Publisher: endedPublisher(number), ID: id, Released: true}, nil)
		}
	}
	for _, topic := range damaged {
		j.Retain(topic, nil) // the next commit writes what is retained there now
	}
	j.metrics.Bytes.Set(float64(j.stored.bytes))
	return err
}

// Start starts the goroutine that writes; Close ends it.
func (j *Journal) Start() {
	j.ended = make(chan struct{})
	go j.run()
}

// Close writes what is pending, if the journal was started, and closes the file.
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
