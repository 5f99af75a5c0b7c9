package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/oklog/ulid/v2"

	"hellox/stream/safetext"
)

// DialOptions say where a Conn goes.
type DialOptions struct {
	Broker   Broker
	ClientID string // "": a new one
	// Background makes Dial return at once; the Conn connects, for ever,
	// behind it. Otherwise Dial returns when it is connected, or why not.
	Background bool
	Log        *slog.Logger // nil: silent
	Link       func(Link)   // told each change of the connection; nil: nobody is. It must not block.
}

// A Conn publishes and asks. It connects again when the connection is lost.
// Its methods may be called from any goroutine.
type Conn struct {
	o     DialOptions
	links links
	stop  context.CancelFunc
	ended chan struct{} // closed when run has ended

	mu      sync.Mutex
	session *session
	cause   error         // why there is no session
	changed chan struct{} // closed, and made anew, when session or cause change
	asking  map[string]chan Answer

	patience time.Duration // how long Ask waits
	joining  sync.Mutex    // guards answers
	answers  *session      // the one that is subscribed to answers
}

// Dial opens a Conn. Whoever opened it closes it; ctx bounds only the first
// attempt that Dial waits for.
func Dial(ctx context.Context, o DialOptions) (*Conn, error) {
	if err := o.Broker.check(); err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	if o.ClientID == "" {
		o.ClientID = "hellox-" + ulid.Make().String()
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	c := &Conn{
		o: o, stop: stop, ended: make(chan struct{}), changed: make(chan struct{}), asking: map[string]chan Answer{},
		cause:    errors.New("it is not connected yet"),
		patience: AskTimeout,
		links:    links{now: time.Now, log: o.Log, tell: o.Link},
	}
	var first *session
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

func (c *Conn) connect(ctx context.Context) (*session, error) {
	return connect(ctx, sessionOptions{broker: c.o.Broker, clientID: c.o.ClientID, keepAlive: keepAlive, filters: 1, handler: c.listen})
}

// run keeps a session until ctx ends.
func (c *Conn) run(ctx context.Context, s *session) {
	defer close(c.ended)
	defer c.links.change(Link{State: Ended})
	retry := newRetry()
	if s == nil {
		c.links.change(Link{State: Connecting})
	}
	for {
		var err error
		if s == nil {
			s, err = c.connect(ctx)
		}
		var stood time.Duration
		if err == nil {
			began := time.Now()
			c.set(s, nil)
			c.links.change(Link{State: Connected})
			select {
			case <-s.lost:
			case <-ctx.Done():
			}
			s.close()
			stood, err = time.Since(began), lost(s.cause)
			s = nil
		}
		if ctx.Err() != nil {
			c.set(nil, errClosed)
			return
		}
		c.set(nil, err)
		wait := retry.after(stood)
		c.links.retrying(wait, err)
		sleep(ctx, wait)
	}
}

func (c *Conn) set(s *session, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session, c.cause = s, cause
	close(c.changed)
	c.changed = make(chan struct{})
}

// reconnectTime is how long a call waits for a connection that is being made.
const reconnectTime = 2 * time.Second

// current returns the session, waiting a little for one that is being made.
func (c *Conn) current(ctx context.Context) (*session, error) {
	timeout := time.NewTimer(reconnectTime)
	defer timeout.Stop()
	for {
		c.mu.Lock()
		s, cause, changed := c.session, c.cause, c.changed
		c.mu.Unlock()
		switch {
		case s != nil && s.stands():
			return s, nil
		case errors.Is(cause, errClosed):
			return nil, cause
		case s != nil:
			cause = lost(nil) // and run is about to see it
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
// has taken it.
func (c *Conn) Publish(ctx context.Context, topic string, payload []byte, qos byte, retain bool) error {
	if err := CheckTopic(topic); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if qos > 2 {
		return fmt.Errorf("publish: QoS %d: there are 0, 1 and 2", qos)
	}
	if size := len(topic) + len(payload) + 4; size > c.o.Broker.maxPacket() {
		return fmt.Errorf("publish to %s: the message has %d bytes; at most %d fit in a packet", safetext.Clean(topic), size, c.o.Broker.maxPacket())
	}
	s, err := c.current(ctx)
	if err != nil {
		return fmt.Errorf("publish to %s: %w", safetext.Clean(topic), err)
	}
	acked, err := s.publish(mqttMessage{topic, payload, qos, retain})
	if err != nil {
		return unacknowledgedError(topic, qos, err)
	}
	select {
	case <-acked:
		return nil
	default:
	}
	select {
	case <-acked:
		return nil
	case <-s.lost:
		return unacknowledgedError(topic, qos, s.cause)
	case <-ctx.Done():
		return fmt.Errorf("publish to %s: the broker has not acknowledged it: %w", safetext.Clean(topic), ctx.Err())
	}
}

// unacknowledgedError tells of a connection that ended while it had the message.
func unacknowledgedError(topic string, qos byte, cause error) error {
	if qos > 0 && isClosed(cause) {
		// MQTT 3.1.1 knows no other way to refuse a message.
		return &hinted{
			fmt.Errorf("publish to %s: %w", safetext.Clean(topic), &lostError{"the broker closed the connection instead of acknowledging"}),
			"brokers do so when the user may not publish to that topic",
		}
	}
	return fmt.Errorf("publish to %s: %w", safetext.Clean(topic), lost(cause))
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
func (c *Conn) Ask(ctx context.Context, id string, command Command) (Answer, time.Duration, error) {
	failed := func(err error) (Answer, time.Duration, error) {
		return Answer{}, 0, fmt.Errorf("ask %s: %w", safetext.Clean(id), err)
	}
	if !ValidID(id) {
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
	s, err := c.current(ctx)
	if err != nil {
		return failed(err)
	}
	if err := c.join(ctx, s); err != nil {
		return failed(err)
	}
	answer := make(chan Answer, 1)
	c.mu.Lock()
	c.asking[id+"/"+command.ID] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.asking, id+"/"+command.ID)
		c.mu.Unlock()
	}()
	began := time.Now()
	if _, err := s.publish(mqttMessage{topic: CommandTopic(id), payload: payload}); err != nil {
		return failed(lost(err))
	}
	timeout := time.NewTimer(c.patience)
	defer timeout.Stop()
	select {
	case a := <-answer:
		return a, time.Since(began), nil
	case <-timeout.C:
		return failed(fmt.Errorf("%w within %s", ErrNoAnswer, c.patience))
	case <-s.lost:
		return failed(lost(s.cause))
	case <-ctx.Done():
		return failed(ctx.Err())
	}
}

// join subscribes s to answers, once.
func (c *Conn) join(ctx context.Context, s *session) error {
	c.joining.Lock()
	defer c.joining.Unlock()
	if c.answers == s {
		return nil
	}
	// QoS 0: a Conn also publishes, and some brokers mix up the packet ids
	// of both directions.
	if err := s.subscribe(ctx, map[string]byte{AnswerTopic("+"): 0}, dialTimeout, idle); err != nil {
		return err
	}
	c.answers = s
	return nil
}

// listen runs on paho's routing goroutine, which must not wait.
func (c *Conn) listen(m mqtt.Message) {
	id, ok := strings.CutPrefix(m.Topic(), topicAnswer)
	if !ok || m.Retained() {
		return
	}
	var a Answer
	if err := json.Unmarshal(m.Payload(), &a); err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch, ok := c.asking[id+"/"+a.ID]; ok {
		select {
		case ch <- a:
		default: // answered already
		}
	}
}
