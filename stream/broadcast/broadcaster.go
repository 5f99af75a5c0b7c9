package broadcast

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/oklog/ulid/v2"

	"hellox/stream"
	"hellox/stream/mqtt"
)

// maxCommands is how many commands wait for one broadcaster.
const maxCommands = 4

// A broadcaster is one voice: one id, one connection, one goroutine (run),
// which alone touches its fields.
type broadcaster struct {
	*fleet
	id    string
	boot  string
	topic string
	color string
	crowd bool // it is one of very many
	// maxPending is how many messages it may hold that are not acknowledged.
	maxPending int

	// What it publishes.
	mode    stream.Mode
	seq     uint64
	begun   bool      // it was connected once
	next    time.Time // when it publishes next, once it has begun and unless paused
	timer   *time.Timer
	blocked bool // too many messages are pending

	// What it published and the broker has not acknowledged, oldest first. The
	// first is in flight if acked is not nil; the others wait for it, so
	// that the order holds whatever happens.
	pending []pendingMessage
	acked   <-chan struct{}

	present   <-chan struct{} // closed once its newest presence is acknowledged; nil: it is
	presentAt time.Time       // when that was published

	// Its connection. While there is none, another goroutine dials: its stack, which
	// grows for that, does not stay.
	client   *mqtt.Client        // nil: there is none
	lost     *mqtt.Client        // the one before, which nothing has closed yet
	dialling bool                // clients will have the next one
	clients  chan *mqtt.Client   // room for one; nil: ctx has ended
	redialer *mqtt.Redialer      // of the goroutine that dials
	control  chan stream.Arrival // commands and its own presence; full: dropped
	lastLink stream.Link         // of the goroutine that dials
	host     string              // that of the newest connection, as lastLink
}

func newBroadcaster(f *fleet, id string) *broadcaster {
	of := max(int(f.size.Load()), 1)
	b := &broadcaster{
		fleet: f,
		id:    id,
		boot:  ulid.MustNew(ulid.Timestamp(f.Now()), rand.Reader).String(),
		topic: broadcastTopic(f.Topic, id),
		color: stream.ColorOf(id, "").Light,
		crowd: f.Crowd || of >= CrowdSize,

		maxPending: min(maxPendingEach, max(minPendingEach, maxPending/of)),

		mode: stream.Mode{Min: f.Min, Max: f.Max},
		// A command is rare; who sends more than fit gets no answer.
		control: make(chan stream.Arrival, maxCommands),
		clients: make(chan *mqtt.Client, 1),
	}
	b.redialer = mqtt.NewRedialer(mqtt.ReconnectOptions{Connect: b.connect, ClientID: id, IDFlag: "--id", Now: f.Now, Link: b.onLink})
	return b
}

func (b *broadcaster) run(ctx context.Context) {
	b.timer = time.NewTimer(time.Hour)
	b.timer.Stop() // until it begins
	defer b.timer.Stop()
	defer b.redialer.End()
	for ctx.Err() == nil {
		b.send()
		if b.client == nil && !b.dialling {
			b.dial(ctx)
		}
		select {
		case <-ctx.Done():
		case <-b.timer.C:
			b.onTick()
		case <-b.acked:
			b.onAck()
		case <-b.present:
			b.onPresenceAcked()
		case m := <-b.control:
			b.handleControl(m)
		case c := <-b.clients:
			if b.onDialled(c); c != nil {
				b.begin()
			}
		case <-b.ended():
			b.onDisconnected()
		}
	}
	b.shutdown(ctx)
}

// begin publishes the first message, with the first connection of a start: who
// waits for a sign of life need not wait for an interval too. Of a later
// connection it does nothing, nor if a command to pause was faster.
func (b *broadcaster) begin() {
	if b.begun {
		return
	}
	b.begun = true
	if !b.mode.Paused {
		b.next = b.Now()
		b.onTick()
	}
}

// schedule draws the time of the next message, from now on.
func (b *broadcaster) schedule() { b.scheduleFrom(b.Now()) }

// scheduleFrom draws the interval until the next message and returns it. A timer is
// always late, by up to a millisecond or two: counted from when the last message
// was due, intervals are not all longer by that than drawn.
func (b *broadcaster) scheduleFrom(due time.Time) time.Duration {
	d := b.Interval(b.mode.Min, b.mode.Max)
	now := b.Now()
	b.next = due.Add(d)
	if wait := b.next.Sub(now); wait <= 0 || wait > d { // far too late, or the clock was set
		b.next = now.Add(d)
	}
	b.timer.Reset(b.next.Sub(now))
	return d
}

// onTick enqueues the text and schedules the next time.
func (b *broadcaster) onTick() {
	b.enqueue(b.Text, b.scheduleFrom(b.next))
}

// shutdown sends what is pending and publishes that it is gone, in a second and
// a half at most, since the caller waits for it.
func (b *broadcaster) shutdown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 1500*time.Millisecond)
	defer cancel()
	if b.dialling {
		// The attempt ends with the ctx that ended, or has just got through.
		b.onDialled(<-b.clients)
	}
	b.drain(ctx)
	if left := len(b.pending); left > 0 {
		b.Log.Warn("stopped before the broker had acknowledged everything", "id", b.id, "messages", left, "first", b.pending[0].hello.Seq)
		b.metrics.pending.Sub(float64(left))
	}
	if b.lost != nil {
		b.lost.Close()
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
