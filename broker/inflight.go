package broker

import "hellox/broker/journal"

// inflight holds what has been sent to a client at QoS 1 and not acknowledged. Its
// packet ids are the broker's own and independent of those that the client uses
// for what it publishes (see UPSTREAM.md, ids).
type inflight struct {
	messages  []inflightMessage // in the order of sending; acknowledged ones are removed from the front
	first     int               // number of messages[0], counted from the beginning of the session
	byID      map[uint16]int
	lastID    uint16
	journaled int // of messages: those from the journal that are not acknowledged
}

// An inflightMessage is one message that waits for its PUBACK.
type inflightMessage struct {
	id        uint16
	seq       uint64           // sequence number in the journal, or 0
	transient *journal.Message // the message to send again, if it is not in the journal
	qos       byte
	acked     bool
}

// maxInflight is how many messages a client may leave unacknowledged, unless its
// Receive Maximum is lower.
const maxInflight = 1000

func (w *inflight) full(size int) bool { return len(w.byID) >= size }

// add adds a message and returns its packet id: id if that is not 0, else the
// next free one. It must not be full.
func (w *inflight) add(s inflightMessage, id uint16) uint16 {
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
	w.byID[id] = w.first + len(w.messages)
	w.messages = append(w.messages, s)
	if s.seq > 0 {
		w.journaled++
	}
	return id
}

// ack handles a PUBACK and reports whether its packet id was in flight.
func (w *inflight) ack(id uint16) bool {
	n, ok := w.byID[id]
	if !ok {
		return false
	}
	delete(w.byID, id)
	s := &w.messages[n-w.first]
	s.acked = true
	if s.seq > 0 {
		w.journaled--
	}
	s.transient = nil
	for len(w.messages) > 0 && w.messages[0].acked {
		w.messages = w.messages[1:]
		w.first++
	}
	return true
}

// firstJournaled returns the sequence number of the oldest message from the
// journal that is not acknowledged, or 0.
func (w *inflight) firstJournaled() uint64 {
	if w.journaled == 0 {
		return 0
	}
	for _, s := range w.messages {
		if s.seq > 0 && !s.acked {
			return s.seq
		}
	}
	return 0
}

// takeUnacked removes all messages and returns those not acknowledged, in order.
func (w *inflight) takeUnacked() []inflightMessage {
	var open []inflightMessage
	for _, s := range w.messages {
		if !s.acked {
			open = append(open, s)
		}
	}
	*w = inflight{lastID: w.lastID}
	return open
}
