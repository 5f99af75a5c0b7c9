package broker

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	cursorEvery = 100 * time.Millisecond // cursors are written no more often
	probeEvery  = time.Second            // for room, while the disk is full
)

// run writes until ctx ends and nothing waits any more. It is the only writer.
func (j *journal) run(ctx context.Context) {
	defer close(j.ended)
	tick := time.NewTicker(cursorEvery)
	defer tick.Stop()
	var tidied, probed time.Time
	for {
		ending := false
		select {
		case <-j.kick:
		case <-tick.C:
		case <-ctx.Done():
			ending = true
		}
		now := j.now()
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
		if ending {
			return
		}
	}
}

func (j *journal) currentState() journalState {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state
}

// settle waits until the disk has all that was asked of it by now, at most so long.
func (j *journal) settle(most time.Duration) {
	late := time.AfterFunc(most, j.room.Broadcast)
	defer late.Stop()
	deadline := j.now().Add(most)
	j.mu.Lock()
	defer j.mu.Unlock()
	for seq := j.seq; j.synced < seq && j.state == working && j.now().Before(deadline); {
		j.room.Wait()
	}
}

// close makes run end after it has written what waits, and closes the file.
func (j *journal) close(stop context.CancelFunc) error {
	j.mu.Lock()
	j.closing = true
	j.room.Broadcast()
	j.mu.Unlock()
	stop()
	<-j.ended
	return j.file.close()
}

// A work is what one commit writes.
type work struct {
	entries  []entry
	bytes    int
	last     uint64
	rows     []row
	sessions []sessionRow
	gone     []string // ids of sessions that have ended
	cursors  []cursorRow
	topics   map[string]*message // retained; nil: no longer
	dead     []uint64
	deadSize int64
	below    uint64 // batches below it are dead, all of them

	saved []*session // whose rows these are, to be tried again
	moved []*session
}

// A row is a batch to be written.
type row struct {
	key      uint64
	records  []byte
	messages []*message
	to       []*session // each once
}

// take collects what waits. tidy also takes cursors and what can be deleted.
func (j *journal) take(tidy bool) *work {
	j.mu.Lock()
	w := &work{entries: j.entries, bytes: j.bytes, last: j.seq}
	j.entries = nil
	if len(j.topics) > 0 {
		w.topics = make(map[string]*message, len(j.topics))
		for topic := range j.topics {
			w.topics[topic] = nil
		}
		clear(j.topics)
	}
	for s := range j.sessions {
		w.saved = append(w.saved, s)
	}
	clear(j.sessions)
	if tidy {
		for s := range j.cursors {
			w.moved = append(w.moved, s)
		}
		clear(j.cursors)
		w.dead, w.deadSize, j.dead, j.deadSize = j.dead, j.deadSize, nil, 0
		w.below = j.lowest()
	}
	j.mu.Unlock()

	for _, s := range w.saved {
		if r, ok := s.row(); ok {
			w.sessions = append(w.sessions, r)
		} else if next := j.sessionOf(s.id); next == nil || next == s || !next.keeps() {
			w.gone = append(w.gone, s.id) // else the row is that of its successor
		}
	}
	for _, s := range w.moved {
		if r, ok := s.row(); ok {
			w.cursors = append(w.cursors, cursorRow{r.id, r.cursor})
		}
	}
	for topic := range w.topics {
		w.topics[topic] = j.retained.get(topic)
	}
	w.encode()
	return w
}

// lowest returns the key below which no batch is needed. The caller holds j.mu.
func (j *journal) lowest() uint64 {
	for len(j.order) > 0 {
		if j.batches[j.order[0]] != nil {
			return j.order[0]
		}
		j.order = j.order[1:]
	}
	return j.synced + 1
}

