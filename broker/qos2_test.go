package broker

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"
)

func ackPacket(kind byte, id uint16) []byte {
	head := kind << 4
	if kind == packets.Pubrel {
		head |= 2
	}
	return frame(head, binary.BigEndian.AppendUint16(nil, id))
}

// publish2 sends a message at QoS 2 and waits for its PUBREC.
func (c *client) publish2(topic, payload string, id uint16, again bool) {
	c.t.Helper()
	p := c.publishPacket(topic, payload, 2, false, id)
	if again {
		p[0] |= 8
	}
	c.send(p)
	if got := binary.BigEndian.Uint16(c.expect(packets.Pubrec).body); got != id {
		c.t.Fatalf("PUBREC for %d, want %d", got, id)
	}
}

// release sends a PUBREL and waits for its PUBCOMP.
func (c *client) release(id uint16) {
	c.t.Helper()
	c.send(ackPacket(packets.Pubrel, id))
	if got := binary.BigEndian.Uint16(c.expect(packets.Pubcomp).body); got != id {
		c.t.Fatalf("PUBCOMP for %d, want %d", got, id)
	}
}

// TestReceivedOnceAcrossKills kills the broker between the steps of a message at
// QoS 2. Sent again it is not a second message; once released, its packet ID is
// that of another.
func TestReceivedOnceAcrossKills(t *testing.T) {
	both(t, func(t *testing.T, v5 bool) {
		p := newProcess(t, t.TempDir())
		p.start(t)
		awayAt(t, p.addr, "sub", "x")
		h := hello{id: "pub", keep: true, v5: v5, resume: true}
		c := connect(t, p.addr, h)
		again := func() {
			p.kill()
			p.start(t)
			c = connect(t, p.addr, h)
		}
		c.publish2("x", "first", 7, false)
		again()
		c.publish2("x", "first", 7, true)
		again()
		c.publish2("x", "first", 7, true)
		c.release(7)
		again()
		c.release(7) // its PUBCOMP may have been lost
		c.publish2("x", "second", 7, false)
		again()
		c.publish2("x", "second", 7, true)
		c.release(7)

		sub := connect(t, p.addr, hello{id: "sub", keep: true})
		for _, want := range []string{"first", "second"} {
			if g := sub.take(); g.payload != want {
				t.Errorf("got %+v, want %s", g, want)
			}
		}
		sub.silent()
	})
}

// TestRefusedIsNotReceived has a message at QoS 2 refused by a full store. When it
// comes again it is the first one.
func TestRefusedIsNotReceived(t *testing.T) {
	b := start(t, Options{Store: t.TempDir(), StoreLimit: 4 << 20, Backpressure: []string{"sub"}})
	away(t, b, "sub", "x")
	pub := connect(t, b.Addr(0), hello{id: "fill"})
	payload := string(bytes.Repeat([]byte("x"), 60_000))
	stored := 0
	for {
		pub.send(pub.publishPacket("x", payload, 1, false, 1))
		if p, err := pub.read(testTimeout); err != nil || p.kind() != packets.Puback {
			break
		}
		stored++
	}
	c := connect(t, b.Addr(0), hello{id: "pub", keep: true})
	c.send(c.publishPacket("x", "again", 2, false, 7))
	c.closed()
	sub := connect(t, b.Addr(0), hello{id: "sub", keep: true})
	for range stored {
		sub.take()
	}
	wait(t, "there is room", func() bool { return b.Degraded() == "" })
	c = connect(t, b.Addr(0), hello{id: "pub", keep: true})
	c.publish2("x", "again", 7, true)
	c.release(7)
	if g := sub.take(); g.payload != "again" {
		t.Errorf("got %+v", g)
	}
	sub.silent()
}

