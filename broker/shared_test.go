package broker

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"

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
