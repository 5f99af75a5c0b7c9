package mqtt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"hellox/stream"
)

// DialOptions configures Dial.
type DialOptions struct {
	Broker   Broker
	ClientID string // "": a new one
	// Background makes Dial return at once; the Conn connects, for ever,
	// behind it. Otherwise Dial returns when it is connected, or why not.
	Background bool
	Log        *slog.Logger      // nil: silent
	Link       func(stream.Link) // called with each change of the connection; nil: not called. It must not block.
	// BrokerState gets what a hellox broker says about itself; nil: it is not
	// called. It must not block.
	BrokerState func(stream.BrokerState)
}

// A Conn publishes and asks. It connects again when the connection is lost.
// Its methods may be called from any goroutine.
type Conn struct {
	o     DialOptions
	fixed string // DialOptions.ClientID as it was given
	host  string // of the newest connection; only connect uses it
	stop  context.CancelFunc
	ended chan struct{} // closed when run has ended

	mu      sync.Mutex
	client  *Client
	cause   error                // why there is no client
	changed chan struct{}        // closed, and made anew, when client or cause change
	asked   map[string]*question // by broadcaster/command ID
	states  map[string]string    // of the broadcasters, as their presence on this connection says

	answerTimeout time.Duration // how long Ask waits
	subscribing   sync.Mutex    // guards answering and seesAbsence
	answering     *Client       // the one that is subscribed to answers
	seesAbsence   bool          // it is subscribed to presences and commands, too
}

// Dial opens a Conn. Whoever opened it closes it; ctx bounds only the first
// attempt that Dial waits for.
func Dial(ctx context.Context, o DialOptions) (*Conn, error) {
	if err := o.Broker.Check(); err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	fixed := o.ClientID
	if fixed == "" {
		o.ClientID = "hellox-" + ulid.Make().String()
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	c := &Conn{
		o: o, fixed: fixed, stop: stop, ended: make(chan struct{}), changed: make(chan struct{}), asked: map[string]*question{},
		cause:         errors.New("it is not connected yet"),
		answerTimeout: AskTimeout,
	}
	var first *Client
	if !o.Background {
		var err error
		if first, err = c.connect(ctx); err != nil {
			stop()
			return nil, err
		}
	}
	go c.run(life, first)
	return c, nil
}

func (c *Conn) connect(ctx context.Context) (*Client, error) {
	client, err := connectNoticed(func(unnoticed bool) (*Client, error) {
		client, err := Connect(ctx, ClientOptions{
			Broker: c.o.Broker, Before: c.host, ClientID: c.o.ClientID, KeepAlive: KeepAlive, Handler: c.handle,
			BrokerState: c.o.BrokerState, unnoticed: unnoticed,
		})
		if err != nil {
			return nil, err
		}
		if err := client.requestNotices(ctx); err != nil {
			client.Close()
			return nil, err
		}
		return client, nil
	})
	if err != nil {
		c.set(nil, err)
		return nil, err
	}
	c.host = client.Host()
	return client, nil
}

// run keeps a connection until ctx ends.
func (c *Conn) run(ctx context.Context, first *Client) {
	defer close(c.ended)
	defer c.set(nil, errClosed)
	_ = Reconnect(ctx, ReconnectOptions{First: first, Connect: c.connect, Serve: c.serve, ClientID: c.fixed, IDFlag: "--client-id", Log: c.o.Log, Link: c.o.Link})
}

func (c *Conn) serve(ctx context.Context, client *Client) error {
	c.set(client, nil)
	silent := time.NewTimer(silentWhenWell)
	defer silent.Stop()
	for open := true; open; {
		select {
		case <-client.Lost():
			open = false
		case <-silent.C:
			client.assumeWell()
		case <-ctx.Done():
			client.Close()
			open = false
		}
	}
	err := client.Err()
	c.set(nil, err)
	return err
}

func (c *Conn) set(client *Client, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.client, c.cause = client, cause
	close(c.changed)
	c.changed = make(chan struct{})
}

// reconnectTime is how long a call waits for a connection that is being made.
const reconnectTime = 2 * time.Second

// current returns the connection, waiting a little for one that is being made.
func (c *Conn) current(ctx context.Context) (*Client, error) {
	timeout := time.NewTimer(reconnectTime)
	defer timeout.Stop()
	for {
		c.mu.Lock()
		client, cause, changed := c.client, c.cause, c.changed
		c.mu.Unlock()
		switch {
		case client != nil && client.isOpen():
			return client, nil
		case errors.Is(cause, errClosed):
			return nil, cause
		case client != nil:
			cause = lostBecause(nil) // and run is about to see it
		}
		select {
		case <-changed:
		case <-timeout.C:
			return nil, cause
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Close ends the Conn. What waits for it gets an error.
func (c *Conn) Close() error {
	c.stop()
	<-c.ended
	return nil
}
