package broadcast

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/oklog/ulid/v2"

	"hellox/stream"
	"hellox/stream/mqtt"
)

// A broadcaster is one voice: one id, one connection, one goroutine (run),
// which alone touches its fields.
type broadcaster struct {
	*fleet
	id    string
	boot  string
	topic string
	color string

	// What it publishes.
	mode    stream.Mode
	seq     uint64
	next    time.Time // when it publishes next, unless paused
	timer   *time.Timer
	blocked bool // too many messages are pending

	// What it published and the broker has not acknowledged, oldest first. The
	// first is in flight if acked is not nil; the others wait for it, so
	// that the order holds whatever happens.
	pending []pendingMessage
	acked   <-chan struct{}

	// Its connection, which its Reconnect hands over.
	client               *mqtt.Client
	clients              chan *mqtt.Client
	presenceContradicted bool                // while there was none, a message said that it is not here
	control              chan stream.Arrival // commands and its own presence; full: dropped
	lastCause            string              // of its last Link; only Reconnect's goroutine uses it
}

type pendingMessage struct {
	hello   stream.Hello
	payload []byte
}

func newBroadcaster(f *fleet, id string) *broadcaster {
	b := &broadcaster{
		fleet: f,
		id:    id,
		boot:  ulid.MustNew(ulid.Timestamp(f.Now()), rand.Reader).String(),
		topic: broadcastTopic(f.Topic, id),
		color: stream.ColorOf(id, "").Light,
		mode:  stream.Mode{Min: f.Min, Max: f.Max},
		// A command is rare; who sends more than fit gets no answer.
		control: make(chan stream.Arrival, 8),
		clients: make(chan *mqtt.Client),
	}
	return b
}

func (b *broadcaster) run(ctx context.Context) {
	b.timer = time.NewTimer(0)
	defer b.timer.Stop()
	b.schedule()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = mqtt.Reconnect(ctx, mqtt.ReconnectOptions{Connect: b.connect, Serve: b.handOver, Now: b.Now, Link: b.onLink})
	}()
	for ctx.Err() == nil {
		b.send()
		select {
		case <-ctx.Done():
		case <-b.timer.C:
			b.onTick()
		case <-b.acked:
			b.onAck()
		case m := <-b.control:
			b.handleControl(m)
		case c := <-b.clients:
			b.onConnected(c)
		case <-b.lost():
			b.onDisconnected()
		}
	}
	b.shutdown(ctx, ended)
	<-ended
}

// schedule draws the time of the next message.
func (b *broadcaster) schedule() time.Duration {
	d := b.Interval(b.mode.Min, b.mode.Max)
	b.next = b.Now().Add(d)
	b.timer.Reset(d)
	return d
}

// onTick enqueues the text and schedules the next time.
func (b *broadcaster) onTick() {
	b.enqueue(b.Text, b.schedule())
}

// enqueue appends one message to the pending ones. next is the time until the
// following one; 0: unknown. It reports whether there was room.
func (b *broadcaster) enqueue(text string, next time.Duration) bool {
	if len(b.pending) >= b.maxPending {
		b.metrics.blocked.Inc()
		if !b.blocked {
			b.blocked = true
			b.Log.Warn("too many messages wait for the broker: no more are published until it acknowledges",
				"id", b.id, "waiting", len(b.pending))
		}
		return false
	}
	b.seq++
	h := stream.Hello{Text: text, Sender: b.id, Boot: b.boot, Seq: b.seq, Sent: b.Now(), Next: next, Color: b.color}
	payload := []byte(text)
	if !b.Plain {
		payload = h.AppendJSON(nil)
	}
	b.pending = append(b.pending, pendingMessage{h, payload})
	b.metrics.published.Inc()
	b.metrics.pending.Inc()
	return true
}

// send hands the oldest message to the connection, if there is one and nothing
// is in flight.
func (b *broadcaster) send() {
	for b.client != nil && b.acked == nil && len(b.pending) > 0 {
		acked, err := b.client.Publish(mqtt.Message{Topic: b.topic, Payload: b.pending[0].payload, QoS: b.QoS})
		if err != nil {
			b.onDisconnected()
			return
		}
		if b.QoS > 0 {
			b.acked = acked
			return
		}
		b.dropOldest()
	}
}

// acknowledged is called when the broker has acknowledged the oldest message.
func (b *broadcaster) onAck() {
	b.acked = nil
	h := b.pending[0].hello
	b.dropOldest()
	b.metrics.acknowledged.Inc()
	if b.Acked != nil {
		b.Acked(b.id, h)
	}
}

// forget drops the oldest message, which is the broker's now.
func (b *broadcaster) dropOldest() {
	b.pending[0] = pendingMessage{}
	b.pending = b.pending[1:]
	if len(b.pending) == 0 {
		b.pending = nil
	}
	b.metrics.pending.Dec()
	if b.blocked && len(b.pending) <= b.maxPending/2 {
		b.blocked = false
		b.Log.Info("the broker acknowledges again", "id", b.id, "waiting", len(b.pending))
	}
}

