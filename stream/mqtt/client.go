package mqtt

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"hellox/stream"
	"hellox/stream/safetext"
)

// A Client is one connection to a broker, from CONNECT to its end. It does not
// connect again: Reconnect opens the next one, with its own pace, and knows
// when that is tried and why the last one ended.
type Client struct {
	client  paho.Client
	id      string
	host    string       // with its port
	frames  *frameReader // nil until the network connection is open
	resumed bool         // the broker had stored the MQTT session
	acks    *ackTracker
	lost    chan struct{} // closed when the connection has ended, whichever side ended it
	cause   error         // why; set before lost is closed

	publishing sync.Mutex // ties a message to its place in the ackTracker
	end        sync.Once

	subscribing sync.Mutex // guards requested
	requested   paho.Token // of the last SUBSCRIBE
	unnoticed   bool       // the notices are not asked for

	onState func(stream.BrokerState)
	told    atomic.Bool // the broker has said how it is
	state   atomic.Pointer[stream.BrokerState]
	refusal atomic.Pointer[heldRefusal]
	renewal atomic.Pointer[time.Timer] // nil: it is not renewed
}

// ClientOptions configures Connect.
type ClientOptions struct {
	Broker       Broker
	Before       string // HOST:PORT of the connection before, "": none. Of several hosts it is tried last
	ClientID     string
	Persistent   bool // the broker keeps the MQTT session while we are away
	ManualAck    bool // acknowledgements are sent by Arrival.Ack
	SmallBuffers bool // one of very many clients in this process
	KeepAlive    time.Duration
	Will         *Message
	// Handler gets every message, in order, on the MQTT library's routing
	// goroutine: while it waits, nothing is read. Arrival.Received is not
	// set. nil: no messages are expected.
	Handler func(stream.Arrival)
	// Direct has Handler get those at QoS 0 on the reading goroutine instead, for a
	// third of the CPU. It is for clients that subscribe at QoS 0 only: others would
	// come beside them, out of order.
	Direct bool
	// BrokerState gets what a hellox broker says about itself, on the MQTT
	// library's reading goroutine: it must not wait. nil: it is not told.
	BrokerState func(stream.BrokerState)

	unnoticed bool // do not subscribe to what a hellox broker tells its clients
}

// A Message is a message to publish.
type Message struct {
	Topic   string
	Payload []byte
	QoS     byte
	Retain  bool
}

// connect opens a connection to the one host of o.Broker within limit, or returns a
// *ConnectError or ctx's error.
func connect(ctx context.Context, o ClientOptions, limit time.Duration) (*Client, error) {
	c := &Client{id: o.ClientID, host: o.Broker.Host, acks: &ackTracker{}, lost: make(chan struct{}), onState: o.BrokerState, unnoticed: o.unnoticed}
	stop := func() bool { return true } // ctx from closing the connection
	began, dialled := time.Now(), false
	po := o.paho(c).SetConnectTimeout(limit)
	bufferSize := 16 << 10
	switch {
	case o.SmallBuffers:
		bufferSize = 256
	case o.Direct:
		bufferSize = 64 << 10 // what comes in the moment between two reads of a flood
	}
	po.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) {
		conn, err := dial(ctx, o.Broker, limit, o.SmallBuffers)
		if err != nil {
			return nil, err
		}
		dialled = true
		stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
		c.frames = newFrameReader(conn, o.Broker.maxPacket(), 0, bufferSize, o.KeepAlive)
		c.frames.notice, c.frames.watch.owed = c.handleNotice, c.acks.owed
		if o.Direct {
			c.frames.direct = func(topic string, payload []byte, retained bool) {
				o.Handler(stream.Arrival{Topic: topic, Payload: payload, Retained: retained, Ack: func() {}})
			}
		}
		return c.frames, nil
	})
	c.client = paho.NewClient(po)
	token := c.client.Connect()
	<-token.Done() // at most limit; at once when ctx ends
	stop()
	if ctx.Err() != nil {
		if token.Error() == nil {
			c.Close()
		}
		return nil, ctx.Err()
	}
	if err := token.Error(); err != nil {
		if dialled {
			err = &stageError{stageMQTT, err}
		}
		return nil, newConnectError(o.Broker, o.asking(), err, time.Since(began))
	}
	if t, ok := token.(*paho.ConnectToken); ok {
		c.resumed = t.SessionPresent()
	}
	c.renewInTime(o.Broker)
	return c, nil
}

