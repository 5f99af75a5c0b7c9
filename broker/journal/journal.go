package journal

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/dustin/go-humanize"
)

// A Journal is the broker's memory of what it has acknowledged: messages for
// sessions that outlive their connection, these sessions, and what is
// retained. One goroutine (run) writes it: it takes all that waits, commits it
// at once, and then says how far the disk has come.
//
// Every record has a number. Messages are kept in batches; a batch goes when no
// session needs it any more, whatever stands before it: a session that nobody
// comes back for holds its own messages, not everybody's.
type Journal struct {
	file        *file
	retained    func(topic string) *Message
	onRecovered func()
	limit       int64 // bytes of messages
	totalLimit  int64 // the limit that was asked for, of which limit is the part of the messages
	metrics     Metrics
	log         *slog.Logger
	wake        chan struct{} // of capacity 1: there is something to do
	stop        chan struct{} // closed by close
	ended       chan struct{} // closed when run has ended; nil: it was not started
	failing     chan error    // of capacity 1: why the journal is of no use any more

	mu           sync.Mutex
	changed      *sync.Cond // less waits, or the state has changed
	state        state
	cause        string // of full: one sentence
	lastSeq      uint64 // the newest number given out
	syncedSeq    uint64 // the disk has all up to it
	pending      []pendingWrite
	pendingBytes int // of entries
	waiters      []Waiter
	closing      bool

	// What the next commit is to bring up to date, as it is by then.
	changedSessions map[Consumer]struct{}
	changedCursors  map[Consumer]struct{}
	changedTopics   map[string]struct{} // of retained

	batches        batches
	discarded      []span // batches in the file that nobody needs
	discardedBytes int64
	storedBytes    int64  // bytes of batches in the file
	cachedFrom     uint64 // messages of batches that end before it are not in memory
	cachedBytes    int    // of messages that are
}

type state byte

const (
	working state = iota
	full          // nothing new is taken; why says the reason
	failed        // the file is given up
)

// A pendingWrite is what one call brought: a message, or only the wish to know when
// all before it is on disk.
type pendingWrite struct {
	m    *Message
	to   []Consumer
	from Waiter // cut off if the entry cannot be kept; may be nil
	seq  uint64
}

// Stats are the figures of a journal.
type Stats struct {
	LastSeq uint64 // the newest number given out
	Bytes   int64  // of batches in the file
	Batches int    // in memory
	Needed  int    // of batches, those that a consumer needs
}

const (
	maxPendingBytes = 4 << 20 // bytes that wait for the writer; then appending waits
	maxBatch        = 1 << 20 // bytes of a row
	maxCached       = 4 << 20 // bytes of messages that stay in memory for feeders
	recoverAt       = 0.9     // of the limit
)

var (
	errFull   = errors.New("the store is full")
	errFailed = errors.New("the store has failed")
)

// Append takes a message for sessions, on behalf of from, and gives it its
// number. It waits while too much waits for the disk. errFull and errFailed
// say that the message is not taken and must not be acknowledged.
func (j *Journal) Append(m *Message, to []Consumer, from Waiter) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.state == working && j.pendingBytes > maxPendingBytes && !j.closing {
		j.changed.Wait()
	}
	if j.state == working && j.storedBytes+int64(j.pendingBytes) >= j.limit {
		j.degrade(j.atLimit())
	}
	switch {
	case j.state == full:
		return 0, errFull
	case j.state == failed || j.closing:
		return 0, errFailed
	}
	j.pendingBytes += m.Size()
	m.Seq = j.add(pendingWrite{m: m, to: to, from: from})
	return m.Seq, nil
}

func (j *Journal) atLimit() string {
	return fmt.Sprintf("the store has reached its limit of %s: publishers get no acknowledgement until what is queued has been fetched", humanize.IBytes(uint64(j.totalLimit)))
}

// Save brings a session's row up to date and returns the number that the disk
// must come to for it.
func (j *Journal) Save(s Consumer, from Waiter) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.changedSessions[s] = struct{}{}
	return j.add(pendingWrite{from: from})
}

