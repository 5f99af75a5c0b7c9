package journal

import (
	"encoding/binary"
	"slices"
)

// A work is what one commit writes.
type work struct {
	entries  []entry
	bytes    int
	last     uint64
	rows     []row
	sessions []SessionRow
	gone     []SessionRow // of sessions that have ended: id and number
	cursors  []SessionRow
	topics   map[string]*Message // retained; nil: no longer
	dead     []span
	deadSize int64
	below    uint64 // rows below it are dead, all of them

	saved []Consumer // whose rows these are, to be tried again
	moved []Consumer
}

// A row is messages to be written.
type row struct {
	key      uint64
	sessions []byte // numbers of to
	records  []byte
	messages []*Message
	to       []Consumer // each once
}

// take collects what waits, as much as one commit may hold. tidy also takes cursors and what can be deleted.
func (j *Journal) take(tidy bool) *work {
	j.mu.Lock()
	w := &work{last: j.synced}
	n := 0
	for ; n < len(j.entries) && w.bytes < int(j.file.commitBytes); n++ {
		if m := j.entries[n].m; m != nil {
			w.bytes += m.Size()
		}
		w.last = j.entries[n].seq
	}
	w.entries, j.entries = j.entries[:n:n], j.entries[n:]
	if len(j.entries) > 0 {
		j.poke()
	}
	if len(j.topics) > 0 {
		w.topics = make(map[string]*Message, len(j.topics))
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
		w.below = j.batches.lowest(j.synced + 1)
	}
	j.mu.Unlock()

	for _, s := range w.saved {
		if r, ok := s.Row(); ok {
			w.sessions = append(w.sessions, r)
		} else {
			w.gone = append(w.gone, r)
		}
	}
	for _, s := range w.moved {
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

// batch is the row as it is once it has been written.
func (r *row) batch() *batch {
	b := &batch{span: span{r.key, r.key}, size: int64(len(r.records)), to: r.to, needed: len(r.to), messages: r.messages}
	for _, m := range r.messages {
		b.memory += m.Size()
	}
	return b
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

func (w *work) empty() bool {
	return len(w.entries) == 0 && len(w.saved) == 0 && len(w.moved) == 0 && len(w.topics) == 0 && len(w.dead) == 0
}
