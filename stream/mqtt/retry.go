package mqtt

import (
	"context"
	"errors"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// A retry spaces the attempts to connect: from 0.1 s to 2 s, growing and
// jittered.
type retry struct {
	backoff *backoff.ExponentialBackOff
	waited  time.Duration // since a connection stood
}

// A broker that is replaced is away for some seconds, and where nothing listens an
// attempt costs next to nothing: within the first refusedFor the waits are at most
// refusedWait then. A broker that answers and lets no client in has work with each attempt.
const (
	refusedWait = 400 * time.Millisecond
	refusedFor  = 10 * time.Second
)

func newRetry() *retry {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = 150 * time.Millisecond
	b.RandomizationFactor = 0.33
	b.Multiplier = 1.7
	b.MaxInterval = 1500 * time.Millisecond // with the jitter at most 2 s
	return &retry{backoff: b}
}

// stable is how long a connection must have stood to be no part of a series of
// failures: a broker may let us in and cut us off at once.
const stable = 5 * time.Second

// next returns how long to wait before the next attempt; stood is how long
// the last connection did, 0 if there was none, and err why there is none now.
func (r *retry) next(stood time.Duration, err error) time.Duration {
	if stood >= stable {
		r.backoff.Reset()
		r.waited = 0
	}
	wait := r.backoff.NextBackOff()
	if errors.Is(err, syscall.ECONNREFUSED) && r.waited < refusedFor {
		// Jittered as the others are: what lost its broker at the same time must not
		// come back at the same time.
		wait = min(wait, refusedWait-rand.N(refusedWait/2))
	}
	r.waited += wait
	return wait
}

// sleep waits for d and reports whether it passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
