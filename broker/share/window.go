package share

import (
	"cmp"
	"maps"
	"slices"
)

// A Window knows which messages of a shared subscription are done, and with whom
// the others are. Messages have sequence numbers. All up to Read have been looked
// at once, and so have some beyond it: those that an earlier process sent. Of these it
// remembers which are not done.
type Window[M comparable] struct {
	read    uint64
	beyond  []uint64 // those after read that have been looked at, ascending
	at      uint64   // where the next message is looked for: below read after one came back
	rewound bool     // what comes first may have changed since Begin
	open    map[uint64]Hold[M]
	order   []uint64 // the keys of open, ascending, and some that are done
	free    int      // of open, those that are with no member
	lines   map[M]*line
}

// A Hold says with which member a message is; with M's zero value it waits for one.
type Hold[M comparable] struct {
	Member M
	QoS    byte // at which it was sent
	// Sent says that Member's present connection has it; otherwise it is not
	// there, or has not been sent it again.
	Sent bool
}

// begun reports whether a message is with one member to the end [MQTT-4.8.2-4].
func (h Hold[M]) begun() bool { return h.QoS == 2 }

// A line is the messages that wait for one member: those that it was sent over an
// earlier connection, and those that it had no room for and that no other one could
// have. It gets them in order, before later ones.
type line struct {
	seqs []uint64 // ascending; some are done, or with another
	room bool     // the member is there, and had room when it was looked at last
}

// NewWindow returns the window of a subscription that has looked at all messages up
// to read, and at those of beyond. Of all these, open are not done.
func NewWindow[M comparable](read uint64, open, beyond []uint64) *Window[M] {
	w := &Window[M]{read: read, open: map[uint64]Hold[M]{}, lines: map[M]*line{}}
	for _, seq := range beyond {
		w.look(seq)
	}
	for _, seq := range open {
		w.hold(seq, Hold[M]{})
	}
	w.at = w.Cursor()
	return w
}

// look notes that a message has been looked at, whatever was before it: only Passed
// says that of all up to one.
func (w *Window[M]) look(seq uint64) {
	if i, there := slices.BinarySearch(w.beyond, seq); !there && seq > w.read {
		w.beyond = slices.Insert(w.beyond, i, seq)
	}
}

// isNew reports whether a message has not been looked at.
func (w *Window[M]) isNew(seq uint64) bool {
	_, there := slices.BinarySearch(w.beyond, seq)
	return !there && seq > w.read
}

