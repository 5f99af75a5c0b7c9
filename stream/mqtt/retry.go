package mqtt

import (
	"context"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// A retry spaces the attempts to connect: from 0.1 s to 2 s, growing and
// jittered.
type retry struct{ backoff *backoff.ExponentialBackOff }

func newRetry() *retry {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval = 150 * time.Millisecond
	b.RandomizationFactor = 0.33
	b.Multiplier = 1.7
	b.MaxInterval = 1500 * time.Millisecond // with the jitter at most 2 s
	return &retry{b}
}

// stable is how long a connection must have stood to be no part of a series of
// failures: a broker may let us in and cut us off at once.
const stable = 5 * time.Second

// next returns how long to wait before the next attempt; stood is how long
// the last connection did, 0 if there was none.
func (r *retry) next(stood time.Duration) time.Duration {
	if stood >= stable {
		r.backoff.Reset()
	}
	return r.backoff.NextBackOff()
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
