package broker

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/prometheus/client_golang/prometheus"

	"hellox/broker/journal"
)

// joined connects members of $share/g/x.
func joined(t testing.TB, b *Broker, qos byte, all ...hello) []*client {
	t.Helper()
	clients := make([]*client, len(all))
	for i, h := range all {
		clients[i] = connect(t, b.Addr(0), h)
		if code := clients[i].subscribe(qos, "$share/g/x")[0]; code != qos {
			t.Fatalf("granted %#x", code)
		}
	}
	return clients
}

// publishAll publishes 0, 1, … on x at a QoS.
func publishAll(t testing.TB, b *Broker, qos byte, n int) {
	t.Helper()
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	for i := range n {
		switch payload := fmt.Sprint(i); qos {
		case 2:
			pub.publish2("x", payload, uint16(i+1), false)
			pub.release(uint16(i + 1))
		default:
			pub.publish("x", payload, qos, false)
		}
	}
}

// TestSharedTurns has three members take turns, at each QoS, whether their sessions
// last or not; a subscriber beside them gets everything.
func TestSharedTurns(t *testing.T) {
	for qos := range byte(3) {
		for _, keep := range []bool{false, true} {
			both(t, func(t *testing.T, v5 bool) {
				b := start(t, Options{})
				members := joined(t, b, qos, hello{id: "a", keep: keep, v5: v5}, hello{id: "b", keep: keep, v5: v5}, hello{id: "c", keep: keep, v5: v5})
				beside := connect(t, b.Addr(0), hello{id: "d", v5: v5})
				beside.subscribe(qos, "#")
				publishAll(t, b, qos, 9)
				seen := map[string]int{}
				for _, c := range members {
					for range 3 {
						g := c.take()
						seen[g.payload]++
						if g.qos != qos || g.topic != "x" || g.dup {
							t.Errorf("got %+v", g)
						}
					}
				}
				for _, c := range members {
					c.silent()
				}
				for i := range 9 {
					if n := seen[fmt.Sprint(i)]; n != 1 {
						t.Errorf("%d came %d times", i, n)
					}
					if g := beside.take(); g.payload != fmt.Sprint(i) {
						t.Errorf("the one beside got %+v, want %d", g, i)
					}
				}
			})
		}
	}
}

// TestSharedGroups has two names on one topic filter, and one name on two: each is a
// subscription of its own. A member that also subscribes by itself gets both copies.
func TestSharedGroups(t *testing.T) {
	b := start(t, Options{})
	c := connect(t, b.Addr(0), hello{id: "c", v5: true})
	c.subscribe(1, "$share/g/x", "$share/h/x", "$share/g/+", "x")
	publishAll(t, b, 1, 1)
	for range 4 {
		if g := c.take(); g.payload != "0" {
			t.Errorf("got %+v", g)
		}
	}
	c.silent()
	c.send(frame(packets.Unsubscribe<<4|2, str(append([]byte{0, 9}, 0), "$share/h/x")))
	if p := c.expect(packets.Unsuback); p.body[3] != 0 {
		t.Errorf("UNSUBACK %x", p.body)
	}
	publishAll(t, b, 0, 1)
	for range 3 {
		c.take()
	}
	c.silent()
}

// TestSharedOptions holds a member's options: no retained messages, its subscription
// identifier, its QoS, Retain As Published.
func TestSharedOptions(t *testing.T) {
	b := start(t, Options{})
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	pub.publish("x", "retained", 1, true)
	c := connect(t, b.Addr(0), hello{id: "c", v5: true})
	for _, k := range []struct {
		options, qos byte
		retain       bool
	}{{2, 1, false}, {1 | 8, 1, true}, {0, 0, false}} {
		c.send(subscribe5("$share/g/x", k.options, "\x0b\x07"))
		c.expect(packets.Suback)
		c.silent()
		pub.publish("x", "live", 1, true)
		g := c.take()
		if g.qos != k.qos || g.retain != k.retain || string(g.props) != "\x0b\x07" {
			t.Errorf("options %x: got %+v", k.options, g)
		}
	}
}

