package stream

import (
	"context"
	"runtime"
	"testing"
	"time"
)

// Whatever was started has ended when its caller was told so, also while the
// broker comes and goes.
func TestNothingRunsOn(t *testing.T) {
	before := runtime.NumGoroutine()
	b := startBroker(t)
	tell, links := linkLog()
	stopSubscribe, subscribeEnded := background(t, func(ctx context.Context) error {
		// Not "#": mochi reads its retained messages while it writes others.
		return Subscribe(ctx, SubscribeOptions{Broker: b.broker(), ClientID: "r", Topics: []string{TopicStream}, QoS: 1, Persistent: true, Link: tell}, make(chan Arrival, Window))
	})
	stopBroadcast, broadcastEnded := background(t, func(ctx context.Context) error {
		return Broadcast(ctx, BroadcastOptions{Broker: b.broker(), ID: "b", Count: 20, Min: 1, Max: time.Millisecond, QoS: 1})
	})
	c, err := Dial(t.Context(), DialOptions{Broker: b.broker()})
	if err != nil {
		t.Fatal(err)
	}
	awaitLink(t, links, Connected)
	for range 3 {
		b.Stop()
		awaitLink(t, links, Retrying)
		b.Start()
		awaitLink(t, links, Connected)
	}
	c.Close()
	stopBroadcast()
	stopSubscribe()
	within(t, "the end of Broadcast", broadcastEnded)
	within(t, "the end of Subscribe", subscribeEnded)
	b.Stop()
	// paho's and the broker's last goroutines end just after.
	eventually(t, "everything to end", func() bool { return runtime.NumGoroutine() <= before })
}