// hold notes with whom a message is.
func (w *Window[M]) hold(seq uint64, h Hold[M]) {
	old, known := w.open[seq]
	if !known {
		w.look(seq)
		w.forgetDone()
		i, there := slices.BinarySearch(w.order, seq)
		if !there {
			w.order = slices.Insert(w.order, i, seq)
		}
	}
	var none M
	if known && old.Member == none {
		w.free--
	}
	if h.Member == none {
		w.free++
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

// Read returns up to where all messages have been looked at.
func (w *Window[M]) Read() uint64 { return w.read }

// Beyond returns the messages after Read that have been looked at as well, ascending.
func (w *Window[M]) Beyond() []uint64 { return slices.Clone(w.beyond) }

// Begin returns the sequence number after which the next messages are looked for.
func (w *Window[M]) Begin() uint64 {
	w.rewound = false
	return w.at
}

// Rewound reports whether messages before those that were looked for at Begin, or
// the same, are to be looked at again, or Next may return another one.
func (w *Window[M]) Rewound() bool { return w.rewound }

// Free returns how many messages that have been looked at are not done and with no member.
func (w *Window[M]) Free() int { return w.free }

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

// Open returns the messages that have been looked at and are not done, ascending, but
// those that not reports.
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

// Wanted reports whether a message is to be sent to any member, and with whom it was
// before. What was begun at QoS 2 is not: only Next returns it.
func (w *Window[M]) Wanted(seq uint64) (Hold[M], bool) {
	if h, open := w.open[seq]; open {
		return h, !h.Sent && !h.begun()
	}
	return Hold[M]{}, w.isNew(seq)
}

// Holder returns with whom a message is, and false if it is done or not looked at.
func (w *Window[M]) Holder(seq uint64) (Hold[M], bool) {
	h, open := w.open[seq]
	return h, open
}

// Give notes that a message is sent to m at a QoS. It has been looked at then: what is
// written before Passed must not have it as one that comes next.
func (w *Window[M]) Give(seq uint64, m M, qos byte) {
	w.leaveLine(seq, w.open[seq].Member)
	w.hold(seq, Hold[M]{m, qos, true})
}

// Restore notes that m was sent a message at QoS 2 by an earlier process, and may
// have it. It returns false if the message is done.
func (w *Window[M]) Restore(seq uint64, m M) bool {
	if _, open := w.open[seq]; !open && !w.isNew(seq) {
		return false
	}
	w.hold(seq, Hold[M]{Member: m, QoS: 2})
	w.wait(seq, m)
	return true
}

// Keep notes that a message waits until something changes: none of the members that
// are there may have it, but those that have no room.
func (w *Window[M]) Keep(seq uint64, full []M) {
	if _, open := w.open[seq]; !open {
		w.hold(seq, Hold[M]{})
	}
	if w.rewound {
		return // it is looked at again, after others that full may have by then
	}
	for _, m := range full {
		w.wait(seq, m)
		w.Full(m)
	}
}

// wait puts a message into m's line.
func (w *Window[M]) wait(seq uint64, m M) {
	l := w.lines[m]
	if l == nil {
		l = &line{}
		w.lines[m] = l
	}
	if len(l.seqs) >= 2*len(w.open)+64 {
		l.seqs = slices.DeleteFunc(l.seqs, func(seq uint64) bool { return !w.waits(seq, m) })
	}
	if i, there := slices.BinarySearch(l.seqs, seq); !there {
		l.seqs = slices.Insert(l.seqs, i, seq)
	}
}

// Room notes that m is there and may have room.
func (w *Window[M]) Room(m M) {
	if l := w.lines[m]; l != nil {
		l.room, w.rewound = true, true
	}
}

// Full notes that m is away, or had no room for the message that Next returned.
func (w *Window[M]) Full(m M) {
	if l := w.lines[m]; l != nil {
		l.room = false
	}
}

// Unfit notes that m may not have a message that Next returned. If it was begun with
// m, it is done, else it waits for any member.
func (w *Window[M]) Unfit(seq uint64, m M) {
	w.leaveLine(seq, m)
	switch h, open := w.open[seq]; {
	case !open:
	case h.Member == m && h.begun():
		w.Done(seq)
	default:
		w.hold(seq, Hold[M]{})
		w.at = min(w.at, seq-1)
	}
}

// leaveLine takes a message out of m's line.
func (w *Window[M]) leaveLine(seq uint64, m M) {
	if l := w.lines[m]; l != nil {
		if i, there := slices.BinarySearch(l.seqs, seq); there {
			l.seqs = slices.Delete(l.seqs, i, i+1)
		}
	}
}

// Ahead reports whether a message before seq waits for m.
func (w *Window[M]) Ahead(seq uint64, m M) bool {
	l := w.lines[m]
	return l != nil && w.trim(l, m) && l.seqs[0] < seq
}

// trim removes from the front of m's line what does not wait for m any more, and
// reports whether something is left.
func (w *Window[M]) trim(l *line, m M) bool {
	for len(l.seqs) > 0 && !w.waits(l.seqs[0], m) {
		l.seqs = l.seqs[1:]
	}
	return len(l.seqs) > 0
}

// Next returns the first message that waits for one member which has room.
func (w *Window[M]) Next() (seq uint64, m M, ok bool) {
	for member, l := range w.lines {
		if !l.room {
			continue
		}
		switch {
		case !w.trim(l, member):
			delete(w.lines, member)
		case !ok || l.seqs[0] < seq:
			seq, m, ok = l.seqs[0], member, true
		}
	}
	return seq, m, ok
}

// waits reports whether a message in m's line still waits for m.
func (w *Window[M]) waits(seq uint64, m M) bool {
	var none M
	h, open := w.open[seq]
	return open && !h.Sent && (h.Member == m || h.Member == none)
}

// Return notes that a message is with no member any more.
func (w *Window[M]) Return(seq uint64) {
	if _, open := w.open[seq]; open {
		w.hold(seq, Hold[M]{})
	}
}

// Done notes that a message is done, and has been looked at.
func (w *Window[M]) Done(seq uint64) {
	w.look(seq)
	var none M
	if h, open := w.open[seq]; open && h.Member == none {
		w.free--
	}
	delete(w.open, seq)
}

// Passed notes that all messages up to seq have been looked at: those that were not
// before, and not given or kept, are done.
func (w *Window[M]) Passed(seq uint64) {
	if !w.rewound {
		w.at = max(w.at, seq)
	}
	w.read = max(w.read, seq)
	switch n, _ := slices.BinarySearch(w.beyond, w.read+1); n {
	case len(w.beyond):
		w.beyond = w.beyond[:0]
	default:
		w.beyond = w.beyond[n:]
	}
}

// Left notes that m is away: what it was sent may be sent to another, but for what
// it was sent at QoS 2.
func (w *Window[M]) Left(m M) { w.leave(m, false) }

// Ended notes that m's session has ended: what it was sent at QoS 1 is sent to
// another, what it was sent at QoS 2 is done [MQTT-4.8.2-5]. It reports whether
// there was such a message.
func (w *Window[M]) Ended(m M) (qos2 bool) { return w.leave(m, true) }

func (w *Window[M]) leave(m M, ended bool) (qos2 bool) {
	delete(w.lines, m)
	var held []uint64
	for seq, h := range w.open {
		if h.Member != m {
			continue
		}
		switch h.Sent = false; {
		case !ended:
			w.open[seq] = h
			held = append(held, seq)
		case h.begun():
			w.Done(seq)
			qos2 = true
		default:
			w.hold(seq, Hold[M]{})
		}
	}
	if len(held) > 0 {
		slices.Sort(held)
		w.lines[m] = &line{seqs: held}
	}
	w.Again()
	return qos2
}

// Again has the messages looked at again that wait for any member: one has come or
// gone.
func (w *Window[M]) Again() {
	w.rewound = true
	for _, seq := range w.order {
		if h, open := w.open[seq]; open && !h.Sent && !h.begun() {
			w.at = min(w.at, seq-1)
			return
		}
	}
}

// DropOldest drops the oldest message that is with no member.
func (w *Window[M]) DropOldest() {
	var none M
	for _, seq := range w.order {
		if h, open := w.open[seq]; open && h.Member == none {
			w.Done(seq)
			return
		}
	}
}

// DropFree drops the messages up to a sequence number that are with no member, and
// reports whether there was any.
func (w *Window[M]) DropFree(upTo uint64) bool {
	dropped := upTo > w.read
	var none M
	dropped = w.dropIf(func(h Hold[M]) bool { return h.Member == none }) || dropped
	w.Passed(upTo)
	return dropped
}

// DropHeld drops the messages that are with a member, but those of members that are
// spared, and returns whose they were, each once.
func (w *Window[M]) DropHeld(spared func(M) bool) []M {
	var none M
	from := map[M]struct{}{}
	w.dropIf(func(h Hold[M]) bool {
		if h.Member == none || spared(h.Member) {
			return false
		}
		from[h.Member] = struct{}{}
		return true
	})
	return slices.Collect(maps.Keys(from))
}

func (w *Window[M]) dropIf(drop func(Hold[M]) bool) (dropped bool) {
	for seq, h := range w.open {
		if drop(h) {
			w.Done(seq)
			dropped = true
		}
	}
	return dropped
}
