package broker

import (
	"context"
	"testing"
	"time"
)

// TestDrain opens what a broker has for a client that is away: no other client is let in,
// and the broker ends once that one has acknowledged all.
func TestDrain(t *testing.T) {
	o := Options{Store: t.TempDir(), Backpressure: []string{"receiver"}}
	b, stop := startStop(t, o)
	away(t, b, "receiver", "x")
	away(t, b, "another", "x")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	pub.publish("x", "first", 1, false)
	pub.publish("x", "second", 1, false)
	stop()

	o.Drain, o.Listeners = "receiver", []Listener{{Net: listenLoopback(t), Open: true}}
	b, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- b.Serve(ctx) }()
	refused(t, b.Addr(0), hello{id: "pub"}, 3)
	refused(t, b.Addr(0), hello{id: "another", keep: true}, 3)
	c := connect(t, b.Addr(0), hello{id: "receiver", keep: true})
	if g := c.take(); g.payload != "first" {
		t.Errorf("got %+v", g)
	}
	g := c.message()
	if g.payload != "second" {
		t.Errorf("got %+v", g)
	}
	select {
	case err := <-ended:
		t.Fatalf("it ended (%v) although a message is not acknowledged", err)
	case <-time.After(5 * drainTick): // it looks meanwhile
	}
	c.ack(g.id)
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(testTimeout):
		t.Fatal("it does not end although nothing waits")
	}

	// There is nothing to wait for any more, also for one that never came.
	for _, id := range []string{"receiver", "never"} {
		o.Drain, o.Listeners = id, []Listener{{Net: listenLoopback(t), Open: true}}
		b, err = New(o)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Serve(ctx); err != nil || ctx.Err() != nil {
			t.Errorf("drain %s again: %v, %v", id, err, ctx.Err())
		}
	}
}