// TestUnreleased publishes at QoS 2 and releases nothing. MQTT 5 is told a limit,
// and held to it; MQTT 3.1.1 knows none, and may use every packet ID.
func TestUnreleased(t *testing.T) {
	t.Run("5", func(t *testing.T) {
		b := start(t, Options{})
		c := connect(t, b.Addr(0), hello{id: "pub", v5: true})
		for id := range uint16(receiveMaximum) {
			c.publish2("x", "", id+1, false)
		}
		c.send(c.publishPacket("x", "", 2, false, receiveMaximum+1))
		if p := c.expect(packets.Disconnect); p.body[0] != packets.ErrReceiveMaximum.Code {
			t.Errorf("DISCONNECT %x", p.body)
		}
	})
	t.Run("3.1.1", func(t *testing.T) {
		b := start(t, Options{})
		c := connect(t, b.Addr(0), hello{id: "pub", keep: true})
		const n = 3000
		for id := range uint16(n) {
			c.send(c.publishPacket("x", "", 2, false, id+1))
		}
		for range n {
			c.expect(packets.Pubrec)
		}
		for id := range uint16(n) {
			c.release(id + 1)
		}
		if n := b.shared.budget.unreleased.Load(); n != 0 {
			t.Errorf("%d are unreleased", n)
		}
	})
	t.Run("limit of all", func(t *testing.T) {
		b := start(t, Options{})
		b.shared.budget.unreleased.Store(maxUnreleased)
		c := connect(t, b.Addr(0), hello{id: "pub", v5: true})
		c.send(c.publishPacket("x", "", 2, false, 1))
		if p := c.expect(packets.Pubrec); p.body[2] != packets.ErrQuotaExceeded.Code {
			t.Errorf("PUBREC %x", p.body)
		}
		old := connect(t, b.Addr(0), hello{id: "old"})
		old.send(old.publishPacket("x", "", 2, false, 1))
		old.closed()
	})
}

// TestUnreleasedIsSmall has many clients leave packet IDs unreleased, and go.
func TestUnreleasedIsSmall(t *testing.T) {
	b := start(t, Options{})
	before := heap()
	const clients, ids = 20, 1000
	for i := range clients {
		c := connect(t, b.Addr(0), hello{id: fmt.Sprint("pub", i), keep: true})
		neverRelease(c, ids)
		c.disconnect()
	}
	if grown := (heap() - before) / (clients * ids); grown > 200 {
		t.Errorf("%d bytes for each packet ID", grown)
	}
	for i := range clients {
		connect(t, b.Addr(0), hello{id: fmt.Sprint("pub", i)}).disconnect()
	}
	wait(t, "the sessions end", func() bool { return b.sessions.len() == 0 })
	if n := b.shared.budget.unreleased.Load(); n != 0 {
		t.Errorf("%d are unreleased by sessions that have ended", n)
	}
}

// TestSentOnceAcrossKills kills the broker between the steps of messages that it
// sends at QoS 2. A client that keeps packet IDs as the standard says has each
// message once.
func TestSentOnceAcrossKills(t *testing.T) {
	both(t, func(t *testing.T, v5 bool) {
		p := newProcess(t, t.TempDir())
		p.start(t)
		h := hello{id: "sub", keep: true, v5: v5, resume: true}
		sub := connect(t, p.addr, h)
		if code := sub.subscribe(2, "x")[0]; code != 2 {
			t.Fatalf("granted %d", code)
		}
		publish := func(payloads ...string) {
			pub := connect(t, p.addr, hello{id: "pub"})
			for i, payload := range payloads {
				pub.publish2("x", payload, uint16(i+1), false)
				pub.release(uint16(i + 1))
			}
		}
		again := func() {
			p.kill()
			p.start(t)
			sub = connect(t, p.addr, h)
		}
		publish("1", "2", "3")
		var ids []uint16
		for _, want := range []string{"1", "2", "3"} {
			g := sub.message()
			if g.payload != want || g.qos != 2 || g.dup {
				t.Fatalf("got %+v, want %s", g, want)
			}
			ids = append(ids, g.id)
		}
		again() // the client has them all, and has said nothing
		for i, want := range []string{"1", "2", "3"} {
			if g := sub.message(); g.payload != want || g.id != ids[i] || !g.dup {
				t.Fatalf("got %+v, want %s again with packet ID %d", g, want, ids[i])
			}
		}
		sub.send(ackPacket(packets.Pubrec, ids[1])) // 2, before 1
		if id := binary.BigEndian.Uint16(sub.expect(packets.Pubrel).body); id != ids[1] {
			t.Fatalf("PUBREL for %d", id)
		}
		again() // the PUBREL may have been lost
		if id := binary.BigEndian.Uint16(sub.expect(packets.Pubrel).body); id != ids[1] {
			t.Fatalf("PUBREL for %d", id)
		}
		sub.send(ackPacket(packets.Pubcomp, ids[1]))
		if g := sub.take(); g.payload != "1" || g.id != ids[0] {
			t.Fatalf("got %+v", g)
		}
		g := sub.message()
		if g.payload != "3" || g.id != ids[2] {
			t.Fatalf("got %+v", g)
		}
		publish("4")
		if g := sub.take(); g.payload != "4" || g.dup || g.id == ids[2] {
			t.Fatalf("got %+v", g)
		}
		again()
		if g := sub.take(); g.payload != "3" || g.id != ids[2] {
			t.Fatalf("got %+v", g)
		}
		sub.silent()
	})
}

