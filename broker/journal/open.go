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
	Quota     int64                       // bytes of messages that one session may hold, at most a quarter of what Limit leaves for messages; 0: that quarter
	Over      func()                      // called when TakeOver has something to return; it must not call the Journal
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
			return nil, OpenError(o.Folder, err)
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
	if isFull(err) && b.release() { // SQLite may need room to recover its log
		file, err = openFile(context.Background(), o.Folder, room/2, room/4)
	}
	if err != nil {
		return nil, OpenError(o.Folder, err)
	}
	file.ballast, file.damage = b, damage
	j := &Journal{
		file: file, limit: forMessages, totalLimit: limit,
		quotas: quotas{session: quotaOf(o.Quota, forMessages), journal: forMessages}, onOver: o.Over,
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
// which batch. session returns the queue of a row's session. The messages are
// not read, so that a full store opens as fast as an empty one; their checksums
// are verified when they are fetched. What is damaged is left out and told.
func (j *Journal) Load(session func(SessionRow) *Queue, retained func(*Message)) error {
	ctx := context.Background()
	byNumber := map[uint64]*Queue{}
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
		byNumber[r.Number] = session(r)
		// What a row says of a number must not be taken for what a later message says
		// that gets it: most often the batch with that number is gone.
		j.lastSeq = max(j.lastSeq, r.Cursor, r.Sent.newest())
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
	newest, err := j.file.newestBatch(ctx)
	if err != nil {
		return err
	}
	j.mu.Lock()
	j.lastSeq = max(j.lastSeq, newest)
	err = j.loadBatches(ctx, byNumber)
	j.mu.Unlock()
	j.file.damage.tell()
	j.syncedSeq = j.lastSeq
	for number, ids := range received {
		for _, id := range ids { // a new session may get the number
			j.Record(Receipt{Publisher: endedPublisher(number), ID: id, Released: true}, nil)
		}
	}
	for _, topic := range damaged {
		j.Retain(topic, 0, nil) // the next commit writes what is retained there now
	}
	j.metrics.Bytes.Set(float64(j.stored.bytes))
	return err
}

// loadBatches adds the rows of the file to the index. The caller holds j.mu.
func (j *Journal) loadBatches(ctx context.Context, byNumber map[uint64]*Queue) error {
	groups := map[string]*Group{}
	err := j.file.eachBatch(ctx, func(first, key uint64, size int64, sessions []byte) {
		group := groups[string(sessions)]
		if group == nil {
			all, ok := numbers(sessions)
			if !ok {
				j.file.damage.note("the messages of write %d", key)
				return
			}
			queues := make([]*Queue, 0, len(all))
			for _, n := range all {
				// A session that has ended since has no row any more.
				if q := byNumber[n]; q != nil {
					queues = append(queues, q)
				}
			}
			group = NewGroup(queues)
			groups[string(sessions)] = group
		}
		r := row{first: first, key: key, group: group, size: size + int64(len(sessions))}
		// Rows of one commit may have messages between each other's: they are
		// not of different segments.
		s := j.stored.current()
		r.begins = s != nil && s.bytes >= SegmentBytes && first > s.last
		j.stored.add(&r)
	})
	j.stored.complete()
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
