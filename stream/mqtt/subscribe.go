package mqtt

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"hellox/stream"
)

// Window is how many messages a hellox broker sends a persistent subscriber
// before it waits for acknowledgements.
const Window = 1000

// SubscribeOptions configures Subscribe.
type SubscribeOptions struct {
	Broker   Broker
	ClientID string   // "": a new one; a persistent session needs a fixed one
	Topics   []string // topic filters
	QoS      byte     // at most so
	// Persistent asks the broker to keep the session while we are away, and
	// to count a message as delivered only when its Arrival's Ack was
	// called. Otherwise messages are acknowledged as they are handed on.
	Persistent bool
	// RetainedFirst reads what the broker retains with a second client, ClientID
	// and "-retained", at QoS 0 before each subscription, so that no queue limit
	// of the broker hides it. What it retains arrives again by the subscription.
	// What waited in a resumed session comes before both.
	RetainedFirst bool
	// FailFast makes the first attempt the last one if it fails.
	FailFast bool
	Now      func() time.Time  // the receiver's clock; nil: time.Now
	Log      *slog.Logger      // nil: silent
	Link     func(stream.Link) // called with each change of the connection; nil: not called. It must not block.
	// BrokerState gets what a hellox broker says about itself; nil: it is not
	// called. It must not block.
	BrokerState func(stream.BrokerState)
}

func (o *SubscribeOptions) check() error {
	if err := o.Broker.Check(); err != nil {
		return err
	}
	if len(o.Topics) == 0 {
		return fmt.Errorf("no topic filter is given")
	}
	for _, t := range o.Topics {
		if err := stream.CheckTopicFilter(t); err != nil {
			return err
		}
	}
	if o.QoS > 2 {
		return fmt.Errorf("QoS %d: there are 0, 1 and 2", o.QoS)
	}
	if o.Persistent && o.ClientID == "" {
		return fmt.Errorf("a persistent session needs a fixed client id")
	}
	return nil
}

