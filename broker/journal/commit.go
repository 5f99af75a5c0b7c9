package journal

import (
	"cmp"
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

// snapshot gets the rows of what has changed, as it is now.
func (w *commitBatch) snapshot(retained func(topic string) *Message) {
	for _, s := range w.saved {
		if r, ok := s.Row(); ok {
			w.sessions = append(w.sessions, r)
		} else {
			w.ended = append(w.ended, r)
			for _, c := range r.With {
				if !slices.Contains(w.sentBy, c) {
					w.sentBy = append(w.sentBy, c)
				}
			}
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

// A row is the messages of a commit for one group, as one row of the file.
type row struct {
	first, key uint64 // sequence numbers of its first and last message
	begins     bool   // it is the first of a segment
	group      *Group
	records    []byte
	size       int64 // in the file, in bytes
	messages   []*Message
}

// encode encodes the messages as rows: one for each group, and again for each
// segment. segmentSize is the size of the segment that they continue, or
// negative if there is none.
func (w *commitBatch) encode(segmentSize int64) {
	size := segmentSize
	begin := 0 // where the rows of the segment begin
	begins := size < 0 || size >= SegmentBytes
	if begins {
		size = 0
	}
	at := map[*Group]int{}
	for _, e := range w.writes {
		if e.m == nil {
			continue
		}
		if size >= SegmentBytes {
			w.seal(begin, begins)
			begin, begins, size = len(w.rows), true, 0
			clear(at)
		}
		i, ok := at[e.to]
		if !ok {
			i = len(w.rows)
			at[e.to] = i
			w.rows = append(w.rows, row{first: e.m.Seq, group: e.to, records: beginBatch(nil)})
			size += int64(len(e.to.sessions))
		}
		r := &w.rows[i]
		before := len(r.records)
		r.key = e.m.Seq
		r.records = e.m.appendRecord(r.records)
		r.messages = append(r.messages, e.m)
		size += int64(len(r.records) - before)
	}
	w.seal(begin, begins)
}

// seal completes the rows of a segment from begin on, in the order of their keys.
func (w *commitBatch) seal(begin int, begins bool) {
	rows := w.rows[begin:]
	slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.key, b.key) })
	for i := range rows {
		r := &rows[i]
		r.begins = begins && i == 0
		r.size = int64(len(r.records) + len(r.group.sessions))
		sealBatch(r.records)
	}
}

func (w *commitBatch) empty() bool {
	return len(w.writes) == 0 && len(w.saved) == 0 && len(w.advanced) == 0 && len(w.sentBy) == 0 && len(w.topics) == 0 && len(w.discarded) == 0
}
