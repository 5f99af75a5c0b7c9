package journal

import (
	"fmt"
	"time"
)

const (
	cursorEvery = 100 * time.Millisecond // cursors are written no more often
	probeEvery  = time.Second            // for room, while the disk is full
)

// run writes until stop is closed and nothing waits any more. It is the only writer.
func (j *Journal) run() {
	defer close(j.ended)
	tick := time.NewTicker(cursorEvery)
	defer tick.Stop()
	var tidied, probed time.Time
	for {
		ending := false
		select {
		case <-j.kick:
		case <-tick.C:
		case <-j.stop:
			ending = true
		}
		now := time.Now()
		switch state := j.currentState(); {
		case state == failed:
			return
		case state == full && j.file.starved():
			if now.Sub(probed) >= probeEvery || ending {
				probed = now
				j.tryHeal()
			}
		default:
			tidy := ending || now.Sub(tidied) >= cursorEvery
			if tidy {
				tidied = now
			}
			j.commit(tidy)
		}
		if ending && !j.waits() {
			return
		}
	}
}

// waits tells whether there is something that can be written.
func (j *Journal) waits() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.entries) > 0 && j.state == working
}

func (j *Journal) currentState() journalState {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state
}

// Settle waits until the disk has all that was asked of it by now, at most so long.
func (j *Journal) Settle(most time.Duration) {
	late := false
	timer := time.AfterFunc(most, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		late = true
		j.room.Broadcast()
	})
	defer timer.Stop()
	j.mu.Lock()
	defer j.mu.Unlock()
	for seq := j.seq; j.synced < seq && j.state == working && !late; {
		j.room.Wait()
	}
}

// commit writes what waits and tells everybody whom it concerns.
func (j *Journal) commit(tidy bool) {
	w := j.take(tidy)
	if w.empty() && !j.file.starved() {
		return
	}
	began := time.Now()
	err := j.file.commit(w)
	if err != nil {
		j.undo(w, err)
		return
	}
	j.metrics.Commits.Observe(time.Since(began).Seconds())
	j.done(w)
}

// done publishes what has been written. Batches are known before sessions
// hear of them, and sessions before the publishers get their acknowledgement.
func (j *Journal) done(w *work) {
	j.mu.Lock()
	j.kept -= w.deadSize
	former := make([]uint64, len(w.rows)) // keys of the batches that rows were added to
	for i := range w.rows {
		former[i] = j.enter(w.rows[i].batch())
	}
	j.evict()
	j.mu.Unlock()

	for i, r := range w.rows {
		j.tell(r.to, former[i], r.key)
	}

	j.mu.Lock()
	j.bytes -= w.bytes
	j.synced = w.last
	waiters := j.waiters
	j.waiters = nil
	j.metrics.Bytes.Set(float64(j.kept))
	if j.state == full && float64(j.kept) < healAt*float64(j.limit) && !j.file.starved() {
		j.heal()
	}
	j.room.Broadcast()
	j.mu.Unlock()
	for _, c := range waiters {
		c.Release(w.last)
	}
}

// tell has sessions know of a batch, which had the key was before.
func (j *Journal) tell(to []Consumer, was, key uint64) {
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
		j.forget(b)
		j.cachedFrom = b.last + 1
	}
}

// undo drops what could not be written: its publishers are cut off without an
// acknowledgement and will send again. What describes the present state
// (sessions, cursors, retained) is tried again with the next commit.
func (j *Journal) undo(w *work, err error) {
	if !isFull(err) {
		j.requeue(w)
		j.Fail(fmt.Errorf("write the store: %w", err))
		return
	}
	j.mu.Lock()
	j.entries = append(w.entries, j.entries...)
	refused := j.dropEntries()
	j.file.starve()
	j.degrade(fmt.Sprintf("the disk of the store is full (%v): publishers get no acknowledgement until there is room", err))
	j.mu.Unlock()
	j.requeue(w)
	for _, c := range refused {
		c.Abort()
	}
}

func (j *Journal) requeue(w *work) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range w.saved {
		j.sessions[s] = struct{}{}
	}
	for _, s := range w.moved {
		j.cursors[s] = struct{}{}
	}
	for topic := range w.topics {
		j.topics[topic] = struct{}{}
	}
	j.dead = append(j.dead, w.dead...)
	j.deadSize += w.deadSize
}

// tryHeal writes cursors, sessions and deletions, for which the reserve left
// room, and takes messages again when the reserve can be put back.
func (j *Journal) tryHeal() {
	j.commit(true)
	if j.currentState() != full || !j.file.starved() {
		return
	}
	if err := j.file.feed(); err != nil {
		return // still no room
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if float64(j.kept) < healAt*float64(j.limit) {
		j.heal()
	} else {
		j.why = j.atLimit()
	}
}
