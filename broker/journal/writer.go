package journal

import (
	"fmt"
	"time"

	"hellox/sqlitefile"
)

const (
	tidyInterval  = 100 * time.Millisecond // between writes of cursors and deletions
	probeInterval = time.Second            // between attempts to find room, while the disk is full
)

// run commits until stop is closed and nothing is pending. It is the only writer.
func (j *Journal) run() {
	defer close(j.ended)
	tick := time.NewTicker(tidyInterval)
	defer tick.Stop()
	var tidied, probed time.Time
	for {
		ending := false
		select {
		case <-j.wake:
		case <-tick.C:
		case <-j.stop:
			ending = true
		}
		now := time.Now()
		j.remind(now)
		switch state := j.currentState(); {
		case state == failed:
			return
		case state == full && j.file.ballastReleased():
			if now.Sub(probed) >= probeInterval || ending {
				probed = now
				j.tryRecover()
			}
		default:
			tidy := ending || now.Sub(tidied) >= tidyInterval
			if tidy {
				tidied = now
			}
			j.commit(tidy)
		}
		if ending && !j.hasPending() {
			return
		}
	}
}

// hasPending reports whether there is something that can be written.
func (j *Journal) hasPending() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.pending) > 0 && j.state == working
}

func (j *Journal) currentState() state {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state
}

// WaitSynced waits until everything that is pending now is on disk, at most for
// the timeout.
func (j *Journal) WaitSynced(timeout time.Duration) {
	late := false
	timer := time.AfterFunc(timeout, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		late = true
		j.changed.Broadcast()
	})
	defer timer.Stop()
	j.mu.Lock()
	defer j.mu.Unlock()
	for seq := j.lastSeq; j.syncedSeq < seq && j.state == working && !late; {
		j.changed.Wait()
	}
}

// emptied returns a map without entries: m, or, if that had many, a new one. A map
// keeps the size that it had.
func emptied[K comparable](m map[K]struct{}) map[K]struct{} {
	const most = 1024
	if len(m) > most {
		return map[K]struct{}{}
	}
	clear(m)
	return m
}

// take collects the pending writes, as much as one commit may hold. With tidy it
// also takes cursors and deletions.
func (j *Journal) take(tidy bool) *commitBatch {
	j.mu.Lock()
	w := &commitBatch{last: j.syncedSeq}
	n := 0
	for ; n < len(j.pending) && w.bytes < int(j.file.commitBytes); n++ {
		if m := j.pending[n].m; m != nil {
			w.bytes += m.Size()
		}
		w.last = j.pending[n].seq
	}
	switch {
	case n == 0:
	case n == len(j.pending):
		w.writes, j.pending, j.spare = j.pending, j.spare, nil
	default:
		w.writes, j.pending = j.pending[:n:n], j.pending[n:]
		j.wakeWriter()
	}
	if len(j.changedTopics) > 0 {
		w.topics = make(map[string]*Message, len(j.changedTopics))
		for topic := range j.changedTopics {
			w.topics[topic] = nil
		}
		j.changedTopics, j.changedBytes = emptied(j.changedTopics), 0
	}
	for s := range j.changedSessions {
		w.saved = append(w.saved, s)
	}
	j.changedSessions = emptied(j.changedSessions)
	for s := range j.changedSent {
		w.sentBy = append(w.sentBy, s)
	}
	j.changedSent = emptied(j.changedSent)
	if tidy {
		for s := range j.changedCursors {
			w.advanced = append(w.advanced, s)
		}
		j.changedCursors = emptied(j.changedCursors)
		w.discarded, w.discardedBytes, j.stored.discarded, j.stored.discardedBytes = j.stored.discarded, j.stored.discardedBytes, nil, 0
		w.below = j.stored.firstNeeded(j.syncedSeq + 1)
	}
	segmentSize := int64(-1)
	if s := j.stored.current(); s != nil {
		segmentSize = s.bytes
	}
	j.mu.Unlock()

	w.snapshot(j.retained)
	w.encode(segmentSize)
	return w
}

// commit writes what is pending and notifies consumers and waiters.
func (j *Journal) commit(tidy bool) {
	w := j.take(tidy)
	if w.empty() && !j.file.ballastReleased() {
		return
	}
	began := time.Now()
	err := j.file.commit(w)
	if err != nil {
		j.rollback(w, err)
		return
	}
	j.metrics.Commits.Observe(time.Since(began).Seconds())
	j.committed(w)
}

// committed publishes what has been written: rows are registered, which wakes the
// feeders of their sessions, and then waiters are released.
func (j *Journal) committed(w *commitBatch) {
	j.mu.Lock()
	j.stored.bytes -= w.discardedBytes
	for i := range w.rows {
		j.stored.add(&w.rows[i])
	}
	j.stored.evict()
	j.quotas.find(w, &j.stored)
	j.tellOver()
	j.pendingBytes -= w.bytes
	if n := cap(w.writes); n > 0 && n <= maxSpare {
		clear(w.writes) // else it would hold the messages
		j.spare = w.writes[:0]
	}
	j.syncedSeq = w.last
	waiters := j.waiters
	j.waiters = nil
	j.metrics.Bytes.Set(float64(j.stored.bytes))
	if j.state == full && float64(j.stored.bytes) < recoverAt*float64(j.limit) && !j.file.ballastReleased() {
		j.recovered()
	}
	j.changed.Broadcast()
	j.mu.Unlock()
	for _, c := range waiters {
		c.Release(w.last)
	}
}

// rollback drops what could not be written: its waiters are refused without an
// acknowledgement, so publishers send the messages again. What describes the
// present state (sessions, cursors, retained) is written with the next commit.
func (j *Journal) rollback(w *commitBatch, err error) {
	// Want of room can pass. Any other failure to write is final: a failed
	// fsync may have lost pages that the next one reports as written.
	if !sqlitefile.IsFull(err) {
		j.requeue(w)
		j.Fail(fmt.Errorf("write the store: %w", err))
		return
	}
	j.mu.Lock()
	j.pending = append(w.writes, j.pending...)
	dropped := j.dropPending()
	j.file.releaseBallast()
	cause := j.diskFull()
	j.log.Warn("the store was not written", "err", err)
	j.degrade(cause)
	j.mu.Unlock()
	j.requeue(w)
	dropped.refuse(cause)
}

func (j *Journal) requeue(w *commitBatch) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range w.saved {
		j.changedSessions[s] = struct{}{}
	}
	for _, s := range w.advanced {
		j.changedCursors[s] = struct{}{}
	}
	for _, s := range w.sentBy {
		j.changedSent[s] = struct{}{}
	}
	for topic := range w.topics {
		j.changedTopics[topic] = struct{}{}
	}
	j.stored.discarded = append(j.stored.discarded, w.discarded...)
	j.stored.discardedBytes += w.discardedBytes
}

// tryRecover writes cursors, sessions and deletions into the room that the
// ballast left, and takes messages again when the ballast can be refilled.
func (j *Journal) tryRecover() {
	j.commit(true)
	if j.currentState() != full || !j.file.ballastReleased() {
		return
	}
	if err := j.file.refillBallast(); err != nil {
		return // there is still no room
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if float64(j.stored.bytes) < recoverAt*float64(j.limit) {
		j.recovered()
	} else {
		j.setCause(j.atLimit())
	}
}