// TestSharedWaits publishes while no member is there, also across a restart: the first
// that comes takes it all.
func TestSharedWaits(t *testing.T) {
	store := t.TempDir()
	b, stop := startStop(t, Options{Store: store})
	for _, c := range joined(t, b, 2, hello{id: "a", keep: true}, hello{id: "b", keep: true}, hello{id: "clean"}) {
		c.disconnect()
	}
	gone(t, b, "clean")
	publishAll(t, b, 1, 5)
	stop()
	b = start(t, Options{Store: store})
	c := connect(t, b.Addr(0), hello{id: "b", keep: true})
	for i := range 5 {
		if g := c.take(); g.payload != fmt.Sprint(i) {
			t.Errorf("got %+v, want %d", g, i)
		}
	}
	other := connect(t, b.Addr(0), hello{id: "a", keep: true})
	other.silent()
	c.silent()
	wait(t, "nothing is stored", func() bool { return b.journal.Stats().Batches == 0 })
}

// TestSharedHandOver has a member go without having acknowledged: at QoS 1 another one
// gets its messages, and if there is none, it gets them again itself, with their
// packet IDs.
func TestSharedHandOver(t *testing.T) {
	both(t, func(t *testing.T, v5 bool) {
		b := start(t, Options{Store: t.TempDir()})
		h := hello{id: "a", keep: true, v5: v5, resume: true}
		a := joined(t, b, 1, h)[0]
		publishAll(t, b, 1, 3)
		var first got
		for i := range 3 {
			g := a.message()
			if i == 0 {
				first = g
			}
		}
		a.c.Close()
		gone(t, b, "a")
		a = connect(t, b.Addr(0), h)
		if g := a.message(); g.payload != "0" || g.id != first.id || !g.dup {
			t.Errorf("got %+v, want 0 again with packet ID %d", g, first.id)
		}
		a.message()
		a.message()
		other := joined(t, b, 1, hello{id: "b", v5: v5})[0]
		other.silent()
		a.c.Close()
		for i := range 3 {
			if g := other.take(); g.payload != fmt.Sprint(i) || g.dup {
				t.Errorf("the other one got %+v, want %d", g, i)
			}
		}
		a = connect(t, b.Addr(0), h)
		a.silent()
		wait(t, "nothing is stored", func() bool { return b.journal.Stats().Batches == 0 })
	})
}

// TestSharedEnds has the ways in which a member with unacknowledged messages ends:
// each of them hands over those at QoS 1, and none those at QoS 2.
func TestSharedEnds(t *testing.T) {
	for name, end := range map[string]func(b *Broker, a *client){
		"by its client":   func(_ *Broker, a *client) { a.disconnect() },
		"its connection":  func(_ *Broker, a *client) { a.c.Close() },
		"a clean session": func(b *Broker, a *client) { connect(a.t, b.Addr(0), hello{id: "a"}) },
		"over its quota": func(b *Broker, _ *client) {
			b.endOverQuota(b.sessions.current("a"), journal.Over{Bytes: 2, Limit: 1})
		},
	} {
		for qos := byte(1); qos <= 2; qos++ {
			t.Run(fmt.Sprintf("%s at QoS %d", name, qos), func(t *testing.T) {
				b := start(t, Options{Store: t.TempDir()})
				a := joined(t, b, qos, hello{id: "a", keep: name == "a clean session" || name == "over its quota"})[0]
				publishAll(t, b, qos, 2)
				a.message()
				a.message()
				other := joined(t, b, qos, hello{id: "b"})[0]
				end(b, a)
				if qos == 1 {
					for i := range 2 {
						if g := other.take(); g.payload != fmt.Sprint(i) {
							t.Errorf("got %+v, want %d", g, i)
						}
					}
				}
				wait(t, "nothing is stored", func() bool { return b.journal.Stats().Batches == 0 })
				other.silent()
			})
		}
	}
}

// TestSharedUnsubscribes has a member unsubscribe: what was sent to it stays its own
// while it is there, what waits is for the others.
func TestSharedUnsubscribes(t *testing.T) {
	b := start(t, Options{})
	a := joined(t, b, 1, hello{id: "a", v5: true, keep: true, receiveMaximum: 1})[0]
	publishAll(t, b, 1, 3)
	sent := a.message()
	other := connect(t, b.Addr(0), hello{id: "b", v5: true, receiveMaximum: 9})
	other.subscribe(1, "$share/g/x")
	a.send(frame(packets.Unsubscribe<<4|2, str(append([]byte{0, 9}, 0), "$share/g/x")))
	a.expect(packets.Unsuback)
	for _, want := range []string{"1", "2"} {
		if g := other.take(); g.payload != want {
			t.Errorf("got %+v, want %s", g, want)
		}
	}
	other.silent()
	a.ack(sent.id)
	a.silent()
	wait(t, "nothing is stored", func() bool { return b.journal.Stats().Batches == 0 })
}

