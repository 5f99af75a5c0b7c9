package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// These are the controls of attacks that tests of their own hold off: each does what
// its attack does, as a client does that keeps to the protocol and the limits.

// resumes has a session that lasts be resumed again and again.
func (a *arena) resumes() {
	pub := a.connect(a.open, hello{id: "pub"})
	a.connect(a.open, hello{id: "r", v5: true, keep: true}).subscribe(1, "x")
	for n := range 3 {
		c, code, present := tryConnect(a.t, a.b.Addr(a.open), hello{id: "r", v5: true, keep: true, resume: true})
		if code != 0 || !present {
			a.t.Fatalf("code %#x, session present %v", code, present)
		}
		pub.publish("x", fmt.Sprint(n), 1, false)
		if g := c.take(); g.payload != fmt.Sprint(n) {
			a.t.Errorf("got %+v", g)
		}
		c.disconnect()
	}
}

// delayedWill has the delayed will of a client that stays away be published.
func (a *arena) delayedWill() {
	spy := a.connect(a.open, hello{id: "spy"})
	spy.subscribe(0, "#")
	a.connect(a.open, hello{id: "c", v5: true, keep: true, willTopic: "will", willDelay: 1}).c.Close()
	if g := spy.message(); g.topic != "will" || g.payload != "will of c" {
		a.t.Errorf("got %+v", g)
	}
}

// pings has a client send a packet in time, again and again, for longer than one may
// be silent.
func (a *arena) pings() {
	c := a.connect(a.open, hello{id: "k", keepalive: 4})
	for began := time.Now(); time.Since(began) < 7*time.Second; time.Sleep(200 * time.Millisecond) {
		c.silent()
	}
}

// plainTopics has the wildcards that match no topic with $ match the others.
func (a *arena) plainTopics() {
	c := a.connect(a.open, hello{id: "c"})
	c.subscribe(0, "#")
	for _, topic := range []string{"aws/things/pump", "SYS/x", "a/$b"} {
		c.publish(topic, "x", 1, false)
		if g := c.message(); g.topic != topic {
			a.t.Errorf("got %+v, want %s", g, topic)
		}
	}
}

// validConnects has a client of each version be let in.
func (a *arena) validConnects() {
	old := append(str(nil, "MQIsdp"), 3, 2, 0, 60)
	for version, packet := range map[string][]byte{
		"3.1":   frame(packets.Connect<<4, str(old, "c3")),
		"3.1.1": hello{id: "c4"}.packet(),
		"5":     hello{id: "c5", v5: true}.packet(),
	} {
		c := dial(a.t, a.b.Addr(a.open))
		c.send(packet)
		if p := c.expect(packets.Connack); p.body[1] != 0 {
			a.t.Errorf("MQTT %s is answered with %#x", version, p.body[1])
		}
	}
}

// manyFilters has a session use all the topic filters that it may have, before and
// after its client was away.
func (a *arena) manyFilters() {
	pub := a.connect(a.open, hello{id: "pub"})
	for range 2 {
		c := a.connect(a.open, hello{id: "c", keep: true})
		var all []string
		for f := range maxTopicFilters {
			all = append(all, fmt.Sprintf("%d/%s", f, strings.Repeat("level-of-a-topic/", 13)))
		}
		c.subscribe(1, all...)
		for _, topic := range all {
			pub.publish(topic, "x", 1, false)
			if g := c.take(); g.topic != topic {
				a.t.Fatalf("got %+v, want %s", g, topic)
			}
		}
		c.disconnect()
	}
}

