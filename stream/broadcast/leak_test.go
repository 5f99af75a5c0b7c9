package broadcast

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"hellox/stream"
	"hellox/stream/mqtt"
	"hellox/stream/streamtest"
)

// Whatever was started has ended when its caller was told so, also while the
// broker comes and goes.
func TestNothingRunsOn(t *testing.T) {
	before := runtime.NumGoroutine()
	b := startBroker(t)
	tell, links := streamtest.LinkLog()
	stopSubscribe, subscribeEnded := streamtest.Background(t, func(ctx context.Context) error {
		// Not "#": mochi reads its retained messages while it writes others.
		return mqtt.Subscribe(ctx, mqtt.SubscribeOptions{Broker: b.broker(), ClientID: "r", Topics: []string{stream.TopicStream}, QoS: 1, Persistent: true, Link: tell}, make(chan stream.Arrival, mqtt.Window))
	})
	stopBroadcast, broadcastEnded := streamtest.Background(t, func(ctx context.Context) error {
		return Run(ctx, Options{Broker: b.broker(), ID: "b", Count: 20, Min: 1, Max: time.Millisecond, QoS: 1})
	})
	c, err := mqtt.Dial(t.Context(), mqtt.DialOptions{Broker: b.broker()})
	if err != nil {
		t.Fatal(err)
	}
	streamtest.AwaitLink(t, links, stream.Connected)
	for range 3 {
		b.Stop()
		streamtest.AwaitLink(t, links, stream.Retrying)
		b.Start()
		streamtest.AwaitLink(t, links, stream.Connected)
	}
	c.Close()
	stopBroadcast()
	stopSubscribe()
	streamtest.Within(t, "the end of Broadcast", broadcastEnded)
	streamtest.Within(t, "the end of Subscribe", subscribeEnded)
	b.Stop()
	// paho's and the broker's last goroutines end just after.
	streamtest.Eventually(t, "everything to end", func() bool { return runtime.NumGoroutine() <= before })
}

// A broadcaster that is connected has one goroutine, beside those of the MQTT library:
// what it needs to connect, and its stack, is gone.
func TestOneGoroutineEach(t *testing.T) {
	const count = 10
	b := startBroker(t)
	tell, links := streamtest.LinkLog()
	streamtest.Background(t, func(ctx context.Context) error {
		return Run(ctx, Options{Broker: b.broker(), ID: "b", Count: count, Min: time.Hour, Max: time.Hour, QoS: 1, Link: func(_ string, l stream.Link) { tell(l) }})
	})
	for range count {
		streamtest.AwaitLink(t, links, stream.Connected)
	}
	started := func(by string) int {
		all := make([]byte, 4<<20)
		return strings.Count(string(all[:runtime.Stack(all, true)]), "created by hellox/stream/broadcast.("+by+")")
	}
	streamtest.Eventually(t, "no goroutine but the broadcaster's own", func() bool { return started("*broadcaster") == 0 })
	if n := started("*fleet"); n < count {
		t.Errorf("%d goroutines of %d broadcasters: the test does not find them", n, count)
	}
}
