package broadcast

import (
	"context"
	"fmt"
	"testing"
	"time"

	"hellox/stream"
	"hellox/stream/mqtt"
	"hellox/stream/streamtest"
)

// The first message goes out with the first connection and does not wait for an
// interval; a later connection brings none.
func TestFirstMessageComesWithTheConnection(t *testing.T) {
	b := startBroker(t)
	out := subscribed(t, b, stream.TopicStream, stream.PresenceTopic("+"))
	const count = 3
	streamtest.Background(t, func(ctx context.Context) error {
		return Run(ctx, Options{Broker: b.broker(), ID: "b", Count: count, Min: time.Hour, Max: time.Hour, QoS: 1})
	})
	first := map[string]bool{}
	for len(first) < count {
		a := streamtest.Within(t, "a first message", out)
		h, ours := stream.ParseHello(a.Payload)
		if !ours {
			continue // a presence
		}
		if h.Seq != 1 || h.Next != time.Hour || first[h.Sender] {
			t.Errorf("%s begins with %+v", a.Topic, h)
		}
		first[h.Sender] = true
	}

	// After a reconnect the next number is that of what it is told to say.
	c, err := mqtt.Dial(t.Context(), mqtt.DialOptions{Broker: b.broker()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i := range count {
		id := fmt.Sprintf("b-%d", i)
		if !b.Cut(id) {
			t.Fatalf("%s is not connected", id)
		}
		awaitPresence(t, out, id, "lost")
		awaitPresence(t, out, id, "here")
		if _, _, err := c.Ask(t.Context(), id, stream.Command{Do: stream.Say, Text: "again"}); err != nil {
			t.Fatal(err)
		}
		for {
			if h, ours := stream.ParseHello(streamtest.Within(t, "what it says", out).Payload); ours {
				if h.Text != "again" || h.Seq != 2 {
					t.Errorf("after its reconnect %s published %+v", id, h)
				}
				break
			}
		}
	}
}

// A broadcaster that is paused before it has begun stays quiet; nor does its next
// connection bring what the first did not.
func TestFirstMessageNotWhilePaused(t *testing.T) {
	f, err := newFleet(Options{Min: time.Hour, Max: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	b := newBroadcaster(f, "x")
	b.timer = time.NewTimer(time.Hour)
	defer b.timer.Stop()
	b.handleCommand([]byte(`{"id":"1","do":"pause"}`))
	b.begin()
	b.handleCommand([]byte(`{"id":"2","do":"resume"}`))
	b.begin()
	if len(b.pending) != 0 {
		t.Errorf("it published %+v", b.pending)
	}
	if wait := time.Until(b.next); wait <= 59*time.Minute || wait > time.Hour {
		t.Errorf("resumed, the next message comes in %s", wait)
	}
}
