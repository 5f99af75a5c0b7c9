package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// TestHalfOpen has more connections say nothing than may: the oldest are closed, and a
// client that sends its CONNECT is let in. When it is, it counts no more.
func TestHalfOpen(t *testing.T) {
	for listener, says := range []string{"", "GET / HTTP/1.1\r\nHost: x\r\n"} {
		t.Run([]string{"MQTT", "WebSocket"}[listener], func(t *testing.T) {
			b := start(t, Options{
				Listeners: []Listener{{Net: listenLoopback(t), Open: true}, {Net: listenLoopback(t), Open: true, WebSocket: true}},
				Limits:    Limits{Connections: 20, HalfOpen: 4, Connect: time.Hour},
			})
			good := connect(t, b.Addr(0), hello{id: "good"})
			var silent []*client
			for range 12 { // the kernel has the broker accept them in this order
				silent = append(silent, dial(t, b.Addr(listener)))
				silent[len(silent)-1].send([]byte(says))
			}
			for _, c := range silent[:8] {
				c.closed()
			}
			connect(t, b.Addr(0), hello{id: "late"}).disconnect()
			silent[8].closed() // it made room
			if n := b.halfOpen.len(); n != 3 {
				t.Errorf("%d are half open, want 3", n)
			}
			good.silent()
			silent[11].c.Close()
			wait(t, "the one that left", func() bool { return b.halfOpen.len() == 2 })
		})
	}
}

// TestPacketTimeout has a client stop in the middle of a packet. It is disconnected, and
// one that sends nothing is not.
func TestPacketTimeout(t *testing.T) {
	both(t, func(t *testing.T, v5 bool) {
		b := start(t, Options{Limits: Limits{Packet: 300 * time.Millisecond}})
		idle := connect(t, b.Addr(0), hello{id: "idle", v5: v5})
		half := connect(t, b.Addr(0), hello{id: "half", v5: v5})
		packet := half.publishPacket("x", strings.Repeat("x", 100_000), 0, false, 0)
		half.send(packet)
		half.silent() // it has come in time
		half.send(packet[:50_000])
		half.closed()
		idle.silent()
	})
}

// TestTopicLimits has topics and topic filters be of the most levels and bytes, and of one
// more.
func TestTopicLimits(t *testing.T) {
	b := start(t, Options{Limits: Limits{TopicLevels: 3, TopicBytes: 20}})
	for i, k := range []struct {
		topic string
		ok    bool
	}{
		{"a/b/c", true}, {"a/b/c/d", false}, {strings.Repeat("x", 20), true}, {strings.Repeat("x", 21), false},
	} {
		c := connect(t, b.Addr(0), hello{id: fmt.Sprint("c", i), v5: true})
		if code := c.subscribe(1, k.topic)[0]; (code == 1) != k.ok {
			t.Errorf("SUBACK of %q: %#x", k.topic, code)
		}
		c.send(c.publishPacket(k.topic, "x", 1, false, c.nextID()))
		if k.ok {
			c.expect(packets.Puback)
		} else {
			c.closed()
		}
	}
}

// TestWaitingBytes has two clients hold what may wait for one and for all.
func TestWaitingBytes(t *testing.T) {
	b := start(t, Options{Limits: Limits{ClientBytes: 2000, WaitingBytes: 3000}})
	of := func(id string) *conn {
		connect(t, b.Addr(0), hello{id: id})
		return connOf(t, b, id)
	}
	first, second, third := of("1"), of("2"), of("3")
	budget := &b.shared.budget
	if budget.take(third, 2001) || !third.isClosed() { // all may
		t.Error("one may hold more than a client")
	}
	if !budget.take(first, 1500) || !budget.take(second, 1000) {
		t.Fatal("there is no room")
	}
	if budget.take(second, 900) || !second.isClosed() || first.isClosed() {
		t.Error("of two that hold more than all may, it is not the larger one that is closed")
	}
	for _, c := range []*conn{first, second, third} { // what was never sent
		budget.give(c, int(c.pendingBytes.Load()))
	}
}

// TestRefusalNamesWhatHasTheShare has the reason of each kind of identity.
func TestRefusalNamesWhatHasTheShare(t *testing.T) {
	for identity, want := range map[string]string{
		"bob": `the user "bob" has`, "hellox://local/client/press": `the client certificate "hellox://local/client/press" has`,
		"pod:hellox/client": `the pod or ServiceAccount "pod:hellox/client" has`,
	} {
		if got := beyondShare(identity, "sessions", 8); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", identity, got)
		}
	}
}