// TestSharedQoS2Stays has a member go in each step of a message at QoS 2: it is sent
// to no other one, and completed with the same packet ID, across a kill as well.
func TestSharedQoS2Stays(t *testing.T) {
	both(t, func(t *testing.T, v5 bool) {
		p := newProcess(t, t.TempDir())
		p.start(t)
		h := hello{id: "a", keep: true, v5: v5, resume: true}
		a := connect(t, p.addr, h)
		a.subscribe(2, "$share/g/x")
		pub := connect(t, p.addr, hello{id: "pub"})
		pub.publish2("x", "first", 1, false)
		sent := a.message()
		connectOther := func() *client {
			other := connect(t, p.addr, hello{id: "b", keep: true, v5: v5, resume: true})
			other.subscribe(2, "$share/g/x")
			return other
		}
		connectOther().silent()
		p.kill()
		p.start(t)
		other := connectOther()
		other.silent()
		a = connect(t, p.addr, h)
		if g := a.message(); g.payload != "first" || g.id != sent.id || !g.dup {
			t.Fatalf("got %+v, want it again with packet ID %d", g, sent.id)
		}
		a.send(ackPacket(packets.Pubrec, sent.id))
		if id := binary.BigEndian.Uint16(a.expect(packets.Pubrel).body); id != sent.id {
			t.Fatalf("PUBREL for %d", id)
		}
		p.kill()
		p.start(t)
		other = connectOther()
		other.silent()
		a = connect(t, p.addr, h)
		if id := binary.BigEndian.Uint16(a.expect(packets.Pubrel).body); id != sent.id {
			t.Fatalf("PUBREL for %d", id)
		}
		a.send(ackPacket(packets.Pubcomp, sent.id))
		a.silent()
		other.silent()
		pub = connect(t, p.addr, hello{id: "pub"})
		pub.publish2("x", "second", 1, false)
		pub.release(1)
		pub.publish2("x", "third", 1, false)
		if one, two := a.take(), other.take(); one.payload == two.payload || one.payload == "first" || two.payload == "first" {
			t.Errorf("got %+v and %+v", one, two)
		}
	})
}

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

// TestSharedSlowMember has one member that acknowledges nothing: the others get all but
// what it was sent, and it does not keep their messages on the disk.
func TestSharedSlowMember(t *testing.T) {
	b := start(t, Options{Store: t.TempDir(), StoreLimit: 16 << 20})
	slow := joined(t, b, 1, hello{id: "slow", v5: true, keep: true, receiveMaximum: 1})[0]
	others := joined(t, b, 1, hello{id: "b"}, hello{id: "c", keep: true})
	var taken atomic.Int64
	for _, c := range others {
		go func() {
			for {
				p, err := c.readNew(time.Minute)
				if err != nil {
					return
				}
				taken.Add(1)
				_ = c.trySend(ackPacket(packets.Puback, c.parse(p).id))
			}
		}()
	}
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	payload := strings.Repeat("x", 10_000)
	const messages, part = 3000, 100 // more than the store holds
	for range messages / part {
		for range part {
			pub.send(pub.publishPacket("x", payload, 1, false, pub.nextID()))
		}
		for range part {
			pub.expect(packets.Puback)
		}
	}
	wait(t, "the others have the rest", func() bool { return taken.Load() == messages-1 })
	slow.message()
	slow.silent()
	wait(t, "what they acknowledged is no longer stored", func() bool { return b.journal.Stats().Bytes <= 4<<20 && b.Degraded() == "" })
	slow.c.Close()
	wait(t, "they have its message as well", func() bool { return taken.Load() == messages })
}

