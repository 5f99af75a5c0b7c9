package share

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestWindowRestored: what an earlier process sent beyond Read says nothing of what is
// between, whatever becomes of it, and is itself sent to no other member.
func TestWindowRestored(t *testing.T) {
	none := func(Hold[string]) bool { return false }
	for name, then := range map[string]func(*Window[string]){
		"given again": func(w *Window[string]) {
			w.Room("a")
			seq, m, _ := w.Next()
			w.Give(seq, m, 2)
		},
		"acknowledged": func(w *Window[string]) { w.Done(15) },
		"ended":        func(w *Window[string]) { w.Ended("a") },
		"dropped":      func(w *Window[string]) { w.DropHeld(func(string) bool { return false }) },
		"unfit":        func(w *Window[string]) { w.Unfit(15, "a") },
	} {
		w := NewWindow[string](10, nil, nil)
		if !w.Restore(15, "a") {
			t.Fatal("it is not restored")
		}
		then(w)
		for _, w := range []*Window[string]{w, NewWindow[string](w.Read(), w.Open(none), w.Beyond())} {
			if _, wanted := w.Wanted(12); !wanted || w.Cursor() != 10 || w.Read() != 10 {
				t.Errorf("%s: message 12 is wanted: %v; the cursor is at %d, all up to %d is read", name, wanted, w.Cursor(), w.Read())
			}
		}
		_, open := w.Holder(15)
		if _, wanted := w.Wanted(15); wanted || open != (name == "given again") {
			t.Errorf("%s: it is wanted: %v, open: %v", name, wanted, open)
		}
		if w.Restore(15, "b") != open {
			t.Errorf("%s: it is restored: %v", name, !open)
		}
		w.Passed(15)
		if _, wanted := w.Wanted(15); wanted || len(w.Beyond()) > 0 {
			t.Errorf("%s: it is wanted: %v; beyond %d are %v", name, wanted, w.Read(), w.Beyond())
		}
	}
}

const (
	killedMessages = 12
	killedMembers  = 3
)

// killedSent is what a member was sent at QoS 2: whether it has acknowledged it.
type killedSent map[uint64]bool

// A killedShared is what is stored of a window.
type killedShared struct {
	read, cursor uint64
	open, beyond []uint64
}

// A killed is a window in a process that is killed: beside it what the process has in
// memory, what is stored, and what the members' clients have. Messages with an even
// number are at QoS 2.
type killed struct {
	t *rapid.T
	w *Window[int]

	there   map[int]bool
	sent    map[int]killedSent // by member
	changed map[int]bool       // whose rows are written with the next commit; 0: the window's
	packets map[int][]uint64   // at QoS 2, that are sent when the next commit is stored

	storedSent map[int]killedSent
	stored     killedShared

	got      map[uint64]bool         // it is acknowledged
	holder   map[uint64]int          // at QoS 2: whose client has it
	released map[uint64]bool         // whose client would take it for another one
	with     map[uint64]map[int]bool // at QoS 1: by whom it is not acknowledged, over its present connection
}

func newKilled(t *rapid.T) *killed {
	k := &killed{
		t: t, storedSent: map[int]killedSent{}, got: map[uint64]bool{}, holder: map[uint64]int{}, released: map[uint64]bool{},
	}
	k.restart()
	return k
}

// qos returns the QoS of a message.
func (*killed) qos(seq uint64) byte { return 2 - byte(seq%2) }

// restart kills the process and starts the next one.
func (k *killed) restart() {
	open := slices.DeleteFunc(slices.Clone(k.stored.open), func(seq uint64) bool { return seq <= k.stored.cursor })
	k.w = NewWindow[int](max(k.stored.read, k.stored.cursor), open, k.stored.beyond)
	k.there, k.changed, k.packets, k.sent = map[int]bool{}, map[int]bool{}, map[int][]uint64{}, map[int]killedSent{}
	k.with = map[uint64]map[int]bool{}
	for m := 1; m <= killedMembers; m++ {
		k.sent[m] = killedSent{}
		for seq, released := range k.storedSent[m] {
			switch {
			case released:
				k.w.Done(seq)
				k.sent[m][seq] = true
			case k.w.Restore(seq, m):
				k.sent[m][seq] = false
			case k.got[seq]: // the cursor has passed it meanwhile
				k.sent[m][seq] = true
			default:
				k.t.Fatalf("message %d of member %d is not restored", seq, m)
			}
		}
	}
}

// commit stores what has changed, and then sends what waited for that.
func (k *killed) commit() {
	for m := range k.changed {
		if m == 0 {
			k.stored.read, k.stored.open, k.stored.beyond = k.w.Read(), k.w.Open(func(Hold[int]) bool { return false }), k.w.Beyond()
			continue
		}
		k.storedSent[m] = maps.Clone(k.sent[m])
		for seq, acknowledged := range k.sent[m] {
			if acknowledged { // the PUBREL waited for this
				k.released[seq] = true
			}
		}
	}
	clear(k.changed)
	for m, all := range k.packets {
		for _, seq := range all {
			k.receive(seq, m)
		}
	}
	clear(k.packets)
}