// releases has a client release each message, so that it may send any number.
func (a *arena) releases() {
	spy := a.connect(a.open, hello{id: "spy"})
	spy.subscribe(0, "x")
	c := a.connect(a.open, hello{id: "pub", keep: true, v5: true})
	for n := range 2 * receiveMaximum {
		id := uint16(n%receiveMaximum + 1)
		c.publish2("x", fmt.Sprint(n), id, false)
		c.release(id)
		if g := spy.message(); g.payload != fmt.Sprint(n) {
			a.t.Fatalf("got %+v, want %d", g, n)
		}
	}
	if n := a.b.shared.budget.unreleased.Load(); n != 0 {
		a.t.Errorf("%d are unreleased", n)
	}
}

// leaves has messages wait for clients that are away, within their quota.
func (a *arena) leaves(clients int) {
	for n := range clients {
		away(a.t, a.b, fmt.Sprint("away", n), "x")
	}
	pub := a.connect(a.open, hello{id: "pub"})
	for n := range 20 {
		pub.publish("x", strings.Repeat("x", 10_000)+fmt.Sprint(n), 1, false)
	}
	for n := range clients {
		c, code, present := tryConnect(a.t, a.b.Addr(a.open), hello{id: fmt.Sprint("away", n), keep: true})
		if code != 0 || !present {
			a.t.Fatalf("code %#x, session present %v", code, present)
		}
		for n := range 20 {
			if g := c.take(); !strings.HasSuffix(g.payload, "x"+fmt.Sprint(n)) {
				a.t.Fatalf("got %d bytes, not message %d", len(g.payload), n)
			}
		}
	}
}

// busy has a session that is there take what it is sent, without one that is away.
func (a *arena) busy() {
	c := a.connect(a.open, hello{id: "busy", keep: true})
	c.subscribe(1, "busy")
	pub := a.connect(a.open, hello{id: "pub"})
	for range 500 {
		pub.publish("busy", strings.Repeat("x", 1000), 1, false)
		c.take()
	}
	wait(a.t, "nothing is stored", func() bool { return a.b.journal.Stats().Bytes == 0 })
}

// readsRetained has a reader get a few retained messages, and no others.
func (a *arena) readsRetained() {
	fillRetained(a.t, a.b, 20, 1000)
	c := a.connect(a.open, hello{id: "c"})
	c.subscribe(1, "r/+/state")
	seen := map[string]bool{}
	for range 20 {
		g := c.take()
		seen[g.topic] = g.retain
	}
	c.silent()
	if len(seen) != 20 {
		a.t.Errorf("got %d of 20", len(seen))
	}
}

// subscribesOn has a client subscribe as the one does that panics, without a panic.
func (a *arena) subscribesOn() {
	c := a.connect(a.open, hello{id: "odd"})
	if code := c.subscribe(0, "x")[0]; code != 0 {
		a.t.Errorf("answered with %#x", code)
	}
	c.publish("x", "x", 1, false)
	if g := c.message(); g.payload != "x" {
		a.t.Errorf("got %+v", g)
	}
}

// TestEndedSessionsLeaveNothing has many sessions with many long topic filters
// come and end. Nothing of them is in the broker's tables; TestHeapAfterEndedSessions
// says so of its memory.
func TestEndedSessionsLeaveNothing(t *testing.T) {
	b := start(t, Options{})
	for i := range 50 {
		h := hello{id: fmt.Sprint("c", i), keep: true}
		c := connect(t, b.Addr(0), h)
		var filters []string
		for f := range maxTopicFilters {
			filters = append(filters, fmt.Sprintf("%s/%d/%s", h.id, f, strings.Repeat("level-of-a-topic/", 13)))
		}
		if codes := c.subscribe(1, filters...); codes[0] != 1 {
			t.Fatalf("granted %#x", codes)
		}
		c.disconnect()
		h.keep = false // ends what the first left
		connect(t, b.Addr(0), h).disconnect()
	}
	wait(t, "the sessions end", func() bool { return b.sessions.len() == 0 })
	b.router.mu.RLock()
	defer b.router.mu.RUnlock()
	if n := len(b.router.root.children); n > 0 {
		t.Errorf("%d levels of topic filters are left", n)
	}
}
