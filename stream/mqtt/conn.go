package mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"hellox/stream"
	"hellox/stream/safetext"
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
}

// A Conn publishes and asks. It connects again when the connection is lost.
// Its methods may be called from any goroutine.
type Conn struct {
	o     DialOptions
	stop  context.CancelFunc
	ended chan struct{} // closed when run has ended

	mu      sync.Mutex
	client  *Client
	cause   error         // why there is no client
	changed chan struct{} // closed, and made anew, when client or cause change
	asked   map[string]chan stream.Answer

	answerTimeout time.Duration // how long Ask waits
	subscribing   sync.Mutex    // guards answers
	answering     *Client       // the one that is subscribed to answers
}

// Dial opens a Conn. Whoever opened it closes it; ctx bounds only the first
// attempt that Dial waits for.
func Dial(ctx context.Context, o DialOptions) (*Conn, error) {
	if err := o.Broker.Check(); err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	if o.ClientID == "" {
		o.ClientID = "hellox-" + ulid.Make().String()
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	c := &Conn{
		o: o, stop: stop, ended: make(chan struct{}), changed: make(chan struct{}), asked: map[string]chan stream.Answer{},
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
	client, err := Connect(ctx, ClientOptions{Broker: c.o.Broker, ClientID: c.o.ClientID, KeepAlive: KeepAlive, Filters: 1, Handler: c.handleAnswer})
	if err != nil {
		c.set(nil, err)
	}
	return client, err
}

// run keeps a connection until ctx ends.
func (c *Conn) run(ctx context.Context, first *Client) {
	defer close(c.ended)
	defer c.set(nil, errClosed)
	_ = Reconnect(ctx, ReconnectOptions{First: first, Connect: c.connect, Serve: c.serve, Log: c.o.Log, Link: c.o.Link})
}

func (c *Conn) serve(ctx context.Context, client *Client) error {
	c.set(client, nil)
	select {
	case <-client.Lost():
	case <-ctx.Done():
		client.Close()
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

// Publish publishes one message. With QoS 1 and 2 it returns when the broker
// has acknowledged it. An error that is ErrLost leaves open whether the broker
// has taken it. Errors do not name the topic: the caller does.
func (c *Conn) Publish(ctx context.Context, topic string, payload []byte, qos byte, retain bool) error {
	if err := stream.CheckTopic(topic); err != nil {
		return err
	}
	if qos > 2 {
		return fmt.Errorf("QoS %d: there are 0, 1 and 2", qos)
	}
	if size := 2 + len(topic) + 2 + len(payload); size > c.o.Broker.maxPacket() {
		return fmt.Errorf("the message has %d bytes; at most %d fit in a packet", size, c.o.Broker.maxPacket())
	}
	client, err := c.current(ctx)
	if err != nil {
		return err
	}
	acked, err := client.publish(Message{topic, payload, qos, retain})
	if err != nil {
		return unacknowledgedError(qos, err)
	}
	select {
	case <-acked:
		return nil
	default:
	}
	select {
	case <-acked:
		return nil
	case <-client.lost:
		return unacknowledgedError(qos, client.cause)
	case <-ctx.Done():
		return fmt.Errorf("the broker has not acknowledged the message: %w", ctx.Err())
	}
}

// unacknowledgedError is the error of a connection that ended while it had the
// message.
func unacknowledgedError(qos byte, cause error) error {
	if qos > 0 && isClosed(cause) {
		// MQTT 3.1.1 knows no other way to refuse a message.
		return stream.WithHint(&lostError{"the broker closed the connection instead of acknowledging"},
			"brokers do so when the user may not publish to that topic")
	}
	return lostBecause(cause)
}

// Close ends the Conn. What waits for it gets an error.
func (c *Conn) Close() error {
	c.stop()
	<-c.ended
	return nil
}

// AskTimeout is how long Ask waits for an answer.
const AskTimeout = 5 * time.Second

// Ask sends a command to the broadcaster of that id and returns its answer and
// how long it took. Without an answer within AskTimeout the error is
// ErrNoAnswer. An Answer that is not OK is no error.
func (c *Conn) Ask(ctx context.Context, id string, command stream.Command) (stream.Answer, time.Duration, error) {
	failed := func(err error) (stream.Answer, time.Duration, error) {
		return stream.Answer{}, 0, fmt.Errorf("ask %s: %w", safetext.Clean(id), err)
	}
	if !stream.ValidID(id) {
		return failed(errors.New("that is no id of a broadcaster"))
	}
	if err := command.Check(); err != nil {
		return failed(err)
	}
	if command.ID == "" {
		command.ID = ulid.Make().String()
	}
	payload, err := json.Marshal(command)
	if err != nil {
		return failed(err)
	}
	client, err := c.current(ctx)
	if err != nil {
		return failed(err)
	}
	if err := c.subscribeAnswers(ctx, client); err != nil {
		return failed(err)
	}
	answer := make(chan stream.Answer, 1)
	c.mu.Lock()
	c.asked[id+"/"+command.ID] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.asked, id+"/"+command.ID)
		c.mu.Unlock()
	}()
	began := time.Now()
	if _, err := client.publish(Message{Topic: stream.CommandTopic(id), Payload: payload}); err != nil {
		return failed(lostBecause(err))
	}
	timeout := time.NewTimer(c.answerTimeout)
	defer timeout.Stop()
	select {
	case a := <-answer:
		return a, time.Since(began), nil
	case <-timeout.C:
		return failed(fmt.Errorf("%w within %s", stream.ErrNoAnswer, c.answerTimeout))
	case <-client.lost:
		return failed(client.Err())
	case <-ctx.Done():
		return failed(ctx.Err())
	}
}

// join subscribes client to answers, once.
func (c *Conn) subscribeAnswers(ctx context.Context, client *Client) error {
	c.subscribing.Lock()
	defer c.subscribing.Unlock()
	if c.answering == client {
		return nil
	}
	// QoS 0: a Conn also publishes, and some brokers mix up the packet ids
	// of both directions.
	if err := client.Subscribe(ctx, map[string]byte{stream.AnswerTopic("+"): 0}); err != nil {
		return err
	}
	c.answering = client
	return nil
}

// listen runs on paho's routing goroutine, which must not wait.
func (c *Conn) handleAnswer(m stream.Arrival) {
	id, ok := stream.AnswerID(m.Topic)
	if !ok || m.Retained {
		return
	}
	var a stream.Answer
	if err := json.Unmarshal(m.Payload, &a); err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch, ok := c.asked[id+"/"+a.ID]; ok {
		select {
		case ch <- a:
		default: // answered already
		}
	}
}
