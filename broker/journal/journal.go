package journal

import (
	"log/slog"
	"math"
	"sync"
	"time"
)

// A Journal stores what the broker has acknowledged: messages for sessions
// that outlive their connection, these sessions, and retained messages. One
// goroutine (run) writes the file: it takes everything that is pending, commits
// it in one transaction, and reports how far the disk has come.
//
// Every write has a sequence number. Messages are stored in batches, each for one
// group of sessions. A batch is deleted when no session needs it any more,
// whatever its position: a session whose client never comes back keeps its own
// messages and no others, and of these no more than its quota.
type Journal struct {
	file        *file
	retained    func(topic string) *Message
	onRecovered func()
	onChanged   func()
	limit       int64  // bytes of messages
	totalLimit  int64  // Options.Limit: limit, the ballast and the write-ahead log
	onOver      func() // Options.Over

	metrics Metrics
	log     *slog.Logger
	wake    chan struct{} // of capacity 1: there is something to write
	stop    chan struct{} // closed by Close
	ended   chan struct{} // closed when run has ended; nil if Start was not called
	failing chan error    // of capacity 1: why the file was given up

	mu           sync.Mutex
	changed      *sync.Cond // signals: less is pending, or the state has changed
	state        state
	cause        string    // of full or failed: one sentence
	since        time.Time // of cause
	reminded     time.Time // when cause was last logged
	lastSeq      uint64    // the newest sequence number
	syncedSeq    uint64    // everything up to it is on disk
	pending      []pendingWrite
	pendingBytes int            // of pending
	spare        []pendingWrite // empty: room for pending
	waiters      []Waiter
	closing      bool

	// What the next commit writes, as it is by then.
	changedSessions map[Consumer]struct{}
	changedCursors  map[Consumer]struct{}
	changedSent     map[Consumer]struct{}
	changedTopics   map[string]struct{} // of retained messages
	changedBytes    int                 // of the messages of changedTopics, each time they changed

	stored index
	quotas quotas
}

// A pendingWrite is what one call adds: a message, or only a sequence number
// that is reached when everything before it is on disk.
type pendingWrite struct {
	m    *Message
	to   *Group
	from Waiter // refused if the write fails; may be nil
	seq  uint64

	receipt *Receipt // stored with m; may be nil
}

// Stats are the figures of a journal.
type Stats struct {
	LastSeq uint64 // the newest sequence number
	Bytes   int64  // of batches in the file
	Batches int    // that some consumer needs
}

const (
	maxPendingBytes = 4 << 20 // bytes; then Append waits
	maxSpare        = 2048    // writes; room for more is not used again
	maxPending      = 50_000  // writes, of messages or not; then what connections write waits
	recoverAt       = 0.9     // of the limit
)

// NewQueue returns the queue of a consumer that has acknowledged everything up
// to cursor. If limited, it holds no more bytes than Options.Quota. What the queues
// of one owner hold counts together when the journal is nearly full; owner is "" if
// the consumer stands for itself.
func (j *Journal) NewQueue(c Consumer, owner string, cursor uint64, limited bool) *Queue {
	q := &Queue{consumer: c, number: c.Number(), owner: owner, cursor: cursor}
	j.mu.Lock()
	defer j.mu.Unlock()
	if limited {
		q.limit = j.quotas.session
	}
	return q
}

// Append adds a message for a group, with its receipt, if that is not nil, and
// returns its sequence number. It waits while too much is pending, and while room
// is made in a journal at its limit. On error the message is not taken and must
// not be acknowledged.
func (j *Journal) Append(m *Message, to *Group, from Waiter, receipt *Receipt) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for j.state == working && !j.closing && (j.pendingBytes > maxPendingBytes || from != nil && j.makingRoom()) {
		j.changed.Wait()
	}
	if j.state == working && j.makingRoom() {
		return 0, errFull
	}
	if j.state == working && j.atItsLimit() {
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

// waitForRoom waits while the disk has too much to write: what is no message for a
// session, such as retained ones at QoS 0, has no limit otherwise, and all of it would
// be one commit that everybody waits for. What the broker itself writes, from nil, does
// not wait. The caller holds j.mu.
func (j *Journal) waitForRoom(from Waiter) {
	for from != nil && j.state == working && !j.closing && (len(j.pending) >= maxPending || j.changedBytes > maxPendingBytes) {
		j.changed.Wait()
	}
}

// Save writes a session's row with the next commit. It returns the sequence
// number at which the row is on disk. It may wait, as Append does.
func (j *Journal) Save(s Consumer, from Waiter) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waitForRoom(from)
	j.changedSessions[s] = struct{}{}
	return j.add(pendingWrite{from: from})
}