// fleetSize is from how many broadcasters on memory counts more than noticing
// within a minute that a silent broker is gone.
const fleetSize = 100

// connect makes one attempt, at the fleet's pace.
func (b *broadcaster) connect(ctx context.Context) (*mqtt.Client, error) {
	if err := b.pace.begin(ctx); err != nil {
		return nil, err
	}
	defer b.pace.end()
	presence := stream.PresenceTopic(b.id)
	o := mqtt.ClientOptions{
		Broker: b.Broker, ClientID: b.id, Filters: 2, KeepAlive: mqtt.KeepAlive,
		Will:    &mqtt.Message{Topic: presence, Payload: b.presence("lost"), QoS: 1, Retain: true},
		Handler: b.receive,
	}
	if b.Count >= fleetSize {
		o.SmallBuffers, o.KeepAlive = true, 0
	}
	c, err := mqtt.Connect(ctx, o)
	if err != nil {
		return nil, err
	}
	// QoS 0: some brokers mix up the packet ids of both directions, and a
	// command that does not arrive is noticed by the missing answer. The
	// presence is its own: the last will of its former connection may arrive
	// after it has published that it is here.
	err = c.Subscribe(ctx, map[string]byte{stream.CommandTopic(b.id): 0, presence: 0})
	if err == nil {
		_, err = c.Publish(mqtt.Message{Topic: presence, Payload: b.presence("here"), QoS: 1, Retain: true})
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// handOver gives a connection to run, and waits for its end.
func (b *broadcaster) handOver(_ context.Context, c *mqtt.Client) error {
	b.clients <- c
	<-c.Lost()
	return c.Err()
}

func (b *broadcaster) presence(state string) []byte {
	p, err := json.Marshal(stream.Presence{State: state, Boot: b.boot})
	if err != nil {
		panic(err) // two strings
	}
	return p
}

func (b *broadcaster) onConnected(c *mqtt.Client) {
	if b.client != nil {
		b.onDisconnected() // its end is not seen yet
	}
	b.client = c
	if b.presenceContradicted {
		b.publishPresence()
	}
	b.Log.Log(context.Background(), b.level(slog.LevelInfo), "connected", "id", b.id, "broker", b.Broker, "waiting", len(b.pending))
	b.fleet.connectionChanged(1, "")
}

// lost returns a channel that is closed when the connection has ended.
func (b *broadcaster) lost() <-chan struct{} {
	if b.client == nil {
		return nil
	}
	return b.client.Lost()
}

func (b *broadcaster) onDisconnected() {
	b.fleet.connectionChanged(-1, mqtt.Cause(b.client.Err()))
	b.client, b.acked = nil, nil
}

// linkChanged is called by Reconnect.
func (b *broadcaster) onLink(l stream.Link) {
	if l.State == stream.Retrying && l.Cause != b.lastCause {
		b.Log.Log(context.Background(), b.level(slog.LevelWarn), "no connection to the broker", "id", b.id, "broker", b.Broker, "cause", l.Cause)
	}
	b.lastCause = l.Cause
	if b.Link != nil {
		b.Link(b.id, l)
	}
}

// listen runs on paho's routing goroutine, which must not wait.
func (b *broadcaster) receive(m stream.Arrival) {
	select {
	case b.control <- m:
	default:
	}
}

// shutdown sends what is pending and publishes that it is gone, in a second and
// a half at most, since the caller waits for it.
func (b *broadcaster) shutdown(ctx context.Context, ended <-chan struct{}) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 1500*time.Millisecond)
	defer cancel()
	if b.client == nil {
		// An attempt ends with the ctx that ended, or has just got through.
		select {
		case c := <-b.clients:
			b.onConnected(c)
		case <-ended:
		}
	}
	b.drain(ctx)
	if left := len(b.pending); left > 0 {
		b.Log.Warn("stopped before the broker had acknowledged everything", "id", b.id, "messages", left, "first", b.pending[0].hello.Seq)
		b.metrics.pending.Sub(float64(left))
	}
	if b.client == nil {
		return
	}
	acked, err := b.client.Publish(mqtt.Message{Topic: stream.PresenceTopic(b.id), Payload: b.presence("gone"), QoS: 1, Retain: true})
	if err == nil {
		select {
		case <-acked:
		case <-b.client.Lost():
		case <-ctx.Done():
		}
	}
	b.client.Close()
	b.fleet.connectionChanged(-1, "")
}

// sendAll sends what waits until nothing does, the connection is lost or ctx
// ends.
func (b *broadcaster) drain(ctx context.Context) {
	for b.client != nil {
		b.send()
		if b.client == nil || len(b.pending) == 0 {
			return
		}
		select {
		case <-b.acked:
			b.onAck()
		case <-b.client.Lost():
			return
		case <-ctx.Done():
			return
		}
	}
}