// encode makes rows of the messages.
func (w *work) encode() {
	var r *row
	for _, e := range w.entries {
		if e.m == nil {
			continue
		}
		if r == nil || len(r.records) > maxBatch {
			w.rows = append(w.rows, row{records: beginBatch(nil)})
			r = &w.rows[len(w.rows)-1]
		}
		r.key = e.m.seq
		r.records = e.m.appendRecord(r.records)
		r.messages = append(r.messages, e.m)
		for _, s := range e.to {
			if !slices.Contains(r.to, s) {
				r.to = append(r.to, s)
			}
		}
	}
	for i := range w.rows {
		sealBatch(w.rows[i].records)
	}
}

func (w *work) empty() bool {
	return len(w.entries) == 0 && len(w.saved) == 0 && len(w.moved) == 0 && len(w.topics) == 0 && len(w.dead) == 0
}

// commit writes what waits and tells everybody whom it concerns.
func (j *journal) commit(tidy bool) {
	w := j.take(tidy)
	if w.empty() && !j.file.starved() {
		return
	}
	began := j.now()
	err := j.file.commit(w)
	if err != nil {
		j.undo(w, err)
		return
	}
	j.metrics.committed(len(w.entries), j.now().Sub(began))
	j.done(w)
}

// done publishes what has been written. Batches are known before sessions
// hear of them, and sessions before the publishers get their acknowledgement.
func (j *journal) done(w *work) {
	j.mu.Lock()
	j.kept -= w.deadSize
	for _, r := range w.rows {
		b := &batch{size: int64(len(r.records)), needed: len(r.to), messages: r.messages}
		j.batches[r.key] = b
		j.order = append(j.order, r.key)
		j.kept += b.size
		j.cached = append(j.cached, r.key)
		j.cachedBytes += int(b.size)
	}
	j.evict()
	j.mu.Unlock()

	for _, r := range w.rows {
		for _, s := range r.to {
			if !s.committed(r.key) {
				j.release([]uint64{r.key})
			}
		}
	}

	j.mu.Lock()
	j.bytes -= w.bytes
	j.synced = w.last
	waiters := j.waiters
	j.waiters = nil
	j.metrics.store(j.kept)
	if j.state == full && float64(j.kept) < healAt*float64(j.limit) && !j.file.starved() {
		j.heal()
	}
	j.room.Broadcast()
	j.mu.Unlock()
	for _, c := range waiters {
		c.release(w.last)
	}
}

// evict lets messages go from memory; they are read from the file again.
func (j *journal) evict() {
	for j.cachedBytes > maxCached && len(j.cached) > 0 {
		if b := j.batches[j.cached[0]]; b != nil && b.messages != nil {
			b.messages = nil
			j.cachedBytes -= int(b.size)
		}
		j.cached = j.cached[1:]
	}
	// Keys of batches that are gone already.
	for len(j.cached) > 0 && j.batches[j.cached[0]] == nil {
		j.cached = j.cached[1:]
	}
}

// undo drops what could not be written: its publishers are cut off without an
// acknowledgement and will send again. What describes the present state
// (sessions, cursors, retained) is tried again with the next commit.
func (j *journal) undo(w *work, err error) {
	if !isFull(err) {
		j.requeue(w)
		j.fail(fmt.Errorf("write the store: %w", err))
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
		c.abort()
	}
}

func (j *journal) requeue(w *work) {
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
func (j *journal) tryHeal() {
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

// A fetched batch is as it was committed.
type fetched struct {
	key      uint64
	messages []*message
}

const (
	fetchBatches = 64
	fetchBytes   = 256 << 10
)

// fetch returns batches from memory or the file: those of keys, at least the
// first, in order.
func (j *journal) fetch(keys []uint64) ([]fetched, error) {
	var got []fetched
	j.mu.Lock()
	for _, key := range keys {
		b := j.batches[key]
		if b == nil || b.messages == nil {
			break
		}
		got = append(got, fetched{key, b.messages})
	}
	j.mu.Unlock()
	if len(got) > 0 {
		return got, nil
	}
	return j.file.read(keys)
}