// paho returns the options of the MQTT library, all but how it dials.
func (o *ClientOptions) paho(c *Client) *paho.ClientOptions {
	po := paho.NewClientOptions()
	po.Servers = []*url.URL{{Scheme: o.Broker.Scheme, Host: o.Broker.Host, Path: o.Broker.Path}}
	po.SetProtocolVersion(4) // else paho tries 3.1 after every refusal
	po.SetClientID(o.ClientID).SetUsername(o.Broker.User).SetPassword(o.Broker.Password)
	po.SetCleanSession(!o.Persistent).SetStore(c.acks)
	po.SetAutoReconnect(false).SetConnectRetry(false)
	po.SetOrderMatters(true).SetAutoAckDisabled(o.ManualAck)
	po.SetWriteTimeout(5 * time.Second) // for a publish that finds the connection stalled
	// the frameReader sends the pings and misses the answers; paho's keep alive is
	// here for the number in CONNECT.
	po.SetKeepAlive(o.KeepAlive).SetPingTimeout(365 * 24 * time.Hour)
	po.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) {
		if o.Handler != nil {
			o.Handler(arrival(m, o.ManualAck))
		}
	})
	po.SetConnectionLostHandler(func(_ paho.Client, err error) { c.ended(err) })
	if o.Will != nil {
		po.SetBinaryWill(o.Will.Topic, o.Will.Payload, o.Will.QoS, o.Will.Retain)
	}
	return po
}

func arrival(m paho.Message, manualAck bool) stream.Arrival {
	a := stream.Arrival{Topic: m.Topic(), Payload: m.Payload(), QoS: m.Qos(), Retained: m.Retained(), Ack: func() {}}
	if manualAck && a.QoS > 0 {
		a.Ack = m.Ack
	}
	return a
}

// Host returns the HOST:PORT that it is connected to, one of its Broker's.
func (c *Client) Host() string { return c.host }

// Resumed reports whether the broker had stored the MQTT session.
func (c *Client) Resumed() bool { return c.resumed }

// Lost returns a channel that is closed when the connection has ended.
func (c *Client) Lost() <-chan struct{} { return c.lost }

// Err returns why the connection has ended, in one sentence. Call it once Lost
// is closed.
func (c *Client) Err() error { return lostBecause(c.cause) }

// isOpen reports whether the connection has not ended yet, for all that is known.
func (c *Client) isOpen() bool { return c.client.IsConnectionOpen() }

// Subscribe asks for all filters, with the QoS of each, in one SUBSCRIBE. A broker that does not grant all of them makes
// it fail with ErrDenied.
func (c *Client) Subscribe(ctx context.Context, filters map[string]byte) error {
	return c.subscribe(ctx, filters, dialTimeout, notBusy)
}

// subscribe asks for all filters in one SUBSCRIBE, and for the broker's notices if
// that was not done before. It waits as long as timeout for the answer. Messages
// of a resumed session come before it: as long as busy returns true, subscribe
// waits on.
func (c *Client) subscribe(ctx context.Context, filters map[string]byte, timeout time.Duration, busy func() bool) error {
	granted, err := c.request(ctx, filters, timeout, busy)
	if err != nil {
		return err
	}
	for filter := range filters {
		if !granted(filter) {
			return c.denied(ctx, filter, timeout, busy)
		}
	}
	return nil
}

// denied returns the error of a filter that was not granted. A hellox broker tells
// why to clients that are subscribed to its refusals, and the first SUBSCRIBE asks
// for both: it is asked again.
func (c *Client) denied(ctx context.Context, filter string, timeout time.Duration, busy func() bool) error {
	_, _ = c.request(ctx, map[string]byte{filter: 0}, timeout, busy)
	if r, ok := errors.AsType[*refusedError](c.refusedOr(nil)); ok {
		return stream.WithHint(fmt.Errorf("subscribe to %s: %w: %s", safetext.Clean(filter), ErrDenied, safetext.Clean(r.reason)), aclHint(filter))
	}
	return stream.WithHint(fmt.Errorf("subscribe to %s: %w", safetext.Clean(filter), ErrDenied), deniedHint(filter))
}

// deniedHint says why a broker that gives no reason may have denied a topic filter.
func deniedHint(filter string) string {
	if hasSpace(filter) {
		return "this user may not read that topic, or the broker takes no white space in topics: hellox nats does not"
	}
	return "this user may not read that topic"
}

