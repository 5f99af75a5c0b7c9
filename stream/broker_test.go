package stream

import (
	"context"
	"testing"
	"time"

	"hellox/broker/brokertest"
)

// A testBroker is a broker in this process, as stream addresses it.
type testBroker struct{ *brokertest.Broker }

func startBroker(t testing.TB) *testBroker {
	t.Helper()
	return &testBroker{brokertest.New(t)}
}

func (b *testBroker) broker() Broker { return Broker{Scheme: "mqtt", Host: b.Addr} }

// within fails the test if ch gives nothing in time.
func within[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(10 * time.Second):
		t.Fatalf("waited 10 s for %s", what)
		panic("unreachable")
	}
}

// eventually polls until ok, and fails the test if that takes too long.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 10 s for %s", what)
		}
	}
}

// background runs f until the test ends, and waits for it.
func background(t testing.TB, f func(ctx context.Context) error) (cancel context.CancelFunc, ended <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		done <- f(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-finished
	})
	return cancel, done
}
