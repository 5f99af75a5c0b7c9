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
	r := NewRedialer(o)
	defer r.End()
	client := o.First
	switch {
	case client != nil:
		r.connected()
	case o.FailFast:
		r.links.change(stream.Link{State: stream.Connecting})
		var err error
		if client, err = o.Connect(ctx); err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // it was told to end
			}
			return err
		}
		r.connected()
	default:
		client = r.Dial(ctx)
	}
	for client != nil {
		client = r.Redial(ctx, client, o.Serve(ctx, client))
	}
	return nil
}

// A Redialer is Reconnect in steps, for those who have very many connections: while one
// stands, no goroutine waits for its end here. It is used by one goroutine at a time.
type Redialer struct {
	connect   func(context.Context) (*Client, error)
	links     links
	retry     *retry
	takeovers takeovers
	began     time.Time // when the connection was made
}

// NewRedialer returns a Redialer. It does not use First, Serve and FailFast of o.
func NewRedialer(o ReconnectOptions) *Redialer {
	r := &Redialer{
		connect: o.Connect, retry: newRetry(),
		links:     links{now: o.Now, log: o.Log, tell: o.Link},
		takeovers: takeovers{clientID: o.ClientID, flag: o.IDFlag},
	}
	if r.links.now == nil {
		r.links.now = time.Now
	}
	return r
}

// Dial returns the first connection, or nil if ctx ends before there is one.
func (r *Redialer) Dial(ctx context.Context) *Client {
	r.links.change(stream.Link{State: stream.Connecting})
	return r.dial(ctx)
}

// Redial closes the connection, which is of no use any more because of err, and returns
// the next one, or nil if ctx ends before there is one.
func (r *Redialer) Redial(ctx context.Context, lost *Client, err error) *Client {
	lost.Close()
	if !r.wait(ctx, max(time.Since(r.began), 1), err) {
		return nil
	}
	return r.dial(ctx)
}

// End tells that there will be no other connection.
func (r *Redialer) End() { r.links.change(stream.Link{State: stream.Ended}) }

func (r *Redialer) dial(ctx context.Context) *Client {
	for {
		client, err := r.connect(ctx)
		if err == nil {
			r.connected()
			return client
		}
		if !r.wait(ctx, 0, err) {
			return nil
		}
	}
}

func (r *Redialer) connected() {
	r.began = time.Now()
	r.links.change(stream.Link{State: stream.Connected})
}

// wait waits before the next attempt, and reports whether ctx has not ended meanwhile.
// stood is how long the connection did, 0 if there was none, and err why there is none.
func (r *Redialer) wait(ctx context.Context, stood time.Duration, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	wait := r.retry.next(stood, err)
	r.links.retrying(wait, r.takeovers.explain(err, stood, time.Now()))
	return sleep(ctx, wait)
}
