package streamtest

import (
	"context"
	"testing"
	"time"

	"hellox/stream"
)

// longest is how long what must happen may take: no measure of it, but the end of a test
// that hangs. A busy machine stalls a process for many seconds.
const longest = time.Minute

// Within fails the test if ch gives nothing in time.
func Within[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(longest):
		t.Fatalf("waited %s for %s", longest, what)
		panic("unreachable")
	}
}

// Eventually polls until ok, and fails the test if that takes too long.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(longest); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", longest, what)
		}
	}
}

// Background runs f until the test ends, and waits for it.
func Background(t testing.TB, f func(ctx context.Context) error) (cancel context.CancelFunc, ended <-chan error) {
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

// LinkLog returns a Link function that a test reads from.
func LinkLog() (func(stream.Link), chan stream.Link) {
	ch := make(chan stream.Link, 1000)
	return func(l stream.Link) { ch <- l }, ch
}

// AwaitLink waits until links reports the state, and returns it.
func AwaitLink(t testing.TB, links chan stream.Link, state stream.LinkState) stream.Link {
	t.Helper()
	for deadline := time.Now().Add(longest); time.Now().Before(deadline); {
		if l := Within(t, "link "+string(state), links); l.State == state {
			return l
		}
	}
	t.Fatalf("waited %s for link %s", longest, state)
	panic("unreachable")
}
