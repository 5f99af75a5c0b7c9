package broker

import (
	"net"
	"strings"
	"testing"
	"time"
)

// slowReader connects a client whose socket takes little, so that what waits for
// it soon waits in the broker.
func slowReader(t testing.TB, b *Broker, h hello) *client {
	t.Helper()
	c := connect(t, b.Addr(0), h)
	if err := c.c.(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestSlowButHonestReader has a client read its backlog steadily, but so slowly
// that a chunk of it takes several times as long as one that takes nothing may
// stay. It stays, and one that takes nothing does not.
func TestSlowButHonestReader(t *testing.T) {
	b := start(t, Options{})
	b.shared.stall = 3 * time.Second // a busy machine stops this test for a while, too
	away(t, b, "slow", "x")
	away(t, b, "idle", "x")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	payload := strings.Repeat("x", 200<<10)
	for range 60 { // more than the kernel's buffers take
		pub.publish("x", payload, 1, false)
	}
	idle := slowReader(t, b, hello{id: "idle", keep: true})
	slow := slowReader(t, b, hello{id: "slow", keep: true})
	buffer := make([]byte, 10<<10)
	for began := time.Now(); time.Since(began) < 4*b.shared.stall; time.Sleep(50 * time.Millisecond) {
		_ = slow.c.SetReadDeadline(time.Now().Add(testTimeout))
		if _, err := slow.c.Read(buffer); err != nil {
			t.Fatalf("it is disconnected after %v: %v", time.Since(began), err)
		}
	}
	gone(t, b, "idle")
	connOf(t, b, "slow") // stays
	_ = idle
}

// TestTotalBudget has many clients read nothing while each is sent less than one
// may hold. Whenever nothing is being sent, those that are not closed hold no more
// than all may, and soon nothing else is counted either. Those that read lose nothing.
func TestTotalBudget(t *testing.T) {
	b := start(t, Options{})
	const readers = 24
	for n := range readers {
		c := slowReader(t, b, hello{id: "idle" + string(rune('a'+n))})
		c.subscribe(0, "x")
	}
	good := connect(t, b.Addr(0), hello{id: "good"})
	good.subscribe(0, "x")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	payload := strings.Repeat("x", 250<<10)
	most, closed := int64(0), 0
	for range 60 {
		pub.publish("x", payload, 0, false)
		if g := good.message(); g.payload != payload {
			t.Fatal("the good one got another message")
		}
		pub.publish("y", "", 1, false) // acknowledged when the first one is with all
		var held int64
		closed = readers + 2
		for _, c := range b.connections() {
			if n := c.pendingBytes.Load(); !c.isClosed() {
				held += n
				closed--
			}
		}
		most = max(most, held)
		if held > totalBudget {
			t.Fatalf("%d bytes are held, more than %d", held, totalBudget)
		}
		wait(t, "what those that were closed held", func() bool { return b.shared.budget.used.Load() <= totalBudget })
	}
	if most < totalBudget/2 || closed == 0 {
		t.Errorf("%d bytes were held and %d closed: the test shows nothing", most, closed)
	}
}
