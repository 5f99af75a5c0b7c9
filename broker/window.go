package broker

import "hellox/broker/journal"

// A window is what has been sent to a client at QoS 1 and not acknowledged.
// Its packet ids are the broker's own: they share nothing with those that the
// client uses for what it publishes (see UPSTREAM.md, ids).
type window struct {
	sent   []sent // in the order of sending; acknowledged ones leave from the front
	first  int    // number of sent[0], counted from the beginning of the session
	byID   map[uint16]int
	lastID uint16
	logged int // of sent, those from the journal that are not acknowledged
}

// A sent is one message that waits for its PUBACK.
type sent struct {
	id   uint16
	seq  uint64           // in the journal, or 0
	live *journal.Message // if not from the journal: what to send again
	qos  byte
	done bool
}

// windowSize is how many messages a client may leave unacknowledged, unless it
// asked for fewer (Receive Maximum).
const windowSize = 1000

func (w *window) full(size int) bool { return len(w.byID) >= size }

// add takes a message in and returns its packet id: id if that is not 0, else
// the next free one. It must not be full.
func (w *window) add(s sent, id uint16) uint16 {
	if w.byID == nil {
		w.byID = map[uint16]int{}
	}
	for id == 0 {
		w.lastID++
		if _, used := w.byID[w.lastID]; !used {
			id = w.lastID
		}
	}
	s.id = id
	w.byID[id] = w.first + len(w.sent)
	w.sent = append(w.sent, s)
	if s.seq > 0 {
		w.logged++
	}
	return id
}

// ack takes a PUBACK and tells whether its id was waited for.
func (w *window) ack(id uint16) bool {
	n, ok := w.byID[id]
	if !ok {
		return false
	}
	delete(w.byID, id)
	s := &w.sent[n-w.first]
	s.done = true
	if s.seq > 0 {
		w.logged--
	}
	s.live = nil
	for len(w.sent) > 0 && w.sent[0].done {
		w.sent = w.sent[1:]
		w.first++
	}
	return true
}

// firstLogged returns the journal's number of the oldest message that is not
// acknowledged, or 0.
func (w *window) firstLogged() uint64 {
	if w.logged == 0 {
		return 0
	}
	for _, s := range w.sent {
		if s.seq > 0 && !s.done {
			return s.seq
		}
	}
	return 0
}

// takeOpen empties the window and returns what was not acknowledged, in order.
func (w *window) takeOpen() []sent {
	var open []sent
	for _, s := range w.sent {
		if !s.done {
			open = append(open, s)
		}
	}
	*w = window{lastID: w.lastID}
	return open
}