// receive has a member's client get a message.
func (k *killed) receive(seq uint64, m int) {
	if k.qos(seq) == 1 {
		return
	}
	if had := k.holder[seq]; had > 0 && had != m || k.released[seq] {
		k.t.Fatalf("message %d at QoS 2 comes to member %d; member %d has it, released: %v", seq, m, had, k.released[seq])
	}
	k.holder[seq] = m
}

// give sends a message to a member.
func (k *killed) give(seq uint64, m int) {
	k.w.Give(seq, m, k.qos(seq))
	if k.qos(seq) == 2 {
		k.sent[m][seq] = false
		k.changed[m] = true
		k.packets[m] = append(k.packets[m], seq)
		return
	}
	if len(k.with[seq]) > 0 {
		k.t.Fatalf("message %d comes to member %d, and is with %v", seq, m, k.with[seq])
	}
	k.with[seq] = map[int]bool{m: true}
	k.receive(seq, m)
}

// step does what the sender does next.
func (k *killed) step(choice int) {
	at := k.w.Begin()
	if seq, m, ok := k.w.Next(); ok {
		if choice%4 == 3 {
			k.w.Full(m)
			return
		}
		k.give(seq, m)
		return
	}
	seq := at + 1
	if seq > killedMessages {
		return
	}
	if h, wanted := k.w.Wanted(seq); wanted {
		m := choice%killedMembers + 1
		if k.there[h.Member] {
			m = h.Member
		}
		switch {
		case k.there[m] && !k.w.Ahead(seq, m):
			k.give(seq, m)
		case choice > 50:
			k.w.Keep(seq, []int{m})
		default:
			return // it waits for a member
		}
	}
	k.w.Passed(seq)
}

// acknowledge has a member's client acknowledge a message, from seq on the first that it
// can.
func (k *killed) acknowledge(seq uint64) {
	for range killedMessages {
		h, open := k.w.Holder(seq)
		if open && h.Sent && !slices.Contains(k.packets[h.Member], seq) { // else its packet waits for the commit
			k.w.Done(seq)
			k.got[seq] = true
			delete(k.with, seq)
			if h.QoS == 2 {
				k.sent[h.Member][seq] = true
				k.changed[h.Member], k.changed[0] = true, true
			}
			return
		}
		seq = seq%killedMessages + 1
	}
}

// complete has a member's client send each PUBCOMP that it can.
func (k *killed) complete(m int) {
	for seq, acknowledged := range k.sent[m] {
		if acknowledged && k.released[seq] {
			delete(k.sent[m], seq)
			k.changed[m] = true
		}
	}
}

// leave ends a member's connection.
func (k *killed) leave(m int) {
	k.there[m] = false
	k.w.Left(m)
	delete(k.packets, m)
	for seq := range k.with {
		delete(k.with[seq], m)
	}
}

// TestWindowKilled kills the process of a window at any moment, when some of its rows
// and those of its members are stored and others are not: no message is skipped, none
// is with two at once, and what is sent at QoS 2 comes to one member, once.
func TestWindowKilled(t *testing.T) {
	for range 50 { // what rapid draws for one check finds too little
		rapid.Check(t, checkKilled)
	}
}

func checkKilled(t *rapid.T) {
	k := newKilled(t)
	for range rapid.IntRange(20, 200).Draw(t, "actions") {
		seq := rapid.Uint64Range(1, killedMessages).Draw(t, "message")
		m := rapid.IntRange(1, killedMembers).Draw(t, "member")
		switch rapid.IntRange(0, 15).Draw(t, "action") {
		case 0:
			k.restart()
		case 1:
			k.leave(m)
		case 2, 3:
			k.there[m] = true
			k.w.Again()
			k.w.Room(m)
		case 4, 5:
			k.commit()
		case 6:
			k.stored.cursor = max(k.stored.cursor, k.w.Cursor())
		case 7:
			k.complete(m)
		case 8, 9, 10:
			k.acknowledge(seq)
		default:
			k.step(rapid.IntRange(0, 60).Draw(t, "choice"))
		}
	}
	k.drain()
	for seq := uint64(1); seq <= killedMessages; seq++ {
		if !k.got[seq] {
			t.Fatalf("message %d is lost", seq)
		}
	}
	if k.w.Cursor() != killedMessages || len(k.w.Beyond()) > 0 {
		t.Fatalf("the cursor is at %d; beyond %d are %v", k.w.Cursor(), k.w.Read(), k.w.Beyond())
	}
}

// drain has all members be there and acknowledge everything.
func (k *killed) drain() {
	for range 2 * killedMessages {
		for m := 1; m <= killedMembers; m++ {
			k.there[m] = true
			k.w.Room(m)
		}
		k.w.Again()
		for range killedMessages {
			k.step(0)
		}
		k.commit()
		for seq := uint64(1); seq <= killedMessages; seq++ {
			k.acknowledge(seq)
		}
	}
}
