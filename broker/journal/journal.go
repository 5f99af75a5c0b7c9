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
	file     *journalFile
	retained func(topic string) *Message
	healed   func()
	limit    int64 // bytes of messages
	asked    int64 // the limit that was asked for, of which limit is the part of the messages
	metrics  Metrics
	log      *slog.Logger
	kick     chan struct{} // of capacity 1: there is something to do
	stop     chan struct{} // closed by close
	ended    chan struct{} // closed when run has ended; nil: it was not started
	failing  chan error    // of capacity 1: why the journal is of no use any more

	mu      sync.Mutex
	room    *sync.Cond // less waits, or the state has changed
	state   journalState
	why     string // of full: one sentence
	seq     uint64 // the newest number given out
	synced  uint64 // the disk has all up to it
	entries []entry
	bytes   int // of entries
	waiters []Waiter
	closing bool

	// What the next commit is to bring up to date, as it is by then.
	sessions map[Consumer]struct{}
	cursors  map[Consumer]struct{}
	topics   map[string]struct{} // of retained

	batches     batches
	dead        []span // batches in the file that nobody needs
	deadSize    int64
	kept        int64  // bytes of batches in the file
	cachedFrom  uint64 // messages of batches that end before it are not in memory
	cachedBytes int    // of messages that are
}

type journalState byte

const (
	working journalState = iota
	full                 // nothing new is taken; why says the reason
	failed               // the file is given up
)

// An entry is what one call brought: a message, or only the wish to know when
// all before it is on disk.
type entry struct {
	m    *Message
	to   []Consumer
	from Waiter // cut off if the entry cannot be kept; may be nil
	seq  uint64
}

// journalStats are the figures of a journal.
type journalStats struct {
	Newest  uint64 // the newest number given out
	Bytes   int64  // of batches in the file
	Batches int    // in memory
	Needed  int    // of batches, those that a consumer needs
}

const (
	maxPending = 4 << 20 // bytes that wait for the writer; then appending waits
	maxBatch   = 1 << 20 // bytes of a row
	maxCached  = 4 << 20 // bytes of messages that stay in memory for feeders
	healAt     = 0.9     // of the limit
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
	for j.state == working && j.bytes > maxPending && !j.closing {
		j.room.Wait()
	}
	if j.state == working && j.kept+int64(j.bytes) >= j.limit {
		j.degrade(j.atLimit())
	}
	switch {
	case j.state == full:
		return 0, errFull
	case j.state == failed || j.closing:
		return 0, errFailed
	}
	j.bytes += m.Size()
	m.Seq = j.add(entry{m: m, to: to, from: from})
	return m.Seq, nil
}

func (j *Journal) atLimit() string {
	return fmt.Sprintf("the store has reached its limit of %s: publishers get no acknowledgement until what is queued has been fetched", humanize.IBytes(uint64(j.asked)))
}

// Save brings a session's row up to date and returns the number that the disk
// must come to for it.
func (j *Journal) Save(s Consumer, from Waiter) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.sessions[s] = struct{}{}
	return j.add(entry{from: from})
}

// Retain brings what is retained on a topic up to date.
func (j *Journal) Retain(topic string, from Waiter) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.topics[topic] = struct{}{}
	return j.add(entry{from: from})
}

// add gives e a number. The caller holds j.mu.
func (j *Journal) add(e entry) uint64 {
	j.seq++
	e.seq = j.seq
	j.entries = append(j.entries, e)
	j.poke()
	return j.seq
}

// Newest returns the newest number.
func (j *Journal) Newest() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.seq
}

func (j *Journal) poke() {
	select {
	case j.kick <- struct{}{}:
	default:
	}
}

// Await has c.Release called once the disk has come to seq. It returns false
// if it has already.
func (j *Journal) Await(c Waiter, seq uint64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.synced >= seq {
		return false
	}
	j.waiters = append(j.waiters, c)
	return true
}

// Advanced notes that a session's cursor has moved, past these batches.
func (j *Journal) Advanced(s Consumer, past []uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.cursors[s] = struct{}{}
	j.let(past)
}

// Release notes that a session that has ended does not need these batches.
func (j *Journal) Release(keys []uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.let(keys)
}

func (j *Journal) let(keys []uint64) {
	for _, key := range keys {
		if b := j.batches.ending(key); b != nil {
			b.needed--
			j.bury(b)
		}
	}
}

// bury gives up a batch that nobody needs.
func (j *Journal) bury(b *batch) {
	if b.needed > 0 {
		return
	}
	j.forget(b)
	j.dead = append(j.dead, b.span)
	j.deadSize += b.size
}

// enter takes in what stands in the file as one row. It returns the key that
// its batch had before, or 0.
func (j *Journal) enter(b *batch) (was uint64) {
	j.kept += b.size
	j.cachedBytes += b.memory
	return j.batches.enter(b)
}

// forget lets the messages of a batch go from memory; they are read from the
// file again.
func (j *Journal) forget(b *batch) {
	j.cachedBytes -= b.memory
	b.messages, b.memory = nil, 0
}

// degrade stops taking messages. The caller holds j.mu.
func (j *Journal) degrade(why string) {
	if j.state != working {
		return
	}
	j.state, j.why = full, why
	j.metrics.Degraded.Set(1)
	j.log.Warn("degraded", "cause", why)
	j.room.Broadcast()
	j.poke()
}

// heal takes messages again. The caller holds j.mu.
func (j *Journal) heal() {
	if j.state != full {
		return
	}
	j.state, j.why = working, ""
	j.metrics.Degraded.Set(0)
	j.healed()
	j.log.Info("healed: publishers get acknowledgements again")
}

// Fail gives the file up for good: nothing that is not acknowledged will be.
func (j *Journal) Fail(err error) {
	j.mu.Lock()
	if j.state == failed {
		j.mu.Unlock()
		return
	}
	j.state, j.why = failed, err.Error()
	refused := j.dropEntries()
	j.room.Broadcast()
	j.poke()
	j.mu.Unlock()
	for _, c := range refused {
		c.Abort()
	}
	j.failing <- err
}

// Failed returns a channel that gets the reason when the file is given up.
func (j *Journal) Failed() <-chan error { return j.failing }

// dropEntries forgets what waits, and returns the connections that it came
// from. The caller holds j.mu and aborts them without it.
func (j *Journal) dropEntries() []Waiter {
	refused := j.waiters
	for _, e := range j.entries {
		if e.from != nil {
			refused = append(refused, e.from)
		}
	}
	j.entries, j.bytes, j.waiters = nil, 0, nil
	return refused
}

// Stats returns what the journal holds.
func (j *Journal) Stats() journalStats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := journalStats{Newest: j.seq, Bytes: j.kept, Batches: len(j.batches)}
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
	return j.why
}
