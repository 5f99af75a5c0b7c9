package broker

import (
	"strings"
	"testing"
)

// A feeder that waits for room is woken by every write that makes some: also
// by the last one, after which nothing else would.
func TestFeederIsWoken(t *testing.T) {
	b := start(t, Options{})
	sub := connect(t, b.Addr(0), hello{id: "sub", keep: true})
	sub.subscribe(1, "x")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	// Each fills the room by itself, so that each has to be waited for.
	payload := strings.Repeat("x", maxPacket-100)
	for range 100 {
		pub.publish("x", payload, 1, false)
		pub.publish("x", payload, 1, false)
		for range 2 {
			if g := sub.take(); g.payload != payload {
				t.Fatalf("got %d bytes", len(g.payload))
			}
		}
	}
}