// hasSpace reports whether a topic has what brokers that are made of NATS do not take.
func hasSpace(topic string) bool { return strings.ContainsAny(topic, " \t\n\f\r\x7f") }

// aclHint says where the rights of a hellox broker are, and its limits, which it tells
// in the same way.
func aclHint(filter string) string {
	hint := "what a user may read is in the broker's ACL (--acl), and its limits are its --max flags"
	if filter == "#" {
		return "watch -t 'hello_world/#' asks for less than all topics; " + hint
	}
	return hint
}

// request is subscribe, but returns which filters the broker granted.
func (c *Client) request(ctx context.Context, filters map[string]byte, timeout time.Duration, busy func() bool) (granted func(filter string) bool, err error) {
	c.subscribing.Lock()
	defer c.subscribing.Unlock()
	token, err := c.sendSubscribe(ctx, filters, timeout, busy)
	if err != nil {
		return nil, err
	}
	if err := token.Error(); err != nil {
		return nil, c.lostAsking(c.lossOr(err))
	}
	codes := token.Result()
	return func(filter string) bool {
		code, ok := codes[filter]
		return ok && code <= 2
	}, nil
}

// Publish hands one message to the connection. For QoS 1 and 2, acked is closed
// when the broker has acknowledged it, and not if the connection ends first;
// for QoS 0 it is closed already. An error ends the connection.
func (c *Client) Publish(m Message) (acked <-chan struct{}, err error) {
	if acked, err = c.publish(m); err != nil {
		c.ended(err)
		return nil, lostBecause(err)
	}
	return acked, nil
}

// publish hands one message to the connection. Of QoS 1 and 2, acked is closed
// when the broker has acknowledged it, and not if the connection ends first;
// of QoS 0, acked is closed already. An error means that this connection is of
// no use any more.
func (c *Client) publish(m Message) (acked <-chan struct{}, err error) {
	done := make(chan struct{})
	c.publishing.Lock()
	if m.QoS > 0 {
		c.acks.expect(done)
	}
	token := c.client.Publish(m.Topic, m.QoS, m.Retain, m.Payload)
	c.acks.expect(nil)
	c.publishing.Unlock()
	if m.QoS > 0 {
		c.frames.watch.begin()
		select {
		case <-token.Done(): // acknowledged already, or never handed on
			if err := token.Error(); err != nil {
				return nil, c.lossOr(err)
			}
		default:
		}
		return done, nil
	}
	select {
	case <-token.Done():
		if err := token.Error(); err != nil {
			return nil, c.lossOr(err)
		}
		close(done)
		return done, nil
	case <-c.lost:
		return nil, c.cause
	}
}

// lossOr is why the connection has ended, if it has: paho fails what waits for
// it a moment before it reports that. Otherwise it is err.
func (c *Client) lossOr(err error) error {
	select {
	case <-c.lost:
		return c.cause
	case <-time.After(time.Second):
		return err
	}
}

// lostAsking is lostBecause for a SUBSCRIBE that waits for its answer.
func (c *Client) lostAsking(err error) error {
	lost := newLostError(err)
	lost.answered = c.frames.answered.Load()
	return lost
}

// notBusy is the busy of a handler that never waits.
func notBusy() bool { return false }

// Close sends DISCONNECT, so that no last will is published, and ends the
// connection.
func (c *Client) Close() {
	c.client.Disconnect(250)
	c.ended(errClosed)
}

// renewInTime has the connection end, for another one with the token of then, before
// the broker ends it.
func (c *Client) renewInTime(b Broker) {
	_, expires, ok := tokenTimes(b.Password)
	if !ok || b.Files.Password == "" {
		return
	}
	early := time.Duration(rand.Int64N(int64(renewSpread))) //nolint:gosec // it is no secret
	c.renewal.Store(time.AfterFunc(time.Until(expires)+renewAfterExpiry-early, c.renew))
	select {
	case <-c.lost:
		c.renewal.Load().Stop()
	default:
	}
}

// renew is Close, but the connection is to be opened again.
func (c *Client) renew() {
	c.ended(errRenewed)
	c.client.Disconnect(250)
}

// errClosed is the cause of a connection that we ended ourselves.
var errClosed = errors.New("closed")

func (c *Client) ended(cause error) {
	c.end.Do(func() {
		if cause != errClosed && cause != errRenewed { //nolint:errorlint // the very same
			cause = c.refusedOr(cause)
		}
		c.cause = cause
		close(c.lost)
		if t := c.renewal.Load(); t != nil {
			t.Stop()
		}
	})
}