// Retain brings what is retained on a topic up to date.
func (j *Journal) Retain(topic string, from Waiter) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.changedTopics[topic] = struct{}{}
	return j.add(pendingWrite{from: from})
}

// add gives e a number. The caller holds j.mu.
func (j *Journal) add(e pendingWrite) uint64 {
	j.lastSeq++
	e.seq = j.lastSeq
	j.pending = append(j.pending, e)
	j.wakeWriter()
	return j.lastSeq
}

// LastSeq returns the newest number.
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

// Await has c.Release called once the disk has come to seq. It returns false
// if it has already.
func (j *Journal) Await(c Waiter, seq uint64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.syncedSeq >= seq {
		return false
	}
	j.waiters = append(j.waiters, c)
	return true
}

// Advanced notes that a session's cursor has moved, past these batches.
func (j *Journal) Advanced(s Consumer, past []uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.changedCursors[s] = struct{}{}
	j.releaseLocked(past)
}

// Release notes that a session that has ended does not need these batches.
func (j *Journal) Release(keys []uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.releaseLocked(keys)
}

func (j *Journal) releaseLocked(keys []uint64) {
	for _, key := range keys {
		if b := j.batches.endingAt(key); b != nil {
			b.needed--
			j.discard(b)
		}
	}
}

// discard gives up a batch that nobody needs.
func (j *Journal) discard(b *batch) {
	if b.needed > 0 {
		return
	}
	j.uncache(b)
	j.discarded = append(j.discarded, b.span)
	j.discardedBytes += b.size
}

// addBatch takes in what stands in the file as one row. It returns the key that
// its batch had before, or 0.
func (j *Journal) addBatch(b *batch) (was uint64) {
	j.storedBytes += b.size
	j.cachedBytes += b.memory
	return j.batches.add(b)
}

// uncache lets the messages of a batch go from memory; they are read from the
// file again.
func (j *Journal) uncache(b *batch) {
	j.cachedBytes -= b.memory
	b.messages, b.memory = nil, 0
}

// degrade stops taking messages. The caller holds j.mu.
func (j *Journal) degrade(why string) {
	if j.state != working {
		return
	}
	j.state, j.cause = full, why
	j.metrics.Degraded.Set(1)
	j.log.Warn("degraded", "cause", why)
	j.changed.Broadcast()
	j.wakeWriter()
}

// recovered takes messages again. The caller holds j.mu.
func (j *Journal) recovered() {
	if j.state != full {
		return
	}
	j.state, j.cause = working, ""
	j.metrics.Degraded.Set(0)
	j.onRecovered()
	j.log.Info("healed: publishers get acknowledgements again")
}

// Fail gives the file up for good: nothing that is not acknowledged will be.
func (j *Journal) Fail(err error) {
	j.mu.Lock()
	if j.state == failed {
		j.mu.Unlock()
		return
	}
	j.state, j.cause = failed, err.Error()
	refused := j.dropPending()
	j.changed.Broadcast()
	j.wakeWriter()
	j.mu.Unlock()
	for _, c := range refused {
		c.Abort()
	}
	j.failing <- err
}

// Failed returns a channel that gets the reason when the file is given up.
func (j *Journal) Failed() <-chan error { return j.failing }

// dropPending forgets what waits, and returns the connections that it came
// from. The caller holds j.mu and aborts them without it.
func (j *Journal) dropPending() []Waiter {
	refused := j.waiters
	for _, e := range j.pending {
		if e.from != nil {
			refused = append(refused, e.from)
		}
	}
	j.pending, j.pendingBytes, j.waiters = nil, 0, nil
	return refused
}

// Stats returns what the journal holds.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := Stats{LastSeq: j.lastSeq, Bytes: j.storedBytes, Batches: len(j.batches)}
	for _, b := range j.batches {
		if b.needed > 0 {
			s.Needed++
		}
	}
	return s
}

// Degraded says in one sentence why nothing is acknowledged, or "".
func (j *Journal) Degraded() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.cause
}
