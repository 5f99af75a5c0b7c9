package stream

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/oklog/ulid/v2"
)

// A broadcaster is one voice: one id, one connection, one goroutine (run),
// which alone touches its fields.
type broadcaster struct {
	*fleet
	id    string
	boot  string
	topic string
	color string

	// What it says.
	mode Mode
	seq  uint64
	next time.Time // when it says something again, unless paused
	tick *time.Timer
	full bool // it holds its tongue: too much waits

	// What it said and the broker has not acknowledged, oldest first. The
	// first is in flight if acked is not nil; the others wait for it, so
	// that the order holds whatever happens.
	waiting []said
	acked   <-chan struct{}

	// Its connection.
	session *session
	since   time.Time // of session
	retry   *retry
	again   *time.Timer // until the next attempt
	wanting bool        // to dial, as soon as the fleet's pace allows
	dialing bool        // an attempt is under way
	dialed  chan dialed // room for its end
	denied  bool        // while it was, somebody said that it is not here
	links   links
	inbox   chan mqtt.Message // commands and its own presence; full: let go
}

type said struct {
	hello   Hello
	payload []byte
}

type dialed struct {
	session *session
	err     error
}

func newBroadcaster(f *fleet, id string) *broadcaster {
	b := &broadcaster{
		fleet: f,
		id:    id,
		boot:  ulid.MustNew(ulid.Timestamp(f.Now()), rand.Reader).String(),
		topic: broadcastTopic(f.Topic, id),
		color: ColorOf(id, "").Light,
		mode:  Mode{Min: f.Min, Max: f.Max},
		retry: newRetry(),
		// A command is rare; who sends more than fit gets no answer.
		inbox:  make(chan mqtt.Message, 8),
		dialed: make(chan dialed, 1),
	}
	b.links.now = f.Now
	if f.Link != nil {
		b.links.tell = func(l Link) { f.Link(id, l) }
	}
	return b
}

func (b *broadcaster) run(ctx context.Context) {
	b.tick = time.NewTimer(0)
	defer b.tick.Stop()
	b.again = time.NewTimer(0)
	defer b.again.Stop()
	b.schedule()
	b.links.change(Link{State: Connecting})
	b.again.Stop()
	b.wanting = true
	for ctx.Err() == nil {
		b.send()
		var ended <-chan struct{}
		if b.session != nil {
			ended = b.session.lost
		}
		var slots chan<- struct{}
		if b.wanting {
			slots = b.pace.slots
		}
		select {
		case <-ctx.Done():
		case <-b.tick.C:
			b.speak()
		case <-b.acked:
			b.acknowledged()
		case m := <-b.inbox:
			b.hear(m)
		case <-ended:
			b.disconnected(lost(b.session.cause))
		case <-b.again.C:
			b.wanting = true
		case slots <- struct{}{}:
			b.dial(ctx)
		case d := <-b.dialed:
			b.connected(d)
		}
	}
	b.goodbye(ctx)
}

// schedule draws when it speaks next.
func (b *broadcaster) schedule() time.Duration {
	d := b.Interval(b.mode.Min, b.mode.Max)
	b.next = b.Now().Add(d)
	b.tick.Reset(d)
	return d
}

// speak says the text and schedules the next time.
func (b *broadcaster) speak() {
	b.say(b.Text, b.schedule())
}

// say puts one message behind those that wait. next is until the following
// one; 0: nobody knows. It reports whether there was room.
func (b *broadcaster) say(text string, next time.Duration) bool {
	if len(b.waiting) >= b.room {
		b.metrics.held.Inc()
		if !b.full {
			b.full = true
			b.Log.Warn("too many messages wait for the broker: nothing more is said until it acknowledges",
				"id", b.id, "waiting", len(b.waiting))
		}
		return false
	}
	b.seq++
	h := Hello{Text: text, Sender: b.id, Boot: b.boot, Seq: b.seq, Sent: b.Now(), Next: next, Color: b.color}
	payload := []byte(text)
	if !b.Plain {
		payload = h.AppendJSON(nil)
	}
	b.waiting = append(b.waiting, said{h, payload})
	b.metrics.said.Inc()
	b.metrics.waiting.Inc()
	return true
}

// send hands the oldest message to the connection, if there is one and nothing
// is in flight.
func (b *broadcaster) send() {
	for b.session != nil && b.acked == nil && len(b.waiting) > 0 {
		acked, err := b.session.publish(mqttMessage{topic: b.topic, payload: b.waiting[0].payload, qos: b.QoS})
		if err != nil {
			b.disconnected(lost(err))
			return
		}
		if b.QoS > 0 {
			b.acked = acked
			return
		}
		b.forget()
	}
}

// acknowledged is called when the broker has acknowledged the oldest message.
func (b *broadcaster) acknowledged() {
	b.acked = nil
	h := b.waiting[0].hello
	b.forget()
	b.metrics.acknowledged.Inc()
	if b.Acked != nil {
		b.Acked(b.id, h)
	}
}

