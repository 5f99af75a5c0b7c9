package broker

import (
	"fmt"
	"strings"
	"testing"

	"hellox/broker/journal"
)

// TestSharedCleanMemberAcrossKill kills the broker while a member whose session ends
// with that has a message at QoS 2: it is sent to no other one [MQTT-4.8.2-5].
func TestSharedCleanMemberAcrossKill(t *testing.T) {
	p := newProcess(t, t.TempDir())
	p.start(t)
	h := hello{id: "b", keep: true, receiveMaximum: 1}
	other := connect(t, p.addr, h)
	other.subscribe(2, "$share/g/x")
	p.kill() // it is surely away
	p.start(t)
	a := connect(t, p.addr, hello{id: "a"})
	a.subscribe(2, "$share/g/x")
	pub := connect(t, p.addr, hello{id: "pub"})
	for id := range uint16(2) {
		pub.publish2("x", fmt.Sprint(id), id+1, false)
	}
	a.message()
	a.message()
	p.kill()
	p.start(t)
	other = connect(t, p.addr, h)
	other.silent()
	pub = connect(t, p.addr, hello{id: "pub"})
	pub.publish2("x", "next", 1, false)
	if g := other.take(); g.payload != "next" {
		t.Errorf("got %+v", g)
	}
}

// TestSharedAcrossRestart has a member keep the oldest message while the batches of all
// later ones go: after a restart what is published comes all the same.
func TestSharedAcrossRestart(t *testing.T) {
	store := t.TempDir()
	b, stop := startStop(t, Options{Store: store})
	h := hello{id: "b", keep: true, v5: true, resume: true}
	joined(t, b, 2, h)[0].disconnect()
	gone(t, b, "b")
	a := joined(t, b, 2, hello{id: "a", keep: true, v5: true, resume: true, receiveMaximum: 1})[0]
	const first = 10
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	for id := range uint16(first) {
		pub.publish2("x", strings.Repeat("x", journal.SegmentBytes/2), id+1, false)
		pub.release(id + 1)
	}
	a.message()
	stop()
	b, stop = startStop(t, Options{Store: store})
	other := connect(t, b.Addr(0), h)
	for range first - 1 {
		other.take()
	}
	p := b.router.shared[shareOfX]
	wait(t, "the last one is acknowledged", func() bool { return len(p.open()) == 1 })
	p.Drop(journal.Over{Limit: 1 << 40}) // the journal is told what is done
	wait(t, "only the oldest is stored", func() bool { return b.journal.Stats().Batches == 1 })
	other.disconnect()
	gone(t, b, "b")
	stop()
	b, stop = startStop(t, Options{Store: store})
	defer stop()
	other = connect(t, b.Addr(0), h)
	publishAll(t, b, 1, 20)
	for i := range 20 {
		if g := other.take(); g.payload != fmt.Sprint(i) {
			t.Fatalf("got %+v, want %d", g, i)
		}
	}
}

// shareOfX is the shared subscription that joined makes.
const shareOfX = "$share/g/x"

// open returns the messages that are not done.
func (p *sharedSub) open() []uint64 {
	row, _ := p.Sent()
	return row.Open
}

// TestSharedBetweenRestored kills the broker while one member has every other message at
// QoS 2, and a second one, at QoS 1, those between: the first gets them as well.
func TestSharedBetweenRestored(t *testing.T) {
	both(t, func(t *testing.T, v5 bool) {
		p := newProcess(t, t.TempDir())
		p.start(t)
		h := hello{id: "a", keep: true, v5: v5, resume: true}
		a := connect(t, p.addr, h)
		a.subscribe(2, shareOfX)
		b := connect(t, p.addr, hello{id: "b", keep: true, v5: v5, resume: true})
		b.subscribe(1, shareOfX)
		pub := connect(t, p.addr, hello{id: "pub"})
		const messages = 10
		for id := range uint16(messages) {
			pub.publish2("x", fmt.Sprint(id), id+1, false)
		}
		for range messages / 2 {
			a.message()
			b.message()
		}
		p.kill()
		p.start(t)
		a = connect(t, p.addr, h)
		seen := map[string]bool{}
		for range messages {
			g := a.take()
			if seen[g.payload] {
				t.Errorf("got %+v again", g)
			}
			seen[g.payload] = true
		}
		a.silent()
	})
}

// TestSharedReadsNothing restarts the broker with what was begun with a member that then
// reads nothing: the other one gets the rest.
func TestSharedReadsNothing(t *testing.T) {
	store := t.TempDir()
	b, stop := startStop(t, Options{Store: store})
	h := hello{id: "slow", v5: true, keep: true, resume: true, receiveMaximum: 100}
	both := joined(t, b, 2, h, hello{id: "b", keep: true, v5: true, resume: true})
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	for i := range 200 {
		pub.publish2("x", strings.Repeat("x", 200_000), uint16(i+1), false)
		pub.release(uint16(i + 1))
		if i%2 == 1 {
			both[0].message()
			both[1].take()
		}
	}
	stop()
	b = start(t, Options{Store: store})
	connect(t, b.Addr(0), h)
	other := connect(t, b.Addr(0), hello{id: "b", keep: true, v5: true, resume: true})
	publishAll(t, b, 1, 10)
	for i := range 10 {
		if g := other.take(); g.payload != fmt.Sprint(i) {
			t.Errorf("got %+v, want %d", g, i)
		}
	}
}
