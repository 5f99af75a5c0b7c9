package journal

import (
	"encoding/binary"
	"slices"
)

// A commitBatch is everything that one commit writes.
type commitBatch struct {
	writes         []pendingWrite
	bytes          int
	last           uint64
	rows           []row
	sessions       []SessionRow
	ended          []SessionRow // id and number of sessions that have ended
	cursors        []SessionRow
	topics         map[string]*Message // retained messages; nil deletes
	discarded      []span
	discardedBytes int64
	below          uint64 // no row below it is needed

	saved    []Consumer // consumers whose rows these are, for rollback
	advanced []Consumer
}

// A row is messages that are written as one row of the file.
type row struct {
	key      uint64
	sessions []byte // encoded numbers of to
	records  []byte
	messages []*Message
	to       []Consumer // each once
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
	w.writes, j.pending = j.pending[:n:n], j.pending[n:]
	if len(j.pending) > 0 {
		j.wakeWriter()
	}
	if len(j.changedTopics) > 0 {
		w.topics = make(map[string]*Message, len(j.changedTopics))
		for topic := range j.changedTopics {
			w.topics[topic] = nil
		}
		clear(j.changedTopics)
	}
	for s := range j.changedSessions {
		w.saved = append(w.saved, s)
	}
	clear(j.changedSessions)
	if tidy {
		for s := range j.changedCursors {
			w.advanced = append(w.advanced, s)
		}
		clear(j.changedCursors)
		w.discarded, w.discardedBytes, j.discarded, j.discardedBytes = j.discarded, j.discardedBytes, nil, 0
		w.below = j.batches.firstNeeded(j.syncedSeq + 1)
	}
	j.mu.Unlock()

	for _, s := range w.saved {
		if r, ok := s.Row(); ok {
			w.sessions = append(w.sessions, r)
		} else {
			w.ended = append(w.ended, r)
		}
	}
	for _, s := range w.advanced {
		if r, ok := s.Row(); ok {
			w.cursors = append(w.cursors, r)
		}
	}
	for topic := range w.topics {
		w.topics[topic] = j.retained(topic)
	}
	w.encode()
	return w
}

// batch returns the batch that the row is once it has been written.
func (r *row) batch() *batch {
	b := &batch{span: span{r.key, r.key}, size: int64(len(r.records)), to: r.to, needed: len(r.to), messages: r.messages}
	for _, m := range r.messages {
		b.memory += m.Size()
	}
	return b
}

// encode encodes the messages as rows.
func (w *commitBatch) encode() {
	var r *row
	for _, e := range w.writes {
		if e.m == nil {
			continue
		}
		if r == nil || len(r.records) > maxBatch {
			w.rows = append(w.rows, row{records: beginBatch(nil)})
			r = &w.rows[len(w.rows)-1]
		}
		r.key = e.m.Seq
		r.records = e.m.appendRecord(r.records)
		r.messages = append(r.messages, e.m)
		for _, s := range e.to {
			if !slices.Contains(r.to, s) {
				r.to = append(r.to, s)
			}
		}
	}
	for i := range w.rows {
		r := &w.rows[i]
		sealBatch(r.records)
		r.sessions = []byte{}
		for _, s := range r.to {
			r.sessions = binary.AppendUvarint(r.sessions, s.Number())
		}
	}
}

func (w *commitBatch) empty() bool {
	return len(w.writes) == 0 && len(w.saved) == 0 && len(w.advanced) == 0 && len(w.topics) == 0 && len(w.discarded) == 0
}
