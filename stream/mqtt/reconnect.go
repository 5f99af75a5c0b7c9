package mqtt

import (
	"context"
	"log/slog"
	"time"

	"hellox/stream"
)

// ReconnectOptions configures Reconnect.
type ReconnectOptions struct {
	// First is a connection that is open already; nil: there is none.
	First *Client
	// Connect makes one attempt.
	Connect func(context.Context) (*Client, error)
	// Serve uses a connection until it is lost or ctx ends, and returns why it
	// is of no use any more. It is called for every connection, also for one
	// that was opened just before ctx ended. Reconnect closes the connection.
	Serve func(context.Context, *Client) error
	// ClientID is the fixed ID of the connections, which another client may use
	// by mistake, and IDFlag the flag that sets it; "": it is a random one.
	ClientID, IDFlag string
	// FailFast makes the first attempt the last one if it fails.
	FailFast bool
	Now      func() time.Time  // nil: time.Now
	Log      *slog.Logger      // nil: silent
	Link     func(stream.Link) // called with each change; nil: not called. It must not block.
}

// Reconnect keeps a connection to a broker until ctx ends: it connects, and
// connects again when the connection is lost, with growing waits of at most 2 s, or
// 0.4 s for the first 10 s in which nothing listens.
// It returns nil, or with FailFast the error of the first attempt.
func Reconnect(ctx context.Context, o ReconnectOptions) error {
	links := links{now: o.Now, log: o.Log, tell: o.Link}
	if links.now == nil {
		links.now = time.Now
	}
	defer links.change(stream.Link{State: stream.Ended})
	retry := newRetry()
	if o.First == nil {
		links.change(stream.Link{State: stream.Connecting})
	}
	takeovers := takeovers{clientID: o.ClientID, flag: o.IDFlag}
	client, failFast := o.First, o.FailFast
	for {
		var err error
		if client == nil {
			client, err = o.Connect(ctx)
		}
		var stood time.Duration // 0: there was no connection
		if err == nil {
			began := time.Now()
			links.change(stream.Link{State: stream.Connected})
			err = o.Serve(ctx, client)
			client.Close()
			client, stood = nil, max(time.Since(began), 1)
		}
		if ctx.Err() != nil {
			return nil
		}
		if failFast && stood == 0 {
			return err
		}
		failFast = false
		wait := retry.next(stood, err)
		links.retrying(wait, takeovers.explain(err, stood, time.Now()))
		if !sleep(ctx, wait) {
			return nil
		}
	}
}
