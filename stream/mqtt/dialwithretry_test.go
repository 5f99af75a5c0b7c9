package mqtt

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// An attempt that is not answered does not use up all the time there is.
func TestDialWithRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer here.Close()
		defer there.Close()
		refused := errors.New("refused")
		unanswered := func(ctx context.Context) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() }
		for _, c := range []struct {
			name     string
			attempts []func(context.Context) (net.Conn, error) // the last one is what every later one does
			took     time.Duration
			err      error
		}{
			{"at once", []func(context.Context) (net.Conn, error){
				func(context.Context) (net.Conn, error) { return here, nil }}, 0, nil},
			{"the third answers", []func(context.Context) (net.Conn, error){unanswered, unanswered,
				func(context.Context) (net.Conn, error) { return here, nil }}, 3 * time.Second, nil},
			{"the second is refused", []func(context.Context) (net.Conn, error){unanswered,
				func(context.Context) (net.Conn, error) { return nil, refused }}, time.Second, refused},
			{"none answers", []func(context.Context) (net.Conn, error){unanswered}, dialTimeout, context.DeadlineExceeded},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), dialTimeout)
			began := time.Now()
			n := 0
			_, err := dialWithRetry(ctx, func(ctx context.Context) (net.Conn, error) {
				n++
				return c.attempts[min(n, len(c.attempts))-1](ctx)
			})
			cancel()
			if took := time.Since(began); took != c.took || !errors.Is(err, c.err) {
				t.Errorf("%s: %v after %s, want %v after %s", c.name, err, took, c.err, c.took)
			}
		}
	})
}
