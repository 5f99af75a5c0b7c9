package broker

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// fillRetained retains n messages of size bytes below r/.
func fillRetained(t testing.TB, b *Broker, n, size int) {
	t.Helper()
	pub := connect(t, b.Addr(0), hello{id: "fill"})
	payload := strings.Repeat("x", size)
	for i := range n {
		pub.publish(fmt.Sprintf("r/%d/state", i), payload+strconv.Itoa(i), 1, true)
	}
	if got := b.retained.Len(); got != n {
		t.Fatalf("%d messages are retained, want %d", got, n)
	}
}

// TestRetainedReachAnyReader has as much retained as a broker takes. Readers of
// each kind get all of it, each once, slow ones too, while none holds more than
// its share of memory.
func TestRetainedReachAnyReader(t *testing.T) {
	b := start(t, Options{})
	const n, size = 320, 100 << 10 // 31.3 MiB
	fillRetained(t, b, n, size)
	for name, c := range map[string]struct {
		qos   byte
		hello hello
		slow  time.Duration
	}{
		"QoS 0":              {0, hello{id: "a"}, 0},
		"QoS 1":              {1, hello{id: "b"}, 0},
		"QoS 1, stored":      {1, hello{id: "c", keep: true}, 0},
		"QoS 1, one by one":  {1, hello{id: "d", v5: true, receiveMaximum: 1}, 0},
		"QoS 0, reads later": {0, hello{id: "e"}, 2 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			sub := connect(t, b.Addr(0), c.hello)
			sub.subscribe(c.qos, "r/+/state")
			seen := map[string]bool{}
			for range n {
				time.Sleep(c.slow)
				g := sub.take()
				if seen[g.topic] || !g.retain || !strings.HasPrefix(g.payload, "xxx") {
					t.Fatalf("got %s again, or not as it was retained (%v)", g.topic, g.retain)
				}
				seen[g.topic] = true
				if held := b.shared.budget.used.Load(); held > 4*feedLimit {
					t.Fatalf("%d bytes are held", held)
				}
			}
			sub.silent()
		})
	}
}

// TestRetainedAfterReconnect cuts a session off amid its retained messages. It
// gets the others when it comes back, without another SUBSCRIBE.
func TestRetainedAfterReconnect(t *testing.T) {
	b := start(t, Options{})
	const n = 300
	fillRetained(t, b, n, 10_000)
	sub := connect(t, b.Addr(0), hello{id: "sub", keep: true, v5: true, receiveMaximum: 10})
	sub.subscribe(1, "r/#")
	seen := map[string]bool{}
	for range n / 3 {
		seen[sub.take().topic] = true
	}
	sub.c.Close()
	gone(t, b, "sub")
	sub = connect(t, b.Addr(0), hello{id: "sub", keep: true, v5: true, resume: true})
	for len(seen) < n {
		seen[sub.take().topic] = true
	}
}

// TestRetainedIsNotOlder publishes on topics whose retained messages are on their
// way to a client: what it gets last of each topic is the newest.
func TestRetainedIsNotOlder(t *testing.T) {
	b := start(t, Options{})
	const n = 200
	fillRetained(t, b, n, 10_000)
	sub := connect(t, b.Addr(0), hello{id: "sub"})
	sub.send(sub.subscribePacket(1, 0, "r/#"))
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	for i := n - 1; i >= 0; i-- {
		pub.publish(fmt.Sprintf("r/%d/state", i), "new", 1, true)
	}
	last := map[string]string{}
	for got := 0; got < n; { // live or retained, each topic's new one comes
		g := sub.message()
		if g.payload == "new" && last[g.topic] != "new" {
			got++
		}
		if last[g.topic] == "new" && g.payload != "new" {
			t.Fatalf("%s: an older message came after a newer one", g.topic)
		}
		last[g.topic] = g.payload
	}
}

// TestRetainedOfUnsubscribed takes a subscription back while its messages are on
// their way.
func TestRetainedOfUnsubscribed(t *testing.T) {
	b := start(t, Options{})
	fillRetained(t, b, 300, 10_000)
	sub := connect(t, b.Addr(0), hello{id: "sub", v5: true, receiveMaximum: 5})
	sub.subscribe(1, "r/#")
	sub.message()
	s := b.sessions.current("sub")
	if !s.unsubscribe(&b.router, "r/#") {
		t.Fatal("there was no subscription")
	}
	wait(t, "the feed has ended", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.wakeFeeder()
		return s.retained == nil
	})
	_, _ = io.WriteString(sub.c, "\xc0\x00")
}

