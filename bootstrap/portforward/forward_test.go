package portforward

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"hellox/bootstrap/bootstraptest"
)

func forwardTo(t *testing.T, a *apiStandIn) *Forward {
	t.Helper()
	f := a.forward()
	t.Cleanup(f.Close)
	return f
}

func TestForward(t *testing.T) {
	for _, protocol := range []string{"WebSocket", "SPDY"} {
		t.Run(protocol, func(t *testing.T) {
			a := newAPIStandIn(t)
			a.noWebSocket = protocol == "SPDY"
			a.set("one", true, echoServer(t, "one"))
			f := forwardTo(t, a)
			for range 5 {
				if got, err := exchange(f, "hello"); err != nil || got != "hello (one heard 5)" {
					t.Errorf("received %q, %v", got, err)
				}
			}
			big := strings.Repeat("x", 8<<20)
			if got, err := exchange(f, big); err != nil || !strings.HasPrefix(got, big) {
				t.Errorf("of %d bytes came back %d (%v)", len(big), len(got), err)
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.dialed[protocol] < 6 || len(a.dialed) != 1 {
				t.Errorf("dialed %v", a.dialed)
			}
		})
	}
}

func TestForwardFollowsThePods(t *testing.T) {
	a := newAPIStandIn(t)
	a.set("one", true, echoServer(t, "one"))
	f := forwardTo(t, a)
	held, err := net.Dial("tcp", f.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if _, err := held.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := held.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}

	// The pod goes: what was connected to it breaks, and a new client waits
	// for its successor.
	a.remove("one")
	held.SetDeadline(time.Now().Add(time.Minute))
	if n, err := held.Read(make([]byte, 1)); err == nil {
		t.Errorf("a pod that is gone says %d bytes", n)
	}
	// A client that comes before the forward notices reaches what is left of the
	// pod.
	bootstraptest.WaitFor(t, "the forward to hear that the pod is gone", func() bool { return newestReady(f.forwarder.pods.All()) == nil })
	var answers sync.WaitGroup
	answers.Go(func() {
		if got, err := exchange(f, "who"); err != nil || got != "who (two heard 3)" {
			t.Errorf("received %q, %v", got, err)
		}
	})
	a.set("two", false, echoServer(t, "two"))
	a.set("two", true, echoServer(t, "two"))
	answers.Wait()
}

// A watch that tells nothing any more, as after a laptop's sleep, does not keep a
// connection from the pod that is ready now.
func TestForwardWithoutNews(t *testing.T) {
	a := newAPIStandIn(t)
	a.silent = true
	a.set("one", true, echoServer(t, "one"))
	f := forwardTo(t, a)
	if got, err := exchange(f, "who"); err != nil || got != "who (one heard 3)" {
		t.Fatalf("received %q, %v", got, err)
	}
	a.remove("one")
	a.set("two", true, echoServer(t, "two"))
	if got, err := exchange(f, "who"); err != nil || got != "who (two heard 3)" {
		t.Errorf("received %q, %v", got, err)
	}
}

// A pod that is not ready gets no connection, even if it would answer.
func TestForwardWantsAReadyPod(t *testing.T) {
	a := newAPIStandIn(t)
	a.set("new", false, echoServer(t, "new"))
	a.set("old", true, echoServer(t, "old"))
	f := forwardTo(t, a)
	for range 3 {
		if got, err := exchange(f, "who"); err != nil || got != "who (old heard 3)" {
			t.Errorf("received %q, %v", got, err)
		}
	}
}

// An attempt that is given up ends its connection: an API server that is paused accepts
// one and never answers, and each attempt of a lost forward left two files and a
// goroutine behind.
func TestForwardGivesUpConnections(t *testing.T) {
	a := newAPIStandIn(t)
	a.set("one", true, echoServer(t, "one"))
	f := forwardTo(t, a)
	a.hangs = make(chan struct{})
	defer close(a.hangs)
	bootstraptest.WaitFor(t, "the forward to know the pod", func() bool { return newestReady(f.forwarder.pods.All()) != nil })
	if f.Down() != nil {
		t.Errorf("with a ready pod it is down: %v", f.Down())
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := f.forwarder.dial(ctx); err == nil {
		t.Fatal("an API server that does not answer connected")
	}
	bootstraptest.WaitFor(t, "the connections to end", func() bool { return a.hanging.Load() == 0 })
	if f.Down() == nil {
		t.Error("it is not down")
	}
}

// An attempt on which a lost network has swallowed a packet is not waited for: another is
// made beside it, and all that are left end with the first that is answered.
func TestForwardTriesBesideASilentAttempt(t *testing.T) {
	a := newAPIStandIn(t)
	a.set("one", true, echoServer(t, "one"))
	f := forwardTo(t, a)
	bootstraptest.WaitFor(t, "the forward to know the pod", func() bool { return newestReady(f.forwarder.pods.All()) != nil })
	a.lost.Store(2)
	if got, err := exchange(f, "hello"); err != nil || got != "hello (one heard 5)" {
		t.Fatalf("received %q, %v", got, err)
	}
	if n := a.beside.Load(); n == 0 {
		t.Error("it was waited for the attempts that are never answered")
	}
	bootstraptest.WaitFor(t, "the lost attempts to end", func() bool { return a.hanging.Load() == 0 })
	if err := f.Down(); err != nil {
		t.Errorf("it is down: %v", err)
	}
}

// What keeps new connections waiting is known, and that it is over.
func TestForwardDown(t *testing.T) {
	a := newAPIStandIn(t)
	a.set("one", false, echoServer(t, "one"))
	f := forwardTo(t, a)
	bootstraptest.WaitFor(t, "the forward to know that no pod is ready", func() bool {
		return f.Down() != nil && f.Down().Error() == "no pod of receive is ready"
	})
	a.set("one", true, echoServer(t, "one"))
	bootstraptest.WaitFor(t, "the forward to know that a pod is ready", func() bool { return f.Down() == nil })
	a.server.CloseClientConnections()
	a.server.Listener.Close()
	a.remove("one")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := f.forwarder.dial(ctx); err == nil || !strings.Contains(f.Down().Error(), "its API server does not answer") {
		t.Errorf("without an API server it is down with %v (%v)", f.Down(), err)
	}
}

// A port without a listener ends the connection, not the forward.
func TestForwardOutlivesARefusedPort(t *testing.T) {
	a := newAPIStandIn(t)
	a.set("one", true, "")
	f := forwardTo(t, a)
	for range 3 {
		if got, err := exchange(f, "hello"); !isReset(err) {
			t.Errorf("received %q, %v; want a reset", got, err)
		}
	}
	a.set("one", true, echoServer(t, "one"))
	if got, err := exchange(f, "hello"); err != nil || got != "hello (one heard 5)" {
		t.Errorf("received %q, %v", got, err)
	}
}

// A client that does not read does not hold up the others.
func TestForwardStalledReader(t *testing.T) {
	a := newAPIStandIn(t)
	a.set("one", true, echoServer(t, "one"))
	f := forwardTo(t, a)
	stalled, err := net.Dial("tcp", f.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer stalled.Close()
	// Written until nothing more goes in: every buffer on the way is full.
	for full := false; !full; {
		stalled.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		_, err := stalled.Write(make([]byte, 1<<20))
		full = err != nil
	}
	if got, err := exchange(f, "hello"); err != nil || got != "hello (one heard 5)" {
		t.Errorf("beside a stalled reader: heard %q, %v", got, err)
	}
}

func TestForwardClose(t *testing.T) {
	a := newAPIStandIn(t)
	a.set("one", true, echoServer(t, "one"))
	f := a.forward()
	held, err := net.Dial("tcp", f.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	held.Write([]byte("x"))
	if _, err := held.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	f.Close()
	held.SetDeadline(time.Now().Add(time.Minute))
	if n, err := held.Read(make([]byte, 1)); err == nil {
		t.Errorf("a closed forward says %d bytes", n)
	}
	if c, err := net.Dial("tcp", f.Addr()); err == nil {
		c.Close()
		t.Error("a closed forward accepts")
	}
}
