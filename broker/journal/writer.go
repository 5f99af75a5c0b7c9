package journal

import (
	"fmt"
	"time"
)

const (
	tidyInterval  = 100 * time.Millisecond // cursors are written no more often
	probeInterval = time.Second            // for room, while the disk is full
)

// run writes until stop is closed and nothing waits any more. It is the only writer.
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

// hasPending tells whether there is something that can be written.
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

// WaitSynced waits until the disk has all that was asked of it by now, at most so long.
func (j *Journal) WaitSynced(most time.Duration) {
	late := false
	timer := time.AfterFunc(most, func() {
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

// commit writes what waits and tells everybody whom it concerns.
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

// committed publishes what has been written. Batches are known before sessions
// hear of them, and sessions before the publishers get their acknowledgement.
func (j *Journal) committed(w *commitBatch) {
	j.mu.Lock()
	j.storedBytes -= w.discardedBytes
	former := make([]uint64, len(w.rows)) // keys of the batches that rows were added to
	for i := range w.rows {
		former[i] = j.addBatch(w.rows[i].batch())
	}
	j.evict()
	j.mu.Unlock()

	for i, r := range w.rows {
		j.notify(r.to, former[i], r.key)
	}

	j.mu.Lock()
	j.pendingBytes -= w.bytes
	j.syncedSeq = w.last
	waiters := j.waiters
	j.waiters = nil
	j.metrics.Bytes.Set(float64(j.storedBytes))
	if j.state == full && float64(j.storedBytes) < recoverAt*float64(j.limit) && !j.file.ballastReleased() {
		j.recovered()
	}
	j.changed.Broadcast()
	j.mu.Unlock()
	for _, c := range waiters {
		c.Release(w.last)
	}
}

// notify has sessions know of a batch, which had the key was before.
func (j *Journal) notify(to []Consumer, was, key uint64) {
	for _, s := range to {
		if !s.Committed(was, key) {
			j.Release([]uint64{key})
		}
	}
}

// evict lets the oldest messages go from memory when there are too many.
func (j *Journal) evict() {
	for _, b := range j.batches.from(j.cachedFrom) {
		if j.cachedBytes <= maxCached {
			return
		}
		j.uncache(b)
		j.cachedFrom = b.last + 1
	}
}

// rollback drops what could not be written: its publishers are cut off without an
// acknowledgement and will send again. What describes the present state
// (sessions, cursors, retained) is tried again with the next commit.
func (j *Journal) rollback(w *commitBatch, err error) {
	if !isFull(err) {
		j.requeue(w)
		j.Fail(fmt.Errorf("write the store: %w", err))
		return
	}
	j.mu.Lock()
	j.pending = append(w.writes, j.pending...)
	refused := j.dropPending()
	j.file.releaseBallast()
	j.degrade(fmt.Sprintf("the disk of the store is full (%v): publishers get no acknowledgement until there is room", err))
	j.mu.Unlock()
	j.requeue(w)
	for _, c := range refused {
		c.Abort()
	}
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
	for topic := range w.topics {
		j.changedTopics[topic] = struct{}{}
	}
	j.discarded = append(j.discarded, w.discarded...)
	j.discardedBytes += w.discardedBytes
}

// tryRecover writes cursors, sessions and deletions, for which the reserve left
// room, and takes messages again when the reserve can be put back.
func (j *Journal) tryRecover() {
	j.commit(true)
	if j.currentState() != full || !j.file.ballastReleased() {
		return
	}
	if err := j.file.refillBallast(); err != nil {
		return // still no room
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if float64(j.storedBytes) < recoverAt*float64(j.limit) {
		j.recovered()
	} else {
		j.cause = j.atLimit()
	}
}