// declinePacket acknowledges a message with the code of an error.
func declinePacket(kind byte, id uint16) []byte {
	return frame(kind<<4, append(binary.BigEndian.AppendUint16(nil, id), packets.ErrQuotaExceeded.Code))
}

// TestDeclinedIsDone has a client decline a message while an earlier one is open, and
// kills the broker as soon as something later is on disk: the message is done (5:
// 4.3.3). No other member of a shared subscription gets it either [MQTT-4.8.2-6].
func TestDeclinedIsDone(t *testing.T) {
	for _, k := range []struct {
		name, topicFilter string
		qos               byte
		keep              bool // the session of the one that declines outlives its connection
	}{
		{"QoS 2", "x", 2, true},
		{"shared, QoS 1", shareOfX, 1, true},
		{"shared, QoS 2", shareOfX, 2, true},
		{"shared, QoS 1, session that ends", shareOfX, 1, false},
		{"shared, QoS 2, session that ends", shareOfX, 2, false},
	} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			p := newProcess(t, t.TempDir())
			p.start(t)
			other := hello{id: "other", v5: true, keep: true, resume: true}
			shared := k.topicFilter != "x"
			if shared {
				connect(t, p.addr, other).subscribe(k.qos, k.topicFilter)
				p.kill() // it is surely away
				p.start(t)
			}
			h := hello{id: "sub", v5: true, keep: k.keep, resume: k.keep}
			sub := connect(t, p.addr, h)
			sub.subscribe(k.qos, k.topicFilter)
			pub := connect(t, p.addr, hello{id: "pub"})
			publish := func(payload string, id uint16) {
				pub.publish2("x", payload, id, false)
				pub.release(id)
			}
			publish("open", 1)
			publish("declined", 2)
			if g := sub.message(); g.payload != "open" || g.qos != k.qos {
				t.Fatalf("got %+v", g)
			}
			g := sub.message()
			sub.send(declinePacket(map[byte]byte{1: packets.Puback, 2: packets.Pubrec}[k.qos], g.id))
			sub.silent()
			pub.publish("y", "", 1, true) // its PUBACK waits for the disk
			p.kill()
			p.start(t)
			clients := []*client{connect(t, p.addr, h)}
			if !k.keep {
				clients = nil
			}
			if shared {
				clients = append(clients, connect(t, p.addr, other))
			}
			pub = connect(t, p.addr, hello{id: "pub"})
			publish("last", 1)
			for g.payload != "last" {
				if _, g = takeFrom(t, clients...); g.payload == "declined" {
					t.Fatalf("got %+v", g)
				}
			}
		})
	}
}

