package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"hellox/stream/safetext"
)

// A session is one MQTT connection, from CONNECT to its end. It is not
// connected again: whoever wants that opens the next one, with its own pace,
// and knows when it is tried and why the last one ended.
type session struct {
	client  mqtt.Client
	resumed bool // the broker had kept the MQTT session
	outbox  *outbox
	lost    chan struct{} // closed when the connection has ended, whoever ended it
	cause   error         // why; set before lost is closed

	publishing sync.Mutex // ties a message to its place in the outbox
	end        sync.Once
}

type sessionOptions struct {
	broker    Broker
	clientID  string
	persist   bool // the broker keeps the MQTT session while we are away
	manual    bool // acknowledgements are sent by Message.Ack
	small     bool // one of very many clients in this process
	keepAlive time.Duration
	filters   int // so many in the one SUBSCRIBE, at most
	will      *mqttMessage
	// handler gets every message, in order, on paho's routing goroutine:
	// while it waits, nothing is read. nil: none are expected.
	handler func(mqtt.Message)
}

type mqttMessage struct {
	topic   string
	payload []byte
	qos     byte
	retain  bool
}

// connect opens a session, or returns a *ConnectError or ctx's error.
func connect(ctx context.Context, o sessionOptions) (*session, error) {
	s := &session{outbox: &outbox{}, lost: make(chan struct{})}
	stop := func() bool { return true } // ctx from closing the connection
	po := mqtt.NewClientOptions()
	po.Servers = []*url.URL{{Scheme: o.broker.Scheme, Host: o.broker.Host, Path: o.broker.Path}}
	po.SetProtocolVersion(4) // else paho tries 3.1 after every refusal
	po.SetClientID(o.clientID).SetUsername(o.broker.User).SetPassword(o.broker.Password)
	po.SetCleanSession(!o.persist).SetStore(s.outbox)
	po.SetAutoReconnect(false).SetConnectRetry(false).SetConnectTimeout(dialTimeout)
	po.SetOrderMatters(true).SetAutoAckDisabled(o.manual)
	po.SetWriteTimeout(5 * time.Second) // for a publish that finds the connection stalled
	// The guard sends the pings and misses the answers; paho's keep alive is
	// here for the number in CONNECT.
	po.SetKeepAlive(o.keepAlive).SetPingTimeout(365 * 24 * time.Hour)
	po.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) {
		if o.handler != nil {
			o.handler(m)
		}
	})
	po.SetConnectionLostHandler(func(_ mqtt.Client, err error) { s.ended(err) })
	if o.will != nil {
		po.SetBinaryWill(o.will.topic, o.will.payload, o.will.qos, o.will.retain)
	}
	bufferSize := 16 << 10
	if o.small {
		bufferSize = 256
	}
	po.SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) {
		conn, err := dial(ctx, o.broker, o.small)
		if err != nil {
			return nil, err
		}
		stop = context.AfterFunc(ctx, func() { _ = conn.Close() })
		return newGuard(conn, o.broker.maxPacket(), o.filters, bufferSize, o.keepAlive), nil
	})
	s.client = mqtt.NewClient(po)
	token := s.client.Connect()
	<-token.Done() // at most dialTimeout; at once when ctx ends
	stop()
	if ctx.Err() != nil {
		if token.Error() == nil {
			s.close()
		}
		return nil, ctx.Err()
	}
	if err := token.Error(); err != nil {
		return nil, newConnectError(o.broker, err)
	}
	if t, ok := token.(*mqtt.ConnectToken); ok {
		s.resumed = t.SessionPresent()
	}
	return s, nil
}

// stands tells whether the connection has not ended yet, for all that is known.
func (s *session) stands() bool { return s.client.IsConnectionOpen() }

// subscribe asks for all filters in one SUBSCRIBE, once a session, and waits
// for the answer, as long as patience lasts. Messages of a resumed session come
// before it: as long as busy says so, subscribe waits on.
func (s *session) subscribe(ctx context.Context, filters map[string]byte, patience time.Duration, busy func() bool) error {
	token, ok := s.client.SubscribeMultiple(filters, nil).(*mqtt.SubscribeToken)
	if !ok {
		return fmt.Errorf("subscribe: the MQTT library gave no token of a subscription")
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for answered := false; !answered; {
		select {
		case <-token.Done():
			answered = true
		case <-s.lost:
			return lost(s.cause)
		case <-timeout.C:
			if !busy() {
				return fmt.Errorf("subscribe: the broker does not answer within %s", patience)
			}
			timeout.Reset(patience)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := token.Error(); err != nil {
		return lost(s.reason(err))
	}
	granted := token.Result()
	for filter := range filters {
		if code, ok := granted[filter]; !ok || code > 2 {
			return &hinted{fmt.Errorf("subscribe to %s: %w", safetext.Clean(filter), ErrDenied), "this user may not read that topic"}
		}
	}
	return nil
}

// publish hands one message to the connection. Of QoS 1 and 2, acked is closed
// when the broker has acknowledged it, and not if the connection ends first;
// of QoS 0, acked is closed already. An error means that this connection is of
// no use any more.
func (s *session) publish(m mqttMessage) (acked <-chan struct{}, err error) {
	done := make(chan struct{})
	s.publishing.Lock()
	if m.qos > 0 {
		s.outbox.expect(done)
	}
	token := s.client.Publish(m.topic, m.qos, m.retain, m.payload)
	s.outbox.expect(nil)
	s.publishing.Unlock()
	if m.qos > 0 {
		select {
		case <-token.Done(): // acknowledged already, or never handed on
			if err := token.Error(); err != nil {
				return nil, s.reason(err)
			}
		default:
		}
		return done, nil
	}
	select {
	case <-token.Done():
		if err := token.Error(); err != nil {
			return nil, s.reason(err)
		}
		close(done)
		return done, nil
	case <-s.lost:
		return nil, s.cause
	}
}

// reason is why the connection has ended, if it has: paho fails what waits for
// it a moment before it tells that. Otherwise it is err.
func (s *session) reason(err error) error {
	select {
	case <-s.lost:
		return s.cause
	case <-time.After(time.Second):
		return err
	}
}

// idle is the busy of a handler that never waits.
func idle() bool { return false }

// close says DISCONNECT, so that no last will is published, and ends the
// session.
func (s *session) close() {
	s.client.Disconnect(250)
	s.ended(errClosed)
}

// errClosed is the cause of a session that we ended ourselves.
var errClosed = errors.New("closed")

func (s *session) ended(cause error) {
	s.end.Do(func() {
		s.cause = cause
		close(s.lost)
	})
}
