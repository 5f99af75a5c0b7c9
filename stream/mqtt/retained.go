package mqtt

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/oklog/ulid/v2"

	"hellox/stream"
	"hellox/stream/safetext"
)

// A retainedReader reads what a broker retains with a client of its own, at QoS 0:
// of what a subscriber at QoS 1 does not acknowledge quickly enough, a broker drops
// all beyond its queue (of 12,500 retained messages a stock mosquitto sends 1,020,
// eclipse-mosquitto/mosquitto#2196). It is no paho.Client: that does not say when a
// message lies before the answer to a later packet.
type retainedReader struct {
	broker   Broker
	clientID string
	topics   []string
	now      func() time.Time
	silence  time.Duration // how long the broker may send nothing
	quiet    time.Duration // how long no message comes before it is asked whether that was all
}

// retainedSuffix makes the reader's client ID of the subscriber's.
const retainedSuffix = "-retained"

// read passes on each retained message, in the order of the broker, until there are
// no more, and returns how many there were. If hand returns false it ends.
func (r *retainedReader) read(ctx context.Context, hand func(stream.Arrival) bool) (n int, err error) {
	if r.broker, err = r.broker.fresh(); err != nil {
		return 0, err
	}
	conn, err := anyNode(ctx, r.broker, "", func(b Broker, limit time.Duration) (net.Conn, error) {
		began := time.Now()
		conn, err := dial(ctx, b, limit, false)
		if err != nil {
			return nil, newConnectError(b, asking{clientID: r.clientID}, err, time.Since(began))
		}
		return conn, nil
	})
	if err != nil {
		return 0, err
	}
	f := newFrameReader(conn, r.broker.maxPacket(), len(r.topics), 64<<10, 0)
	defer f.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	n, err = r.converse(f, hand)
	if ctx.Err() != nil {
		return n, ctx.Err()
	}
	if err == nil {
		_ = packets.NewControlPacket(packets.Disconnect).Write(f)
	}
	return n, err
}

// converse connects, subscribes and reads to the end.
func (r *retainedReader) converse(f *frameReader, hand func(stream.Arrival) bool) (n int, err error) {
	began := time.Now()
	if err := r.connect(f); err != nil {
		return 0, newConnectError(r.broker, asking{clientID: r.clientID}, &stageError{stageMQTT, err}, time.Since(began))
	}
	if err := r.subscribe().Write(f); err != nil {
		return 0, lostBecause(err)
	}
	// Brokers answer in order, but some send what they retain a little later than
	// their answer to SUBSCRIBE. It is the end when nothing came between two answers.
	ping := time.AfterFunc(time.Hour, func() { _ = packets.NewControlPacket(packets.Pingreq).Write(f) })
	defer ping.Stop()
	ping.Stop()
	for before := 0; ; {
		p, err := r.receive(f)
		if err != nil {
			return n, lostBecause(err)
		}
		switch p := p.(type) {
		case *packets.SubackPacket:
			if i := slices.IndexFunc(p.ReturnCodes, func(code byte) bool { return code > 2 }); i >= 0 {
				return n, fmt.Errorf("subscribe: %w", ErrDenied)
			}
			before = n
			ping.Reset(r.quiet)
		case *packets.PingrespPacket:
			if n == before {
				return n, nil
			}
			before = n
			ping.Reset(r.quiet)
		case *packets.PublishPacket:
			if !p.Retain {
				continue // the subscriber gets it, too
			}
			if err := stream.CheckTopic(p.TopicName); err != nil {
				return n, fmt.Errorf("the broker sent a message on a topic that cannot be: %w", err)
			}
			n++
			if !hand(stream.Arrival{Topic: p.TopicName, Payload: p.Payload, QoS: p.Qos, Retained: true, Received: r.now(), Ack: func() {}}) {
				return n, nil
			}
		}
	}
}

// receive reads a packet.
func (r *retainedReader) receive(f *frameReader) (packets.ControlPacket, error) {
	if err := f.SetReadDeadline(time.Now().Add(r.silence)); err != nil {
		return nil, err
	}
	return packets.ReadPacket(f)
}

// connect sends CONNECT and reads the answer.
func (r *retainedReader) connect(f *frameReader) error {
	p := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	p.ProtocolName, p.ProtocolVersion, p.CleanSession, p.Keepalive = "MQTT", 4, true, uint16(KeepAlive/time.Second)
	p.ClientIdentifier = r.clientID
	p.UsernameFlag, p.Username = r.broker.User != "", r.broker.User
	p.PasswordFlag, p.Password = r.broker.Password != "", []byte(r.broker.Password)
	if err := p.Write(f); err != nil {
		return err
	}
	answer, err := r.receive(f)
	if err != nil {
		return err
	}
	// The frameReader lets nothing else through.
	return packets.ConnErrors[answer.(*packets.ConnackPacket).ReturnCode]
}

func (r *retainedReader) subscribe() *packets.SubscribePacket {
	p := packets.NewControlPacket(packets.Subscribe).(*packets.SubscribePacket)
	p.MessageID, p.Topics, p.Qoss = 1, r.topics, make([]byte, len(r.topics))
	return p
}

// The bounds of reading what is retained.
const (
	retainedTime   = time.Minute // of the reading before the subscription
	retainedBuffer = 64 << 20    // bytes held before they are handed on
	retainedQuiet  = 100 * time.Millisecond
	retainedRetry  = 30 * time.Second // to the next attempt
)

