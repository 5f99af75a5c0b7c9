package broker

import (
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"
)

// start serves a broker until the test ends. It listens on loopback and, if
// o has no listeners, is open to every client there.
func start(t testing.TB, o Options) *Broker {
	t.Helper()
	b, stop := startStop(t, o)
	t.Cleanup(stop)
	return b
}

// startStop is start for a test that ends the broker itself.
func startStop(t testing.TB, o Options) (*Broker, func()) {
	t.Helper()
	if len(o.Listeners) == 0 {
		o.Listeners = []Listener{{Net: listenLoopback(t), Open: true}}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(logOf(t), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	b, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Serve(ctx) }()
	var stopped bool
	return b, func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(testTimeout):
			t.Error("Serve does not end")
		}
	}
}

// Addr returns the address of the i-th listener.
func (b *Broker) Addr(i int) net.Addr { return b.listeners[i].Net.Addr() }

// current returns the session of a client id, or nil.
func (a *sessions) current(id string) *session {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.byID[id]
}

func listenLoopback(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// logOf returns a writer to the test's log, which is shown if it fails. What
// comes after the test's end is dropped: net/http does not wait for what it answers.
func logOf(t testing.TB) io.Writer {
	l := &testLog{t: t}
	t.Cleanup(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.t = nil
	})
	return l
}

type testLog struct {
	mu sync.Mutex
	t  testing.TB // nil: the test has ended
}

func (l *testLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.t != nil {
		l.t.Logf("%s", b)
	}
	return len(b), nil
}

// both runs a test with MQTT 3.1.1 and with 5.
func both(t *testing.T, f func(t *testing.T, v5 bool)) {
	t.Run("3.1.1", func(t *testing.T) { f(t, false) })
	t.Run("5", func(t *testing.T) { f(t, true) })
}

func TestPublishSubscribe(t *testing.T) {
	both(t, func(t *testing.T, v5 bool) {
		b := start(t, Options{})
		sub := connect(t, b.Addr(0), hello{id: "sub", v5: v5})
		if codes := sub.subscribe(1, "hello_world/#"); codes[0] != 1 {
			t.Fatalf("granted %#x", codes[0])
		}
		pub := connect(t, b.Addr(0), hello{id: "pub", v5: v5})
		pub.publish("hello_world/broadcast/a", "at 0", 0, false)
		pub.publish("hello_world/broadcast/a", "at 1", 1, false)
		pub.publish("elsewhere", "not asked for", 1, false)
		for qos, want := range []string{"at 0", "at 1"} {
			g := sub.take()
			if g.payload != want || g.topic != "hello_world/broadcast/a" || int(g.qos) != qos || g.retain {
				t.Fatalf("got %+v, want %q at QoS %d", g, want, qos)
			}
		}
		sub.silent()
	})
}

func TestRetained(t *testing.T) {
	both(t, func(t *testing.T, v5 bool) {
		store := t.TempDir()
		b, stop := startStop(t, Options{Store: store})
		pub := connect(t, b.Addr(0), hello{id: "pub", v5: v5})
		pub.publish("hellox/presence/a", "here", 1, true)
		pub.publish("hellox/presence/b", "here", 1, true)
		pub.publish("hellox/presence/b", "", 1, true)
		check := func(b *Broker) {
			sub := connect(t, b.Addr(0), hello{id: "sub", v5: v5})
			sub.subscribe(1, "hellox/presence/+")
			if g := sub.take(); g.payload != "here" || g.topic != "hellox/presence/a" || !g.retain {
				t.Fatalf("got %+v", g)
			}
			sub.silent()
		}
		check(b)
		stop()
		check(start(t, Options{Store: store}))
	})
}

func TestSessionOutlivesBroker(t *testing.T) {
	both(t, func(t *testing.T, v5 bool) {
		store := t.TempDir()
		b, stop := startStop(t, Options{Store: store})
		sub := connect(t, b.Addr(0), hello{id: "sub", keep: true, v5: v5})
		sub.subscribe(1, "hello_world/#")
		sub.disconnect()
		pub := connect(t, b.Addr(0), hello{id: "pub", v5: v5})
		for _, payload := range []string{"1", "2", "3"} {
			pub.publish("hello_world/x", payload, 1, false)
		}
		stop()

		b = start(t, Options{Store: store})
		sub, code, present := tryConnect(t, b.Addr(0), hello{id: "sub", keep: true, resume: true, v5: v5})
		if code != 0 || !present {
			t.Fatalf("code %#x, session present %v", code, present)
		}
		for _, want := range []string{"1", "2", "3"} {
			if g := sub.take(); g.payload != want {
				t.Fatalf("got %q, want %q", g.payload, want)
			}
		}
		sub.silent()
	})
}

func TestUnacknowledgedComesAgain(t *testing.T) {
	b := start(t, Options{})
	sub := connect(t, b.Addr(0), hello{id: "sub", keep: true})
	sub.subscribe(1, "#")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	for _, payload := range []string{"1", "2", "3"} {
		pub.publish("x", payload, 1, false)
	}
	first := sub.take() // 1 is acknowledged
	second := sub.message()
	third := sub.message()
	sub.ack(third.id) // out of order: 2 is not
	if first.payload != "1" || second.payload != "2" || third.payload != "3" {
		t.Fatalf("got %q, %q, %q", first.payload, second.payload, third.payload)
	}
	sub.silent() // the broker has read the acknowledgements
	sub.c.Close()
	sub = connect(t, b.Addr(0), hello{id: "sub", keep: true})
	if g := sub.take(); g.payload != "2" || g.id != second.id || !g.dup {
		t.Fatalf("got %+v, want 2 again, as a duplicate with id %d", g, second.id)
	}
}