// TestSharedOverQuota has more wait for a shared subscription than a session may hold:
// it is lost, with a line in the log, and the members' sessions live. With a member
// that publishers wait for nothing is lost.
func TestSharedOverQuota(t *testing.T) {
	for _, guarded := range []bool{false, true} {
		var said safeBuffer
		o := Options{Store: t.TempDir(), StoreLimit: 16 << 20, SessionQuota: 100_000, Log: slog.New(slog.NewTextHandler(&said, nil))}
		if guarded {
			o.Backpressure = []string{"a"}
		}
		b := start(t, o)
		for _, c := range joined(t, b, 1, hello{id: "a", keep: true}, hello{id: "b", keep: true}) {
			c.disconnect()
		}
		pub := connect(t, b.Addr(0), hello{id: "pub"})
		payload := strings.Repeat("x", 1000)
		dropped := func() bool { return strings.Contains(said.String(), "shared subscription over its quota") }
		for range 300 {
			if pub.publish("x", payload, 1, false); !guarded && dropped() {
				break // more could be dropped with the last one
			}
		}
		if !guarded {
			wait(t, "the log says so", dropped)
		}
		pub.publish("x", "last", 1, false)
		c, _, present := tryConnect(t, b.Addr(0), hello{id: "b", keep: true})
		if !present {
			t.Error("the member's session has ended")
		}
		n := 1
		for c.take().payload != "last" {
			n++
		}
		if guarded != (n == 301) {
			t.Errorf("guarded %v: %d messages came", guarded, n)
		}
		c.silent()
		times := len(linesWith(said.String(), "what waited for it is lost"))
		if lost, got := counted(t, b.metrics.sharedLost), counted(t, b.metrics.sharedLosses); lost != toldLost(said.String()) || got != times || (got == 0) != guarded {
			t.Errorf("guarded %v: %d messages are counted as lost, and %d times; the log tells of %d, and %d times", guarded, lost, got, toldLost(said.String()), times)
		}
	}
}

// TestSharedLimits holds the limits, and has nothing left when members end.
func TestSharedLimits(t *testing.T) {
	b := start(t, Options{Limits: Limits{Shared: 2, SharedMembers: 2}})
	a := connect(t, b.Addr(0), hello{id: "a", v5: true, keep: true})
	if codes := fmt.Sprintf("%x", a.subscribe(1, "$share/g/x", "$share/h/x", "$share/i/x")); codes != "010197" {
		t.Errorf("granted %s", codes)
	}
	joined(t, b, 1, hello{id: "b"})
	third := connect(t, b.Addr(0), hello{id: "c"})
	if code := third.subscribe(1, "$share/g/x")[0]; code != 0x80 {
		t.Errorf("granted %#x", code)
	}
	if code := a.subscribe(2, "$share/g/x")[0]; code != 2 {
		t.Errorf("a member's second SUBSCRIBE is granted %#x", code)
	}
	connect(t, b.Addr(0), hello{id: "a"}).disconnect()
	connect(t, b.Addr(0), hello{id: "b"}).disconnect()
	wait(t, "nothing is left", func() bool {
		b.router.mu.RLock()
		defer b.router.mu.RUnlock()
		return len(b.router.shared) == 0 && len(b.router.root.children) == 0
	})
}

// TestSharedUnfit has a member that does not take large packets: another one gets them,
// also later.
func TestSharedUnfit(t *testing.T) {
	b := start(t, Options{})
	big := joined(t, b, 1, hello{id: "big", keep: true})[0]
	big.disconnect()
	small := dial(t, b.Addr(0))
	small.v5 = true
	small.send(raw5(2, "\x27\x00\x00\x00\x40", "small"))
	small.expect(packets.Connack)
	small.subscribe(1, "$share/g/x")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	large := strings.Repeat("x", 100)
	pub.publish("x", large, 1, false)
	pub.publish("x", "small", 1, false)
	if g := small.take(); g.payload != "small" {
		t.Errorf("got %+v", g)
	}
	small.silent()
	big = connect(t, b.Addr(0), hello{id: "big", keep: true})
	if g := big.take(); g.payload != large {
		t.Errorf("got %+v", g)
	}
	big.silent()
}