// readRetained reads what the broker retains and hands it on, each message if wanted
// says so. The broker is not made to wait for out: it would drop what waits.
func (s *subscriber) readRetained(ctx context.Context, handOn func(stream.Arrival) bool) error {
	ctx, cancel := context.WithTimeout(ctx, retainedTime)
	defer cancel()
	r := retainedReader{
		broker: s.Broker, clientID: s.ClientID + retainedSuffix, topics: s.Topics, now: s.Now,
		silence: s.answerTimeout, quiet: retainedQuiet,
	}
	var held []stream.Arrival
	size, open := 0, true
	flush := func() bool {
		for _, a := range held {
			open = open && handOn(a)
		}
		held, size = held[:0], 0
		return open
	}
	n, err := r.read(ctx, func(a stream.Arrival) bool {
		if isNotice(a.Topic) && !s.asksFor(a.Topic) {
			return true // it is for a Client
		}
		held = append(held, a)
		size += len(a.Topic) + len(a.Payload)
		return size < retainedBuffer || flush()
	})
	flush() // what came is worth having, however it ended
	if err == nil && s.Log != nil {
		s.Log.Debug("what the broker retains was read", "client", r.clientID, "messages", n)
	}
	return err
}

// retainedFirst reads what the broker retains before the subscription, and reports
// whether that is complete.
func (s *subscriber) retainedFirst(ctx context.Context) (complete bool) {
	err := s.readRetained(ctx, func(a stream.Arrival) bool {
		select {
		case s.out <- a:
			return true
		case <-ctx.Done():
			return false
		}
	})
	if err != nil && ctx.Err() == nil {
		s.retainedFailed(err)
	}
	return err == nil
}

func (s *subscriber) retainedFailed(err error) {
	if s.Log == nil {
		return
	}
	cause := Cause(err)
	if errors.Is(err, context.DeadlineExceeded) {
		cause = fmt.Sprintf("it was not read within %s", retainedTime)
	}
	s.Log.Warn("what the broker retains was not read whole: what exceeds the broker's queue may be missing until it is",
		"client", safetext.Clean(s.ClientID+retainedSuffix), "cause", cause, "again in", s.retainedRetry)
}

// beginRetained begins to read what the broker retains while the subscriber
// receives: what changed before the subscription began, and where the broker's
// queue was full while we were away. The function that it returns ends that.
func (s *subscriber) beginRetained(ctx context.Context, client *Client) (end func()) {
	if !s.RetainedFirst {
		return func() {}
	}
	v := s.delivery
	ctx, stop := context.WithCancel(ctx)
	var reading sync.WaitGroup
	reading.Go(func() { s.retainedAgain(ctx, client, v) })
	return func() {
		stop()
		reading.Wait()
	}
}

// retainedAgain reads what the broker retains until that succeeds or the connection
// ends. A message on whose topic the subscription has brought one since is left out:
// that one may be newer. What waited in a resumed session comes before: it is older.
func (s *subscriber) retainedAgain(ctx context.Context, client *Client, v *delivery) {
	switch {
	case v.resumed:
		s.awaitBacklog(ctx)
	case !v.retainedRead.Load():
		if !sleep(ctx, s.retainedRetry) {
			return
		}
	}
	for ctx.Err() == nil {
		v.watchTopics(true)
		err := s.readRetained(ctx, func(a stream.Arrival) bool { return v.handRetained(s.out, a) })
		v.watchTopics(false)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			v.retainedRead.Store(true)
		}
		if !s.subscribed && !s.subscribeLate(ctx, client, v) || err == nil {
			return
		}
		s.retainedFailed(err)
		sleep(ctx, s.retainedRetry)
	}
}

// subscribeLate subscribes with the session of an earlier process, which may have
// had other topics, and reports whether it did.
func (s *subscriber) subscribeLate(ctx context.Context, client *Client, v *delivery) bool {
	if err := client.subscribe(ctx, s.filters(), s.answerTimeout, s.busy); err != nil {
		v.fail(err)
		return false
	}
	s.subscribed = true
	return true
}

// awaitBacklog waits until what a resumed session brings has come, as far as that
// can be told: nothing came for a while. A stream that never rests is not waited for.
func (s *subscriber) awaitBacklog(ctx context.Context) {
	const pause, most = 500 * time.Millisecond, 20
	for range most {
		before := s.handled.Load()
		if !sleep(ctx, pause) || s.handled.Load() == before && !s.blocked.Load() {
			return
		}
	}
}

// watchTopics begins or ends to note the topics of what is handed on.
func (v *delivery) watchTopics(on bool) {
	v.handing.Lock()
	defer v.handing.Unlock()
	v.topics = nil
	if on {
		v.topics = map[string]struct{}{}
	}
}

// handRetained sends a message that the retainedReader has read to out, unless one
// was handed on since that may be newer.
func (v *delivery) handRetained(out chan<- stream.Arrival, a stream.Arrival) bool {
	v.handing.Lock()
	defer v.handing.Unlock()
	if _, newer := v.topics[a.Topic]; newer {
		return true
	}
	select {
	case out <- a:
		return true
	case <-v.done:
		return false
	}
}

// Retained returns the message that the broker b retains on topic, or nil.
func Retained(ctx context.Context, b Broker, topic string) (*stream.Arrival, error) {
	var found *stream.Arrival
	err := EachRetained(ctx, b, []string{topic}, func(a stream.Arrival) bool {
		found = &a
		return false
	})
	return found, err
}

// EachRetained calls f with each message that the broker b retains on topics that
// match the filters, in the order of the broker, until f returns false.
func EachRetained(ctx context.Context, b Broker, filters []string, f func(stream.Arrival) bool) error {
	r := retainedReader{
		broker: b, clientID: ulid.Make().String(), topics: filters, now: time.Now,
		silence: dialTimeout, quiet: retainedQuiet,
	}
	_, err := r.read(ctx, f)
	return err
}
