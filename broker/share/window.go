package share

import (
	"cmp"
	"slices"
)

// A Window knows which messages of a shared subscription are done, and with whom
// the others are. Messages have sequence numbers. All up to Read have been looked
// at once; of these it remembers those that are not done.
type Window[M comparable] struct {
	read    uint64
	at      uint64 // where the next message is looked for: below read after one came back
	rewound bool   // Again was called since Begin
	open    map[uint64]Hold[M]
	order   []uint64 // the keys of open, ascending, and some that are done
}

// A Hold says with which member a message is; with M's zero value it waits for one.
type Hold[M comparable] struct {
	Member M
	QoS    byte // at which it was sent
	// Sent says that Member's present connection has it; otherwise it is not
	// there, or has not been sent it again.
	Sent bool
}

// NewWindow returns the window of a subscription that has looked at all messages up
// to read, of which open are not done.
func NewWindow[M comparable](read uint64, open []uint64) *Window[M] {
	w := &Window[M]{read: read, open: map[uint64]Hold[M]{}}
	for _, seq := range open {
		w.hold(seq, Hold[M]{})
	}
	w.at = w.Cursor()
	return w
}

// hold notes with whom a message is.
func (w *Window[M]) hold(seq uint64, h Hold[M]) {
	if _, known := w.open[seq]; !known {
		w.forgetDone()
		i := len(w.order)
		if i > 0 && w.order[i-1] >= seq {
			var there bool
			if i, there = slices.BinarySearch(w.order, seq); there {
				w.open[seq] = h
				return
			}
		}
		w.order = slices.Insert(w.order, i, seq)
	}
	w.open[seq] = h
}

// forgetDone makes order smaller where most of it is done.
func (w *Window[M]) forgetDone() {
	if len(w.order) >= 2*len(w.open)+64 {
		w.order = slices.DeleteFunc(w.order, func(seq uint64) bool {
			_, open := w.open[seq]
			return !open
		})
	}
}

// Read returns up to where messages have been looked at.
func (w *Window[M]) Read() uint64 { return w.read }

// Begin returns the sequence number after which the next messages are looked for.
func (w *Window[M]) Begin() uint64 {
	w.rewound = false
	return w.at
}

// Rewound reports whether messages before those that were looked for at Begin, or
// the same, are to be looked at again.
func (w *Window[M]) Rewound() bool { return w.rewound }

// Len returns how many messages up to Read are not done.
func (w *Window[M]) Len() int { return len(w.open) }

// Cursor returns the sequence number up to which all messages are done.
func (w *Window[M]) Cursor() uint64 {
	for len(w.order) > 0 {
		if _, open := w.open[w.order[0]]; open {
			return min(w.order[0]-1, w.read)
		}
		w.order = w.order[1:]
	}
	return w.read
}

// Open returns the messages up to Read that are not done, ascending, but those that
// not reports.
func (w *Window[M]) Open(not func(Hold[M]) bool) []uint64 {
	open := make([]uint64, 0, len(w.open))
	for seq, h := range w.open {
		if !not(h) {
			open = append(open, seq)
		}
	}
	slices.SortFunc(open, cmp.Compare)
	return open
}

// Wanted reports whether a message is to be sent, and with whom it was before.
func (w *Window[M]) Wanted(seq uint64) (Hold[M], bool) {
	if h, open := w.open[seq]; open {
		return h, !h.Sent
	}
	return Hold[M]{}, seq > w.read
}

// Holder returns with whom a message is, and false if it is done or not looked at.
func (w *Window[M]) Holder(seq uint64) (Hold[M], bool) {
	h, open := w.open[seq]
	return h, open
}

// Give notes that a message is sent to m at a QoS. It has been looked at then: what is
// written before Passed must not have it as one that comes next.
func (w *Window[M]) Give(seq uint64, m M, qos byte) {
	w.hold(seq, Hold[M]{m, qos, true})
	w.read = max(w.read, seq)
}

// Restore notes that m was sent a message at QoS 2 by an earlier process, and may
// have it. It returns false if the message is done.
func (w *Window[M]) Restore(seq uint64, m M) bool {
	if seq <= w.read {
		if _, open := w.open[seq]; !open {
			return false
		}
	}
	w.hold(seq, Hold[M]{Member: m, QoS: 2})
	return true
}

// Keep notes that a message waits until something changes: no member that is there
// may have it.
func (w *Window[M]) Keep(seq uint64) {
	if _, open := w.open[seq]; !open {
		w.hold(seq, Hold[M]{})
	}
}

// Return notes that a message is with no member any more.
func (w *Window[M]) Return(seq uint64) {
	if _, open := w.open[seq]; open {
		w.open[seq] = Hold[M]{}
	}
}

// Done notes that a message is done.
func (w *Window[M]) Done(seq uint64) { delete(w.open, seq) }

// Passed notes that all messages up to seq have been looked at: those above Read
// that were not given or kept are done.
func (w *Window[M]) Passed(seq uint64) {
	if !w.rewound {
		w.at = max(w.at, seq)
	}
	w.read = max(w.read, seq)
}

// Left notes that m is away: what it was sent may be sent to another, but for what
// it was sent at QoS 2.
func (w *Window[M]) Left(m M) { w.leave(m, false) }

// Ended notes that m's session has ended: what it was sent at QoS 1 is sent to
// another, what it was sent at QoS 2 is done [MQTT-4.8.2-5]. It reports whether
// there was such a message.
func (w *Window[M]) Ended(m M) (qos2 bool) { return w.leave(m, true) }

func (w *Window[M]) leave(m M, ended bool) (qos2 bool) {
	for seq, h := range w.open {
		if h.Member != m {
			continue
		}
		switch h.Sent = false; {
		case !ended:
			w.open[seq] = h
		case h.QoS == 2:
			delete(w.open, seq)
			qos2 = true
		default:
			w.open[seq] = Hold[M]{}
		}
	}
	w.Again()
	return qos2
}

// Again has the messages looked at again that wait: a member has come or gone.
func (w *Window[M]) Again() {
	w.rewound = true
	for _, seq := range w.order {
		if h, open := w.open[seq]; open && !h.Sent {
			w.at = min(w.at, seq-1)
			return
		}
	}
}

// Drop drops the messages up to a sequence number that are with no member; with all,
// also those that are with one. It reports whether there was any.
func (w *Window[M]) Drop(upTo uint64, all bool) bool {
	var none M
	dropped := upTo > w.read
	for seq, h := range w.open {
		if seq <= upTo && (all || h.Member == none) {
			delete(w.open, seq)
			dropped = true
		}
	}
	w.Passed(upTo)
	return dropped
}