// Subscribe sends what arrives on the topics to out, in the order in which the
// broker sent it, until ctx ends (then it returns nil). A lost connection is
// made again, for ever, at most 2 s apart; a persistent session then goes on
// where it was, and what had not been acknowledged arrives again.
//
// While out is full nothing is read from the broker, which waits, or drops as
// it promised for QoS 0; the connection is kept alive. With room for Window
// messages in out, a hellox broker never finds a persistent subscriber slow.
//
// When ctx ends, nothing more is sent to out, and what was sent may still be
// acknowledged for a second. Subscribe does not close out.
func Subscribe(ctx context.Context, o SubscribeOptions, out chan<- stream.Arrival) error {
	if err := o.check(); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	s := &subscriber{SubscribeOptions: o, fixedID: o.ClientID, out: out, keepAlive: KeepAlive, answerTimeout: dialTimeout, retainedRetry: retainedRetry}
	if s.ClientID == "" {
		s.ClientID = "hellox-" + ulid.Make().String()
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	return s.run(ctx)
}

type subscriber struct {
	SubscribeOptions
	fixedID       string // SubscribeOptions.ClientID as it was given
	out           chan<- stream.Arrival
	keepAlive     time.Duration
	answerTimeout time.Duration // how long the broker may take to answer SUBSCRIBE
	subscribed    bool          // the broker has had the subscription from this process
	retainedRetry time.Duration // from a reading of what is retained that failed to the next
	blocked       atomic.Bool   // out is full, and the handler waits
	handled       atomic.Int64  // messages, ever
	handledBefore int64         // of handled, at the last look of busy
	delivery      *delivery     // the connection that is open or being opened
	host          string        // that of the newest connection
}

// delivery is what belongs to one connection.
type delivery struct {
	done    <-chan struct{} // closed by stop: a handler that waits for room ends
	stop    context.CancelFunc
	failed  chan error // room for one: why the connection is of no use any more
	pending *pendingAcks

	handing sync.Mutex          // of one message; guards topics
	topics  map[string]struct{} // of messages handed on that were not retained; nil: not asked for
	// retainedRead reports whether all that the broker retains was read before:
	// what the subscription brings of it is older, or as old.
	retainedRead atomic.Bool
	resumed      bool // the broker had stored the MQTT session
}

// fail ends the connection.
func (v *delivery) fail(err error) {
	select {
	case v.failed <- err:
	default: // another reason was first
	}
}

func (s *subscriber) run(ctx context.Context) error {
	return Reconnect(ctx, ReconnectOptions{
		Connect: s.connect, Serve: s.serve, ClientID: s.fixedID, IDFlag: "--client-id", FailFast: s.FailFast, Now: s.Now, Log: s.Log, Link: s.Link,
	})
}

// connect opens a connection and subscribes.
func (s *subscriber) connect(ctx context.Context) (*Client, error) {
	return connectNoticed(func(unnoticed bool) (*Client, error) { return s.connectOnce(ctx, unnoticed) })
}

func (s *subscriber) connectOnce(ctx context.Context, unnoticed bool) (*Client, error) {
	filters := s.filters()
	running, stop := context.WithCancel(ctx)
	v := &delivery{
		done: running.Done(), stop: stop, failed: make(chan error, 1), pending: &pendingAcks{changed: make(chan struct{}, 1)},
	}
	client, err := Connect(ctx, ClientOptions{
		Broker: s.Broker, Before: s.host, ClientID: s.ClientID, Persistent: s.Persistent, ManualAck: s.Persistent,
		KeepAlive: s.keepAlive, BrokerState: s.BrokerState, unnoticed: unnoticed,
		Direct:  s.QoS == 0 && !s.Persistent, // a session may hold messages that it was subscribed to at QoS 1
		Handler: func(a stream.Arrival) { s.handle(v, a) },
	})
	if err != nil {
		stop()
		return nil, err
	}
	v.resumed = client.resumed
	switch {
	case !s.RetainedFirst:
	case client.resumed:
		// The session has the subscription, of this process or, most likely, of an
		// earlier one. Asked for now, all that is retained would come again, and
		// fill the queue in which new messages wait.
		clear(filters)
	default:
		v.retainedRead.Store(s.retainedFirst(ctx))
	}
	if len(filters) > 0 || !unnoticed {
		err = client.subscribe(ctx, filters, s.answerTimeout, s.busy)
	}
	if err != nil {
		stop()
		client.Close()
		return nil, err
	}
	if s.Persistent && s.subscribed && !client.resumed && s.Log != nil {
		s.Log.Warn("the broker has no session of this client: what was published in the meantime is missing", "client", s.ClientID)
	}
	s.subscribed = s.subscribed || len(filters) > 0
	s.delivery, s.host = v, client.Host()
	return client, nil
}

// filters returns the QoS of each topic filter.
func (s *subscriber) filters() map[string]byte {
	filters := make(map[string]byte, len(s.Topics))
	for _, t := range s.Topics {
		filters[t] = s.QoS
	}
	return filters
}

// serve hands on until the connection ends, and returns why it did.
func (s *subscriber) serve(ctx context.Context, client *Client) error {
	defer s.beginRetained(ctx, client)()
	defer s.delivery.stop()
	silent := time.NewTimer(silentWhenWell)
	defer silent.Stop()
	for {
		select {
		case <-client.Lost():
			return client.Err()
		case err := <-s.delivery.failed:
			return err
		case <-silent.C:
			client.assumeWell()
		case <-ctx.Done():
			s.delivery.pending.wait(time.Second)
			return nil
		}
	}
}

// KeepAlive is the usual keep alive of a client that waits for messages and
// would else not notice that the broker is gone.
const KeepAlive = 30 * time.Second

// busy reports whether messages keep the connection from anything else: one waits
// for room, or some came since the last look.
func (s *subscriber) busy() bool {
	before := s.handledBefore
	s.handledBefore = s.handled.Load()
	return s.blocked.Load() || s.handledBefore != before
}

// asksFor reports whether topic is among those asked for.
func (s *subscriber) asksFor(topic string) bool {
	return slices.ContainsFunc(s.Topics, func(filter string) bool { return stream.MatchTopic(filter, topic) })
}

// handle runs on paho's routing goroutine, or on its reading one (ClientOptions.Direct).
func (s *subscriber) handle(v *delivery, a stream.Arrival) {
	select {
	case <-v.done:
		return
	default:
	}
	if err := stream.CheckTopic(a.Topic); err != nil {
		// [MQTT-1.5.3-1]: such a peer is to be hung up on.
		v.fail(fmt.Errorf("the broker sent a message on a topic that cannot be: %w", err))
		return
	}
	if isNotice(a.Topic) && !s.asksFor(a.Topic) {
		return // the client has read it
	}
	a.Received = s.Now()
	a.Superseded = a.Retained && v.retainedRead.Load()
	s.handled.Add(1)
	counted := s.Persistent && a.QoS > 0
	if a.Superseded && v.pending.n.Load() == 0 {
		// None before it waits for its acknowledgement [MQTT-4.6.0-2]: the quicker
		// the broker's queue has room for new messages, the better.
		a.Ack()
		return
	}
	if counted {
		v.pending.n.Add(1)
		ack := a.Ack
		a.Ack = func() {
			ack()
			v.pending.done()
		}
	}
	v.handing.Lock()
	defer v.handing.Unlock()
	if v.topics != nil && !a.Retained {
		v.topics[a.Topic] = struct{}{}
	}
	select {
	case s.out <- a:
		return
	default:
	}
	s.blocked.Store(true)
	defer s.blocked.Store(false)
	select {
	case s.out <- a:
	case <-v.done:
		if counted {
			v.pending.done() // it arrives again
		}
	}
}