// Record writes a receipt whose message is for no consumer, or that an ID is
// released, with the next commit. It returns the sequence number at which that is
// on disk. It may wait, as Append does.
func (j *Journal) Record(r Receipt, from Waiter) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waitForRoom(from)
	return j.add(pendingWrite{from: from, receipt: &r})
}

// SaveSent writes what consumers have been sent at QoS 2 with the next commit, all
// with the same one. It returns the sequence number at which that is on disk.
func (j *Journal) SaveSent(all ...Consumer) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range all {
		j.changedSent[s] = struct{}{}
	}
	return j.add(pendingWrite{})
}

// SentChanged is SaveSent for a change that nothing waits for.
func (j *Journal) SentChanged(all ...Consumer) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range all {
		j.changedSent[s] = struct{}{}
	}
}

// Retain writes or deletes a topic's retained message, of so many bytes, with the
// next commit. It returns the sequence number at which that is on disk. It may wait,
// as Append does.
func (j *Journal) Retain(topic string, bytes int, from Waiter) uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.waitForRoom(from)
	j.changedTopics[topic] = struct{}{}
	j.changedBytes += bytes
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

// Advanced notes that q has acknowledged everything up to cursor.
func (j *Journal) Advanced(q *Queue, cursor uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if q.ended {
		return
	}
	j.changedCursors[q.consumer] = struct{}{}
	q.advance(cursor, j.stored.release)
}

// Release notes that q needs nothing up to a sequence number but open, which is
// ascending: what was taken long ago and is not acknowledged does not hold what
// followed it. q is not over its limit any more, or will be found so again. It returns
// how many bytes q holds.
func (j *Journal) Release(q *Queue, upTo uint64, open []uint64) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !q.ended {
		q.over = false
		q.release(upTo, open, j.stored.release)
	}
	return q.bytes
}

// Held returns how many bytes q holds for messages, which are ascending.
func (j *Journal) Held(q *Queue, messages []uint64) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return q.held(messages)
}

// Waiting returns how many bytes q holds: 0 once its consumer has acknowledged all.
func (j *Journal) Waiting(q *Queue) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return q.bytes
}

// Quota returns how many bytes a session with a limit may hold.
func (j *Journal) Quota() int64 { return j.quotas.session }

// Limit sets whether q holds no more bytes than Options.Quota. Groups that q is in
// have to be made anew.
func (j *Journal) Limit(q *Queue, limited bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	q.limit = 0
	if limited {
		q.limit = j.quotas.session
	}
}

// SetOwner changes whose q is.
func (j *Journal) SetOwner(q *Queue, owner string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	q.owner = owner
}

// End notes that the session of q has ended: it needs nothing any more.
func (j *Journal) End(q *Queue) {
	j.mu.Lock()
	defer j.mu.Unlock()
	q.ended, q.wake = true, nil
	q.advance(math.MaxUint64, j.stored.release)
	q.pending, q.consumer = nil, nil // messages of others in its groups stay
}

// TakeOver returns the sessions that have come to hold too much, each once.
func (j *Journal) TakeOver() []Over {
	j.mu.Lock()
	defer j.mu.Unlock()
	over := j.quotas.over
	j.quotas.over = nil
	return over
}

// Stats returns the present figures.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	return Stats{LastSeq: j.lastSeq, Bytes: j.stored.bytes, Batches: j.stored.needed()}
}

// Shares returns how full the fullest of queues are: of those with a limit as a part
// of it, of the others, for which publishers wait, as a part of what the journal
// may hold.
func (j *Journal) Shares(queues []*Queue) (limited, guarded float64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, q := range queues {
		if q.limit > 0 {
			limited = max(limited, float64(q.bytes)/float64(q.limit))
			continue
		}
		guarded = max(guarded, float64(q.bytes)/float64(j.limit))
	}
	return limited, guarded
}
