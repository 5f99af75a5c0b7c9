package broadcast

import (
	"context"
	"encoding/json"
	"log/slog"

	"hellox/stream"
	"hellox/stream/mqtt"
)

// CrowdSize is from how many broadcasters on memory counts more than noticing
// within a minute that a silent broker is gone.
const CrowdSize = 100

// connect makes one attempt, at the fleet's pace.
func (b *broadcaster) connect(ctx context.Context) (*mqtt.Client, error) {
	if err := b.pace.begin(ctx); err != nil {
		return nil, err
	}
	defer b.pace.end()
	presence := stream.PresenceTopic(b.id)
	o := mqtt.ClientOptions{
		Broker: b.Broker, Before: b.host, ClientID: b.id, KeepAlive: mqtt.KeepAlive,
		Will:    &mqtt.Message{Topic: presence, Payload: encodePresence(stream.Presence{State: string(stream.Lost), Boot: b.boot}), QoS: 1, Retain: true},
		Handler: b.receive,
	}
	if b.crowd {
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
	if err := c.Subscribe(ctx, map[string]byte{stream.CommandTopic(b.id): 0, presence: 0}); err != nil {
		c.Close()
		return nil, err
	}
	b.host = c.Host()
	return c, nil
}

// dial has another goroutine connect.
func (b *broadcaster) dial(ctx context.Context) {
	b.dialling = true
	lost := b.lost
	b.lost = nil
	go func() {
		if lost == nil {
			b.clients <- b.redialer.Dial(ctx)
		} else {
			b.clients <- b.redialer.Redial(ctx, lost, lost.Err())
		}
	}()
}

// onDialled is called with the next connection; nil: ctx has ended.
func (b *broadcaster) onDialled(c *mqtt.Client) {
	b.dialling = false
	if c != nil {
		b.onConnected(c)
	}
}

// presence returns the payload of a presence with the interval and pause as they
// are now.
func (b *broadcaster) presence(state string) []byte {
	return encodePresence(stream.Presence{State: state, Boot: b.boot, Min: b.mode.Min, Max: b.mode.Max, Paused: b.mode.Paused})
}

func encodePresence(p stream.Presence) []byte {
	payload, err := json.Marshal(p)
	if err != nil {
		panic(err) // texts, durations and a bool
	}
	return payload
}

func (b *broadcaster) onConnected(c *mqtt.Client) {
	b.client = c
	b.publishPresence()
	b.Log.Log(context.Background(), b.level(slog.LevelInfo), "connected", "id", b.id, "broker", b.Broker, "waiting", len(b.pending))
	b.fleet.connectionChanged(1, "")
}

// ended returns a channel that is closed when the connection has.
func (b *broadcaster) ended() <-chan struct{} {
	if b.client == nil {
		return nil
	}
	return b.client.Lost()
}

func (b *broadcaster) onDisconnected() {
	b.fleet.connectionChanged(-1, mqtt.Cause(b.client.Err()))
	b.client, b.lost, b.acked, b.present = nil, b.client, nil, nil
}

// onLink is called by the redialer.
func (b *broadcaster) onLink(l stream.Link) {
	if l.State == stream.Retrying && !l.Told(b.lastLink) {
		level, message, attrs := l.Entry()
		b.Log.Log(context.Background(), b.level(level), message, append([]any{"id", b.id, "broker", b.Broker}, attrs...)...)
	}
	b.lastLink = l
	b.shortfall.set(b.id, l.Cause)
	if b.Link != nil {
		b.Link(b.id, l)
	}
}

// receive runs on paho's routing goroutine, which must not wait.
func (b *broadcaster) receive(m stream.Arrival) {
	if stream.OwnedByBroker(m.Topic) {
		return // the client has read it
	}
	select {
	case b.control <- m:
	default:
	}
}