// forget drops the oldest message, which is the broker's now.
func (b *broadcaster) forget() {
	b.waiting[0] = said{}
	b.waiting = b.waiting[1:]
	if len(b.waiting) == 0 {
		b.waiting = nil
	}
	b.metrics.waiting.Dec()
	if b.full && len(b.waiting) <= b.room/2 {
		b.full = false
		b.Log.Info("the broker acknowledges again", "id", b.id, "waiting", len(b.waiting))
	}
}

// dial begins one attempt to connect, in a slot of the fleet's pace; its end
// comes through dialed.
func (b *broadcaster) dial(ctx context.Context) {
	b.wanting, b.dialing = false, true
	go func() {
		defer func() { <-b.pace.slots }()
		if err := b.pace.rate.Wait(ctx); err != nil {
			b.dialed <- dialed{nil, err}
			return
		}
		b.dialed <- b.open(ctx)
	}()
}

// fleetSize is from how many broadcasters on memory counts more than noticing
// within a minute that a silent broker is gone.
const fleetSize = 100

func (b *broadcaster) open(ctx context.Context) dialed {
	presence := PresenceTopic(b.id)
	o := sessionOptions{
		broker: b.Broker, clientID: b.id, filters: 2, keepAlive: keepAlive,
		will:    &mqttMessage{topic: presence, payload: b.presence("lost"), qos: 1, retain: true},
		handler: b.listen,
	}
	if b.Count >= fleetSize {
		o.small, o.keepAlive = true, 0
	}
	s, err := connect(ctx, o)
	if err != nil {
		return dialed{nil, err}
	}
	// QoS 0: some brokers mix up the packet ids of both directions, and a
	// command that nobody hears is told by the missing answer. The presence
	// is its own: a last will of its former connection may arrive after it
	// said that it is here.
	err = s.subscribe(ctx, map[string]byte{CommandTopic(b.id): 0, presence: 0}, dialTimeout, idle)
	if err == nil {
		_, err = s.publish(mqttMessage{topic: presence, payload: b.presence("here"), qos: 1, retain: true})
	}
	if err != nil {
		s.close()
		return dialed{nil, err}
	}
	return dialed{s, nil}
}

func (b *broadcaster) presence(state string) []byte {
	p, err := json.Marshal(Presence{State: state, Boot: b.boot})
	if err != nil {
		panic(err) // two strings
	}
	return p
}

func (b *broadcaster) connected(d dialed) {
	b.dialing = false
	if d.err != nil {
		b.retryIn(0, d.err)
		return
	}
	b.session, b.since = d.session, time.Now()
	if b.denied {
		b.sayHere()
	}
	b.links.change(Link{State: Connected})
	b.Log.Log(context.Background(), b.level(slog.LevelInfo), "connected", "id", b.id, "broker", b.Broker, "waiting", len(b.waiting))
	b.fleet.changed(1, "")
}

func (b *broadcaster) disconnected(err error) {
	b.session.close()
	b.session, b.acked = nil, nil
	b.fleet.changed(-1, cause(err))
	b.retryIn(time.Since(b.since), err)
}

func (b *broadcaster) retryIn(stood time.Duration, err error) {
	wait := b.retry.after(stood)
	b.again.Reset(wait)
	if c := cause(err); c != b.links.last.Cause {
		b.Log.Log(context.Background(), b.level(slog.LevelWarn), "no connection to the broker", "id", b.id, "broker", b.Broker, "cause", c)
	}
	b.links.retrying(wait, err)
}

// listen runs on paho's routing goroutine, which must not wait.
func (b *broadcaster) listen(m mqtt.Message) {
	select {
	case b.inbox <- m:
	default:
	}
}

// goodbye sends what still waits and says that it is gone, in a second and a
// half at most: whoever ended ctx waits for it.
func (b *broadcaster) goodbye(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 1500*time.Millisecond)
	defer cancel()
	defer b.links.change(Link{State: Ended})
	if b.dialing {
		// The attempt ends with the ctx that ended, or has just got through.
		if d := <-b.dialed; d.session != nil {
			b.connected(d)
		}
	}
	b.sendAll(ctx)
	if left := len(b.waiting); left > 0 {
		b.Log.Warn("stopped before the broker had acknowledged everything", "id", b.id, "messages", left, "first", b.waiting[0].hello.Seq)
		b.metrics.waiting.Sub(float64(left))
	}
	if b.session == nil {
		return
	}
	acked, err := b.session.publish(mqttMessage{topic: PresenceTopic(b.id), payload: b.presence("gone"), qos: 1, retain: true})
	if err == nil {
		select {
		case <-acked:
		case <-b.session.lost:
		case <-ctx.Done():
		}
	}
	b.session.close()
	b.fleet.changed(-1, "")
}

// sendAll sends what waits until nothing does, the connection is lost or ctx
// ends.
func (b *broadcaster) sendAll(ctx context.Context) {
	for b.session != nil {
		b.send()
		if b.session == nil || len(b.waiting) == 0 {
			return
		}
		select {
		case <-b.acked:
			b.acknowledged()
		case <-b.session.lost:
			return
		case <-ctx.Done():
			return
		}
	}
}
