package journal

import (
	"log/slog"
	"sync"
	"time"
)

// A Journal stores what the broker has acknowledged: messages for sessions
// that outlive their connection, these sessions, and retained messages. One
// goroutine (run) writes the file: it takes everything that is pending, commits
// it in one transaction, and reports how far the disk has come.
//
// Every write has a sequence number. Messages are stored in batches. A batch is
// deleted when no session needs it any more, whatever its position: a session
// whose client never comes back keeps its own messages and no others.
type Journal struct {
	file        *file
	retained    func(topic string) *Message
	onRecovered func()
	onChanged   func()
	limit       int64 // bytes of messages
	totalLimit  int64 // Options.Limit: limit, the ballast and the write-ahead log
	metrics     Metrics
	log         *slog.Logger
	wake        chan struct{} // of capacity 1: there is something to write
	stop        chan struct{} // closed by Close
	ended       chan struct{} // closed when run has ended; nil if Start was not called
	failing     chan error    // of capacity 1: why the file was given up

	mu           sync.Mutex
	changed      *sync.Cond // signals: less is pending, or the state has changed
	state        state
	cause        string    // of full or failed: one sentence
	since        time.Time // of cause
	reminded     time.Time // when cause was last logged
	lastSeq      uint64    // the newest sequence number
	syncedSeq    uint64    // everything up to it is on disk
	pending      []pendingWrite
	pendingBytes int // of pending
	waiters      []Waiter
	closing      bool

	// What the next commit writes, as it is by then.
	changedSessions map[Consumer]struct{}
	changedCursors  map[Consumer]struct{}
	changedSent     map[Consumer]struct{}
	changedTopics   map[string]struct{} // of retained messages

	stored index
}

// A pendingWrite is what one call adds: a message, or only a sequence number
// that is reached when everything before it is on disk.
type pendingWrite struct {
	m    *Message
	to   []Consumer
	from Waiter // refused if the write fails; may be nil
	seq  uint64

	receipt *Receipt // stored with m; may be nil
}

// Stats are the figures of a journal.
type Stats struct {
	LastSeq uint64 // the newest sequence number
	Bytes   int64  // of batches in the file
	Batches int    // in memory
	Needed  int    // of batches, those that some consumer needs
}

const (
	maxPendingBytes = 4 << 20 // bytes; then Append waits
	maxBatch        = 1 << 20 // bytes of a row
	recoverAt       = 0.9     // of the limit
)

// Append adds a message for the consumers to, with its receipt, if that is not
// nil, and returns its sequence number. It waits while too much is pending. On
// error the message is not taken and must not be acknowledged.
func (j *Journal) Append(m *Message, to []Consumer, from Waiter, receipt *Receipt) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.state == working && j.pendingBytes > maxPendingBytes && !j.closing {
		j.changed.Wait()
	}
	if j.state == working && j.stored.bytes+int64(j.pendingBytes) >= j.limit {
		j.degrade(j.atLimit())
	}
	switch {
	case j.state == full:
		return 0, errFull
	case j.state == failed || j.closing:
		return 0, errFailed
	}
	j.pendingBytes += m.Size()
	m.Seq = j.add(pendingWrite{m: m, to: to, from: from, receipt: receipt})
	return m.Seq, nil
}

// Save writes a session's row with the next commit. It returns the sequence
// number at which the row is on disk.
func (j *Journal) Save(s Consumer, from Waiter) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.changedSessions[s] = struct{}{}
	return j.add(pendingWrite{from: from})
}

// Record writes a receipt whose message is for no consumer, or that an ID is
// released, with the next commit. It returns the sequence number at which that is
// on disk.
func (j *Journal) Record(r Receipt, from Waiter) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.add(pendingWrite{from: from, receipt: &r})
}

// SaveSent writes what a session has been sent at QoS 2 with the next commit. It
// returns the sequence number at which that is on disk.
func (j *Journal) SaveSent(s Consumer) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.changedSent[s] = struct{}{}
	return j.add(pendingWrite{})
}

// SentChanged is SaveSent for a change that nothing waits for.
func (j *Journal) SentChanged(s Consumer) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.changedSent[s] = struct{}{}
}

// Retain writes or deletes a topic's retained message with the next commit. It
// returns the sequence number at which that is on disk.
func (j *Journal) Retain(topic string, from Waiter) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.changedTopics[topic] = struct{}{}
	return j.add(pendingWrite{from: from})
}

// add appends e and returns its sequence number. The caller holds j.mu.
func (j *Journal) add(e pendingWrite) uint64 {
	j.lastSeq++
	e.seq = j.lastSeq
	j.pending = append(j.pending, e)
	j.wakeWriter()
	return j.lastSeq
}

// LastSeq returns the newest sequence number.
func (j *Journal) LastSeq() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lastSeq
}

func (j *Journal) wakeWriter() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// Await calls c.Release once everything up to seq is on disk. It returns false,
// and calls nothing, if that is already so.
func (j *Journal) Await(c Waiter, seq uint64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.syncedSeq >= seq {
		return false
	}
	j.waiters = append(j.waiters, c)
	return true
}

// Advanced notes that s has moved its cursor past these batches.
func (j *Journal) Advanced(s Consumer, past []uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.changedCursors[s] = struct{}{}
	j.stored.release(past)
}

// Release notes that a session that has ended no longer needs these batches.
func (j *Journal) Release(keys []uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stored.release(keys)
}

// Stats returns the present figures.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := Stats{LastSeq: j.lastSeq, Bytes: j.stored.bytes, Batches: len(j.stored.batches)}
	for _, b := range j.stored.batches {
		if b.needed > 0 {
			s.Needed++
		}
	}
	return s
}
