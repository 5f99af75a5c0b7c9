package broker

import (
	"fmt"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/prometheus/client_golang/prometheus"

	"hellox/stream"
)

// TestFirstMessagesWaitForReceiver publishes before the session that publishers wait
// for has ever been there: nothing is acknowledged that it does not get, not even while
// it has subscribed to the broker's notices alone; QoS 0 and other sessions go on. It is
// there again after a restart, and nothing waits any more.
func TestFirstMessagesWaitForReceiver(t *testing.T) {
	t.Parallel()
	o := Options{Store: t.TempDir(), Backpressure: []string{"receiver"}}
	b, stop := startStop(t, o)
	watching := connect(t, b.Addr(0), hello{id: "watching"})
	watching.subscribe(1, "x")
	early := map[byte]*client{}
	for _, qos := range []byte{0, 1, 2} {
		c := connect(t, b.Addr(0), hello{id: "early" + string('0'+qos), keep: true})
		c.send(c.publishPacket("x", "early", qos, false, 1))
		early[qos] = c
	}
	if g := watching.message(); g.qos != 0 {
		t.Errorf("QoS 0 is not sent at once: %+v", g)
	}
	receiver := connect(t, b.Addr(0), hello{id: "receiver", keep: true})
	receiver.subscribe(0, "hellox/refused/receiver")
	receiver.subscribe(0, "hellox/broker")
	receiver.send(receiver.publishPacket("elsewhere", "its own", 1, false, 9))
	receiver.expect(packets.Puback)
	receiver.subscribe(1, "x")
	early[1].expect(packets.Puback)
	early[2].expect(packets.Pubrec)
	for range 2 {
		if g := receiver.message(); g.payload != "early" || g.qos != 1 {
			t.Errorf("the receiver gets %+v", g)
		}
	}
	stop()

	b = start(t, o)
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	pub.publish("x", "late", 1, false)
}

// TestNoReceiver publishes while the session that publishers wait for never comes: the
// client is told why, and what it sent is not taken.
func TestNoReceiver(t *testing.T) {
	t.Parallel()
	b := start(t, Options{Store: t.TempDir(), Backpressure: []string{"receiver", "other"}})
	away(t, b, "other", "x")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	pub.subscribe(0, "hellox/refused/pub")
	pub.send(pub.publishPacket("x", "early", 1, false, pub.nextID()))
	const want = "nothing is acknowledged while receiver has no subscription (--backpressure)"
	if reason := pub.readRefusal("pub"); reason != want {
		t.Errorf("the publisher is told %q", reason)
	}
	connect(t, b.Addr(0), hello{id: "other", keep: true}).silent()
}

// TestNoReceiverIsTold: while the session that publishers wait for is missing the broker is
// degraded, by its own word, in the metrics and on its topic, with the session's name.
func TestNoReceiverIsTold(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	b := start(t, Options{Store: t.TempDir(), Backpressure: []string{"receiver", "other"}, Metrics: registry})
	metrics := func(awaited, degraded float64) {
		t.Helper()
		wait(t, fmt.Sprintf("%v sessions are awaited, degraded %v", awaited, degraded), func() bool {
			return gauge(t, registry, "awaited_sessions") == awaited && gauge(t, registry, "degraded") == degraded
		})
	}
	metrics(2, 1)
	away(t, b, "other", "x")
	metrics(1, 1)
	const want = "nothing is acknowledged while receiver has no subscription (--backpressure)"
	if got := b.Degraded(); got != want || b.Ready() != nil {
		t.Errorf("degraded %q, ready %v", got, b.Ready())
	}
	watching := connect(t, b.Addr(0), hello{id: "watching"})
	watching.subscribe(0, "hellox/broker")
	told := func(want string) { // what comes before may be of when two were missing
		t.Helper()
		for got := "?"; got != want; {
			s, err := stream.ParseBrokerState([]byte(watching.message().payload))
			if got = s.Degraded; err != nil {
				t.Fatal(err)
			}
		}
	}
	told(want)
	away(t, b, "receiver", "x")
	metrics(0, 0)
	told("")
	if got := b.Degraded(); got != "" {
		t.Errorf("when all are there it is degraded: %s", got)
	}
}

// TestReceiverEnds ends the session that publishers wait for, in each way, or its last
// subscription: they wait again, and it gets what they publish then.
func TestReceiverEnds(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*Broker, *client){
		"clean start": func(b *Broker, _ *client) {
			connect(t, b.Addr(0), hello{id: "receiver"}).disconnect()
			gone(t, b, "receiver")
		},
		"unsubscribe": func(_ *Broker, c *client) {
			c.send(c.unsubscribePacket("x"))
			c.expect(packets.Unsuback)
			c.disconnect()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := start(t, Options{Store: t.TempDir(), Backpressure: []string{"receiver"}})
			receiver := connect(t, b.Addr(0), hello{id: "receiver", keep: true})
			receiver.subscribe(1, "x")
			pub := connect(t, b.Addr(0), hello{id: "pub"})
			pub.publish("elsewhere", "while it is there", 1, false)
			end(b, receiver)
			pub.send(pub.publishPacket("x", "while it is gone", 1, false, 9))
			receiver = connect(t, b.Addr(0), hello{id: "receiver", keep: true})
			receiver.subscribe(1, "x")
			pub.expect(packets.Puback)
			if g := receiver.message(); g.payload != "while it is gone" {
				t.Errorf("the receiver gets %+v", g)
			}
		})
	}
}
