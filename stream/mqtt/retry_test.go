package mqtt

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"
)

// TestRetryRefused tries a broker that is being replaced again soon, and neither one that
// stays away nor one that answers and lets no client in.
func TestRetryRefused(t *testing.T) {
	refused := fmt.Errorf("dial: %w", syscall.ECONNREFUSED)
	r := newRetry()
	attempts, waited := 0, time.Duration(0)
	for ; waited < refusedFor; attempts++ {
		wait := r.next(0, refused)
		if wait < 50*time.Millisecond || wait > refusedWait {
			t.Fatalf("attempt %d: after %s", attempts, wait)
		}
		waited += wait
	}
	if attempts < 25 || attempts > 60 {
		t.Errorf("%d attempts within %s", attempts, refusedFor)
	}
	for range 20 {
		if wait := r.next(0, refused); wait < time.Second {
			t.Errorf("it has been away for long, and is tried again after %s", wait)
		}
	}
	if wait := r.next(stable, refused); wait > refusedWait {
		t.Errorf("after a connection that stood: %s", wait)
	}

	r = newRetry()
	grown := time.Duration(0)
	for range 20 {
		grown = r.next(0, errors.New("the broker says that it is unavailable"))
	}
	if grown < time.Second {
		t.Errorf("a broker that answers is asked again after %s, twenty times", grown)
	}
}

// TestRetryJitter spreads clients that lost their broker at the same time.
func TestRetryJitter(t *testing.T) {
	const clients = 1000
	first, last := time.Hour, time.Duration(0)
	for range clients {
		r := newRetry()
		var at time.Duration
		for range 10 {
			at += r.next(0, syscall.ECONNREFUSED)
		}
		first, last = min(first, at), max(last, at)
	}
	if last-first < refusedWait {
		t.Errorf("%d clients try for the tenth time within %s", clients, last-first)
	}
}