// TestStaleIsNotRetained publishes a newer value that does not fit: the older one is
// served no more, also after a restart, and the publisher is told.
func TestStaleIsNotRetained(t *testing.T) {
	both(t, func(t *testing.T, v5 bool) {
		for _, qos := range []byte{0, 1, 2} {
			o := Options{Store: t.TempDir(), Limits: Limits{RetainedBytes: 1000}}
			b, stop := startStop(t, o)
			pub := connect(t, b.Addr(0), hello{id: "pub", v5: v5, keep: true})
			pub.publish("state", "off", 1, true)
			big := strings.Repeat("x", 2000)
			for range 2 { // at QoS 2 with the same packet ID, which is free again
				id := uint16(7)
				pub.send(pub.publishPacket("state", big, qos, true, id))
				if qos > 0 {
					kind := map[byte]byte{1: packets.Puback, 2: packets.Pubrec}[qos]
					got := pub.expect(kind)
					if refused := len(got.body) > 2 && got.body[2] == packets.ErrQuotaExceeded.Code; refused != v5 {
						t.Errorf("QoS %d: the acknowledgement is %x", qos, got.body)
					}
					if qos == 2 && !v5 {
						pub.send(frame(packets.Pubrel<<4|2, []byte{0, byte(id)}))
						pub.expect(packets.Pubcomp)
					}
				}
				pub.send([]byte{packets.Pingreq << 4, 0})
				pub.expect(packets.Pingresp)
			}
			if m := b.retained.Get("state"); m != nil {
				t.Errorf("QoS %d: %.10q is retained", qos, m.Payload)
			}
			if n := b.retained.Len(); n != 0 {
				t.Errorf("%d messages are retained", n)
			}
			stop()
			b, stop = startStop(t, o)
			sub := connect(t, b.Addr(0), hello{id: "sub"})
			sub.subscribe(1, "state")
			sub.silent()
			stop()
		}
	})
}

// TestRetainedOfTheStoreStay starts a broker with limits below what its store holds:
// all of that is there, and can be replaced and deleted; what is new is refused, and
// the log says so. With limits as before nothing is missing.
func TestRetainedOfTheStoreStay(t *testing.T) {
	for name, limits := range map[string]Limits{"messages": {Retained: 5}, "bytes": {RetainedBytes: 50}, "enough": {Retained: 12, RetainedBytes: 5000}} {
		t.Run(name, func(t *testing.T) {
			o := Options{Store: t.TempDir()}
			said := logged(&o)
			b, stop := startStop(t, o)
			fillRetained(t, b, 10, 10)
			if strings.Contains(said.String(), "retained messages") {
				t.Error("it is told that the store is full")
			}
			stop()
			o.Limits = limits
			b, stop = startStop(t, o)
			if n := b.retained.Len(); n != 10 {
				t.Errorf("%d of 10 messages are retained", n)
			}
			pub := connect(t, b.Addr(0), hello{id: "pub", v5: true})
			pub.publish("r/3/state", "replaced", 1, true)
			pub.publish("r/4/state", "", 1, true)
			if name != "enough" {
				if warned := len(linesWith(said.String(), "these stay, others are refused", "messages=10")); warned != 1 {
					t.Errorf("%d lines say that the store is full", warned)
				}
				pub.send(pub.publishPacket("r/new", "x", 1, true, 9))
				if got := pub.expect(packets.Puback); len(got.body) < 3 || got.body[2] != packets.ErrQuotaExceeded.Code {
					t.Errorf("a new one is acknowledged with %x", got.body)
				}
			}
			stop()
			o.Limits = Limits{}
			b, stop = startStop(t, o)
			defer stop()
			for i := range 10 {
				m := b.retained.Get(fmt.Sprintf("r/%d/state", i))
				if (m == nil) != (i == 4) || i == 3 && string(m.Payload) != "replaced" {
					t.Errorf("r/%d/state has %+v", i, m)
				}
			}
			if b.retained.Get("r/new") != nil {
				t.Error("what was refused is retained")
			}
		})
	}
}
