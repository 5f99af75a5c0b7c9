package broker

import (
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/stream"
)

// TestOwnState fills a small store. Who subscribes to hellox/broker is told why
// nothing is acknowledged, at once and retained, and when it is over; the state
// is in no journal and no client can set it.
func TestOwnState(t *testing.T) {
	store := t.TempDir()
	o := Options{Store: store, StoreLimit: 4 << 20, Backpressure: []string{"receiver"}}
	b, stop := startStop(t, o)
	away(t, b, "receiver", "x")
	early := connect(t, b.Addr(0), hello{id: "early"})
	early.subscribe(0, "hellox/broker")
	early.silent()

	pub := connect(t, b.Addr(0), hello{id: "pub"})
	pub.subscribe(0, "hellox/refused/pub")
	payload := strings.Repeat("x", 60_000)
	acknowledged := 0
	for {
		pub.send(pub.publishPacket("x", payload, 1, false, pub.nextID()))
		p, err := pub.read(testTimeout)
		if err != nil || p.kind() != packets.Puback {
			pub.pending = append(pub.pending, p)
			break
		}
		acknowledged++
	}
	const full = "the broker's store has reached its limit of 4.0 MiB: publishers get no acknowledgement until what is queued has been fetched"
	if reason := pub.readRefusal("pub"); reason != full {
		t.Errorf("the publisher is told %q", reason)
	}
	state := func(c *client, retained bool) stream.BrokerState {
		t.Helper()
		g := c.message()
		s, err := stream.ParseBrokerState([]byte(g.payload))
		if err != nil || g.topic != "hellox/broker" || g.retain != retained || g.qos != 0 {
			t.Errorf("got %+v (%v)", g, err)
		}
		return s
	}
	if s := state(early, false); s.Degraded != full || s.Since.IsZero() {
		t.Errorf("the state is %+v", s)
	}
	late := connect(t, b.Addr(0), hello{id: "late"})
	late.subscribe(1, "hellox/#")
	if s := state(late, true); s.Degraded != full || s.Since.IsZero() {
		t.Errorf("the retained state is %+v", s)
	}

	receiver := connect(t, b.Addr(0), hello{id: "receiver", keep: true})
	for range acknowledged {
		receiver.take()
	}
	wait(t, "it is over", func() bool { return b.Degraded() == "" })
	if s := state(early, false); s != (stream.BrokerState{}) {
		t.Errorf("the state is %+v after it is over", s)
	}
	later := connect(t, b.Addr(0), hello{id: "later"})
	later.subscribe(0, "hellox/broker")
	later.silent()
	later.send(later.publishPacket("hellox/broker", `{"degraded":"a lie"}`, 0, true, 0))
	later.silent()
	stop()
	if b.retained.Get("hellox/broker") != nil {
		t.Error("a state of a broker that is well is retained")
	}
}
