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
	sent           []SentRow
	topics         map[string]*Message // retained messages; nil deletes
	discarded      []span
	discardedBytes int64
	below          uint64 // no row below it is needed

	saved    []Consumer // consumers whose rows these are, for rollback
	advanced []Consumer
	sentBy   []Consumer
}

// A row is messages that are written as one row of the file.
type row struct {
	key      uint64
	sessions []byte // encoded numbers of to
	records  []byte
	messages []*Message
	to       []Consumer            // each once
	known    map[Consumer]struct{} // of to, if it is long
}

// listed is how long a list of consumers is searched one by one.
const listed = 16

// add adds s to the row's consumers, once. With thousands of sessions on one
// topic filter a search of the list for each message would hold up every
// publisher.
func (r *row) add(s Consumer) {
	switch {
	case r.known != nil:
		if _, ok := r.known[s]; ok {
			return
		}
		r.known[s] = struct{}{}
	case slices.Contains(r.to, s):
		return
	case len(r.to) == listed:
		r.known = map[Consumer]struct{}{s: {}}
		for _, other := range r.to {
			r.known[other] = struct{}{}
		}
	}
	r.to = append(r.to, s)
}

// batch returns the batch that the row is once it has been written.
func (r *row) batch() *batch {
	b := &batch{span: span{r.key, r.key}, size: int64(len(r.records)), to: r.to, needed: len(r.to), messages: r.messages}
	for _, m := range r.messages {
		b.memory += m.Size()
	}
	return b
}

// snapshot gets the rows of what has changed, as it is now.
func (w *commitBatch) snapshot(retained func(topic string) *Message) {
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
	for _, s := range w.sentBy {
		if r, ok := s.Sent(); ok {
			w.sent = append(w.sent, r)
		}
	}
	for topic := range w.topics {
		w.topics[topic] = retained(topic)
	}
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
			r.add(s)
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
	return len(w.writes) == 0 && len(w.saved) == 0 && len(w.advanced) == 0 && len(w.sentBy) == 0 && len(w.topics) == 0 && len(w.discarded) == 0
}