// TestSharedAbsentMembers has many members that are away, and holds their locks: what
// is sent to the one that is there asks none of them.
func TestSharedAbsentMembers(t *testing.T) {
	b := start(t, Options{Store: t.TempDir()})
	const away = 50
	for i := range away {
		joined(t, b, 1, hello{id: fmt.Sprint("away", i), keep: true})[0].disconnect()
		gone(t, b, fmt.Sprint("away", i))
	}
	c := joined(t, b, 1, hello{id: "here"})[0]
	for i := range away {
		s := b.sessions.current(fmt.Sprint("away", i))
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	for qos := range byte(2) {
		publishAll(t, b, qos, 20)
		for i := range 20 {
			if g := c.take(); g.payload != fmt.Sprint(i) {
				t.Errorf("got %+v, want %d", g, i)
			}
		}
	}
}

// TestSharedFullHolder has a member come back that has room for less than it was sent:
// the other one gets what is published then, and at QoS 1 what that one has no room for.
// What was begun with it at QoS 2 is completed with it, in order.
func TestSharedFullHolder(t *testing.T) {
	for qos := byte(1); qos <= 2; qos++ {
		for _, takeover := range []bool{false, true} {
			t.Run(fmt.Sprintf("QoS %d, takeover %v", qos, takeover), func(t *testing.T) {
				b := start(t, Options{Store: t.TempDir()})
				h := hello{id: "slow", v5: true, keep: true, resume: true, receiveMaximum: 5}
				both := joined(t, b, qos, h, hello{id: "b"})
				slow, other := both[0], both[1]
				publishAll(t, b, qos, 10)
				held := make([]got, 5)
				for i := range held {
					held[i] = slow.message()
					other.take()
				}
				if !takeover {
					slow.c.Close()
					gone(t, b, "slow")
					if qos == 1 {
						for range held {
							other.take()
						}
						held = nil
					}
				}
				h.receiveMaximum = 1
				slow = connect(t, b.Addr(0), h)
				if qos == 2 {
					publishAll(t, b, qos, 10)
					for i := range 10 {
						if g := other.take(); g.payload != fmt.Sprint(i) {
							t.Errorf("the other one got %+v, want %d", g, i)
						}
					}
				} else if takeover {
					// All are given to the other one, in order, until the new connection is
					// there, which then gets one; if it comes late, none is left for it.
					var after []string
					for range len(held) - 1 {
						after = append(after, other.take().payload)
					}
					_, last := takeFrom(t, slow, other)
					after = append(after, last.payload)
					slices.Sort(after)
					for i, want := range held {
						if after[i] != want.payload {
							t.Fatalf("the two got %v, want those of %+v", after, held)
						}
					}
					held = nil
				}
				for _, want := range held {
					if g := slow.take(); g.payload != want.payload || qos == 2 && (g.id != want.id || !g.dup) {
						t.Errorf("got %+v, want %+v", g, want)
					}
				}
				publishAll(t, b, qos, 2)
				slow.take()
				other.take()
				slow.silent()
				other.silent()
				wait(t, "nothing is stored", func() bool { return b.journal.Stats().Batches == 0 })
			})
		}
	}
}

// takeFrom takes the next message of the client that gets one.
func takeFrom(t *testing.T, clients ...*client) (*client, got) {
	t.Helper()
	for began := time.Now(); time.Since(began) < testTimeout; {
		for _, c := range clients {
			if p, err := c.read(50 * time.Millisecond); err == nil && p.kind() == packets.Publish {
				c.pending = slices.Insert(c.pending, 0, p)
				return c, c.take()
			}
		}
	}
	t.Fatal("no client gets a message")
	panic("unreachable")
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

// TestSharedHeldQuota has a member hold messages that are too much together, of a
// subscription with a quota and of one that publishers wait for: what it holds is lost,
// and the others lose nothing.
func TestSharedHeldQuota(t *testing.T) {
	for _, guarded := range []bool{false, true} {
		t.Run(fmt.Sprint("guarded ", guarded), func(t *testing.T) {
			o := Options{Store: t.TempDir(), StoreLimit: 16 << 20, SessionQuota: 1 << 20}
			said := logged(&o)
			if guarded {
				o.Backpressure = []string{"b"}
			}
			b := start(t, o)
			h := hello{id: "slow", v5: true, keep: true, resume: true, receiveMaximum: 100}
			both := joined(t, b, 2, h, hello{id: "b", keep: true})
			slow, other := both[0], both[1]
			pub := connect(t, b.Addr(0), hello{id: "pub"})
			publish := func(n int, payload string) {
				for i := range uint16(n) {
					pub.publish2("x", payload, i+1, false)
					pub.release(i + 1)
				}
			}
			large := strings.Repeat("x", 50_000)
			for range 10 {
				publish(2, large)
				slow.message()
				other.take()
			}
			h.receiveMaximum = 1
			slow = connect(t, b.Addr(0), h)
			slow.message()
			for range 1000 { // beyond what the store holds
				publish(1, large)
				if g := other.take(); len(g.payload) != len(large) {
					t.Fatalf("got %d bytes", len(g.payload))
				}
			}
			if b.Degraded() != "" {
				t.Error(b.Degraded())
			}
			// It has room again when it has released what is lost.
			h.receiveMaximum = 100
			slow = connect(t, b.Addr(0), h)
			publish(4, "new")
			for slow.take().payload != "new" {
			}
			for range 2 {
				other.take()
			}
			told, lost := toldLost(said.String()), counted(t, b.metrics.sharedLost)
			if times := counted(t, b.metrics.sharedLosses); lost == 0 || lost != told || times != 0 {
				t.Errorf("%d messages are counted as lost, and %d times; the log tells of %d", lost, times, told)
			}
		})
	}
}

// toldLost returns how many messages a log says that members held and lost.
func toldLost(log string) (told int) {
	for _, line := range linesWith(log, "what members did not acknowledge is lost") {
		_, after, _ := strings.Cut(line, " lost=")
		n, _ := strconv.Atoi(strings.Fields(after)[0])
		told += n
	}
	return told
}

// tiny connects a member of $share/g/x that takes packets of up to 64 bytes.
func tiny(t *testing.T, b *Broker) *client {
	small := dial(t, b.Addr(0))
	small.v5 = true
	small.send(raw5(2, "\x27\x00\x00\x00\x40", "small"))
	small.expect(packets.Connack)
	small.subscribe(1, "$share/g/x")
	return small
}

// TestSharedKept has more messages wait for a member that is away, or has no room, than
// are kept, all too large for the other one: it gets what fits.
func TestSharedKept(t *testing.T) {
	for _, away := range []bool{true, false} {
		t.Run(fmt.Sprint("away ", away), func(t *testing.T) {
			b := start(t, Options{Store: t.TempDir()})
			h := hello{id: "big", v5: true, keep: true, resume: true, receiveMaximum: 1}
			big := joined(t, b, 1, h)[0]
			small := tiny(t, b)
			large := strings.Repeat("x", 100)
			pub := connect(t, b.Addr(0), hello{id: "pub"})
			pub.publish("x", large, 1, false)
			held := big.message()
			if away {
				big.disconnect()
				gone(t, b, "big")
			}
			const more, part = maxOutOfOrder + 200, 100
			for i := range more / part {
				for j := range part {
					pub.send(pub.publishPacket("x", fmt.Sprint(i*part+j, large), 1, false, pub.nextID()))
				}
				for range part {
					pub.expect(packets.Puback)
				}
			}
			pub.publish("x", "small", 1, false)
			if g := small.take(); g.payload != "small" {
				t.Errorf("got %+v", g)
			}
			first := more - maxOutOfOrder
			if away {
				h.receiveMaximum = 0
				big = connect(t, b.Addr(0), h)
				if g := big.take(); g.payload != large {
					t.Errorf("got %+v", g)
				}
			} else {
				big.ack(held.id)
			}
			for i := first; i < more; i++ {
				if g := big.take(); g.payload != fmt.Sprint(i, large) {
					t.Fatalf("got %+v, want %d", g, i)
				}
			}
			small.silent()
			wait(t, "nothing is stored", func() bool { return b.journal.Stats().Batches == 0 })
			if lost, times := counted(t, b.metrics.sharedLost), counted(t, b.metrics.sharedLosses); lost != first || times != 0 {
				t.Errorf("%d messages are counted as lost, and %d times; %d were", lost, times, first)
			}
		})
	}
}

// counted returns the value of a counter.
func counted(t *testing.T, c prometheus.Counter) int {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(c)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return int(families[0].GetMetric()[0].GetCounter().GetValue())
}

// TestSharedOrderAcrossTakeovers takes a session over while it is sent again what it
// has: each time that begins with the first, and goes on in order [MQTT-4.6.0-1].
func TestSharedOrderAcrossTakeovers(t *testing.T) {
	for qos := byte(1); qos <= 2; qos++ {
		b := start(t, Options{Store: t.TempDir()})
		h := hello{id: "a", v5: true, keep: true, resume: true, receiveMaximum: 400}
		a := joined(t, b, qos, h)[0]
		publishAll(t, b, qos, 200)
		for range 200 {
			a.message()
		}
		for range 100 {
			a = connect(t, b.Addr(0), h)
			for i := range 3 {
				if g := a.message(); g.payload != fmt.Sprint(i) {
					t.Fatalf("QoS %d: got %+v, want %d", qos, g, i)
				}
			}
		}
	}
}
