package broker

import (
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

func TestWill(t *testing.T) {
	both(t, func(t *testing.T, v5 bool) {
		b := start(t, Options{})
		spy := connect(t, b.Addr(0), hello{id: "spy"})
		spy.subscribe(1, "w")
		h := hello{id: "mortal", willTopic: "w", willQoS: 1, willRetain: true, v5: v5}
		connect(t, b.Addr(0), h).disconnect()
		spy.silent() // it sent DISCONNECT
		connect(t, b.Addr(0), h).c.Close()
		if g := spy.take(); g.payload != "will of mortal" {
			t.Errorf("got %+v", g)
		}
		late := connect(t, b.Addr(0), hello{id: "late"})
		late.subscribe(1, "w")
		if g := late.take(); !g.retain {
			t.Errorf("got %+v, want what was retained", g)
		}
	})
}

// The will of a connection that is taken over comes before anything that the
// newcomer says: else "lost" would overtake "here".
func TestWillBeforeNewcomer(t *testing.T) {
	b := start(t, Options{})
	spy := connect(t, b.Addr(0), hello{id: "spy"})
	spy.subscribe(1, "w")
	h := hello{id: "mortal", willTopic: "w", willQoS: 1}
	old := connect(t, b.Addr(0), h)
	for range 20 {
		next := connect(t, b.Addr(0), h)
		next.publish("w", "here", 1, false)
		if g := spy.take(); g.payload != "will of mortal" {
			t.Fatalf("got %q first", g.payload)
		}
		if g := spy.take(); g.payload != "here" {
			t.Fatalf("got %q second", g.payload)
		}
		old.closed()
		old = next
	}
}

// MQTT 5: within its delay a client may come back, and its will is forgotten.
func TestWillDelay(t *testing.T) {
	b := start(t, Options{})
	spy := connect(t, b.Addr(0), hello{id: "spy"})
	spy.subscribe(1, "w")
	leave := func(id string, delay byte) {
		c := dial(t, b.Addr(0))
		c.v5 = true
		body := append(str(nil, "MQTT"), 5, 2|4, 0, 60)
		body = append(body, 5, 0x11, 0, 0, 0, 100) // the session stays for 100 s
		body = str(body, id)
		body = append(body, 5, 0x18, 0, 0, 0, delay)
		body = str(str(body, "w"), "will of "+id)
		c.send(frame(packets.Connect<<4, body))
		c.expect(packets.Connack)
		c.c.Close()
	}
	leave("back", 100)
	wait(t, "the will waits", func() bool {
		s := b.sessions.current("back")
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.will != nil
	})
	connect(t, b.Addr(0), hello{id: "back", v5: true, resume: true, keep: true})
	if s := b.sessions.current("back"); s.takeWill() != nil {
		t.Error("the will of a client that is back still waits")
	}
	began := time.Now()
	leave("gone", 1)
	if g := spy.take(); g.payload != "will of gone" || time.Since(began) < time.Second {
		t.Errorf("got %+v after %v", g, time.Since(began))
	}
}
