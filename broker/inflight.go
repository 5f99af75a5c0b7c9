package broker

import (
	"hellox/broker/journal"
	"hellox/broker/sharing"
)

// inflight holds what has been sent to a client at QoS 1 or 2 and is not done. Its
// packet ids are the broker's own and independent of those that the client uses
// for what it publishes.
type inflight struct {
	messages  []inflightMessage // in the order of sending; those that are done are removed from the front
	first     int               // number of messages[0], counted from the beginning of the session
	byID      map[uint16]int
	reserved  map[uint16]struct{} // packet ids of messages that are to be sent again
	lastID    uint16
	journaled int // of messages: those from the journal that the client has not acknowledged
}

// An inflightMessage is one message that waits for its PUBACK, or for its PUBREC
// and then its PUBCOMP.
type inflightMessage struct {
	id        uint16
	seq       uint64                // sequence number in the journal, or 0
	shared    *sharing.Subscription // the shared subscription that it is of, or nil
	transient *journal.Message      // the message to send again, if it is not in the journal
	qos       byte
	released  bool // the PUBREC has come: the client has the message
	done      bool
}

// journaled reports whether the journal has it for the session itself.
func (s *inflightMessage) journaled() bool { return s.seq > 0 && s.shared == nil }

// maxOutOfOrder is how many messages a session remembers of those that its client
// acknowledges while an earlier one is not.
const maxOutOfOrder = 4 * maxInflight

func (w *inflight) full(size int) bool {
	return len(w.byID) >= size || len(w.messages) >= maxOutOfOrder
}

// add adds a message and returns its packet id: id if that is not 0, else the
// next free one. It must not be full.
func (w *inflight) add(s inflightMessage, id uint16) uint16 {
	if w.byID == nil {
		w.byID = map[uint16]int{}
	}
	for id == 0 {
		w.lastID++
		_, used := w.byID[w.lastID]
		_, reserved := w.reserved[w.lastID]
		if !used && !reserved {
			id = w.lastID
		}
	}
	delete(w.reserved, id)
	s.id = id
	w.byID[id] = w.first + len(w.messages)
	w.messages = append(w.messages, s)
	if s.journaled() && !s.released {
		w.journaled++
	}
	return id
}

// reserve keeps a packet id for a message that is to be sent again.
func (w *inflight) reserve(id uint16) {
	if w.reserved == nil {
		w.reserved = map[uint16]struct{}{}
	}
	w.reserved[id] = struct{}{}
}

// get returns the message with a packet id, or nil.
func (w *inflight) get(id uint16) *inflightMessage {
	if n, ok := w.byID[id]; ok {
		return &w.messages[n-w.first]
	}
	return nil
}

// release notes that the client has the message, whose packet id stays in use.
func (w *inflight) release(s *inflightMessage) {
	if s.journaled() && !s.released {
		w.journaled--
	}
	s.released, s.transient = true, nil
}

// remove ends a message's flow: its packet id is free.
func (w *inflight) remove(s *inflightMessage) {
	w.release(s)
	delete(w.byID, s.id)
	s.done = true
	for len(w.messages) > 0 && w.messages[0].done {
		w.messages = w.messages[1:]
		w.first++
	}
}

// firstJournaled returns the sequence number of the oldest message from the
// journal that is not acknowledged, or 0.
func (w *inflight) firstJournaled() uint64 {
	if w.journaled == 0 {
		return 0
	}
	for i := range w.messages {
		if s := &w.messages[i]; s.journaled() && !s.released {
			return s.seq
		}
	}
	return 0
}

// takeUnfinished removes all messages and returns those that are not done, in
// order.
func (w *inflight) takeUnfinished() []inflightMessage {
	var open []inflightMessage
	for _, s := range w.messages {
		if !s.done {
			open = append(open, s)
		}
	}
	*w = inflight{lastID: w.lastID}
	return open
}