// TestOutOfOrderIsDone has a client complete a message at QoS 2 while an earlier
// one is open, and come back: only the earlier one comes again.
func TestOutOfOrderIsDone(t *testing.T) {
	b := start(t, Options{})
	sub := connect(t, b.Addr(0), hello{id: "sub", keep: true})
	sub.subscribe(2, "x")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	for id := range uint16(3) {
		pub.publish2("x", fmt.Sprint(id), id+1, false)
		pub.release(id + 1)
	}
	first := sub.message()
	sub.take()
	sub.take()
	for range 3 {
		sub.silent()
		sub.c.Close()
		sub = connect(t, b.Addr(0), hello{id: "sub", keep: true})
		if g := sub.message(); g.payload != "0" || g.id != first.id || !g.dup {
			t.Fatalf("got %+v", g)
		}
	}
	sub.silent()
}

// TestReceiveMaximumAtQoS2 holds the broker to what a client of MQTT 5 accepts,
// until the PUBCOMP.
func TestReceiveMaximumAtQoS2(t *testing.T) {
	for _, keep := range []bool{false, true} {
		b := start(t, Options{})
		sub := connect(t, b.Addr(0), hello{id: "sub", v5: true, keep: keep, receiveMaximum: 2})
		sub.subscribe(2, "x")
		pub := connect(t, b.Addr(0), hello{id: "pub"})
		for id := range uint16(4) {
			pub.publish2("x", fmt.Sprint(id), id+1, false)
			pub.release(id + 1)
		}
		first := sub.message()
		sub.message()
		sub.silent()
		sub.send(ackPacket(packets.Pubrec, first.id))
		sub.expect(packets.Pubrel)
		sub.silent()
		sub.send(ackPacket(packets.Pubcomp, first.id))
		if g := sub.message(); g.payload != "2" {
			t.Errorf("got %+v", g)
		}
		sub.silent()
	}
}

// TestWrongAcknowledgement acknowledges a message at QoS 2 as if it were at
// QoS 1, or completes it before it was acknowledged.
func TestWrongAcknowledgement(t *testing.T) {
	for _, kind := range []byte{packets.Puback, packets.Pubcomp} {
		b := start(t, Options{})
		sub := connect(t, b.Addr(0), hello{id: "sub", v5: true})
		sub.subscribe(2, "x")
		pub := connect(t, b.Addr(0), hello{id: "pub"})
		pub.publish2("x", "", 1, false)
		sub.send(ackPacket(kind, sub.message().id))
		if p := sub.expect(packets.Disconnect); p.body[0] != packets.ErrProtocolViolation.Code {
			t.Errorf("DISCONNECT %x", p.body)
		}
	}
}

// TestAgainInTheSameOrder sends a client messages at QoS 1 and 2 by turns. Those at QoS 2
// wait for the disk first; none that follows overtakes them, and over the next connection
// all come again in the order in which they came [MQTT-4.6.0-1].
func TestAgainInTheSameOrder(t *testing.T) {
	b := start(t, Options{Store: t.TempDir()})
	c := connect(t, b.Addr(0), hello{id: "sub", keep: true})
	c.subscribe(2, "x")
	c.c.Close()
	gone(t, b, "sub")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	for n := range 20 {
		id := uint16(n + 1)
		if n%2 == 1 {
			pub.publish("x", strconv.Itoa(n), 1, false)
			continue
		}
		pub.publish2("x", strconv.Itoa(n), id, false)
		pub.send(ackPacket(packets.Pubrel, id))
		pub.expect(packets.Pubcomp)
	}
	for again := range 3 {
		c = connect(t, b.Addr(0), hello{id: "sub", keep: true})
		for n := range 20 {
			if g := c.message(); g.payload != strconv.Itoa(n) || g.dup != (again > 0) || g.qos != byte(2-n%2) {
				t.Fatalf("connection %d: got %+v, want %d", again, g, n)
			}
		}
		c.c.Close()
		gone(t, b, "sub")
	}
}
