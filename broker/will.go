package broker

import (
	"cmp"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/journal"
)

// A will is a client's last will.
type will struct {
	message *journal.Message
	delay   time.Duration // MQTT 5: time for the client to come back
	subject subject       // whose will it is: its rights are those of when it is published
}

// newWill returns the will of a CONNECT, or nil.
func newWill(c *conn, pk *packets.Packet) *will {
	if !pk.Connect.WillFlag {
		return nil
	}
	w := pk.Connect
	m := &journal.Message{
		Topic: w.WillTopic, Payload: w.WillPayload, Origin: c.id,
		QoS: w.WillQos, Retain: w.WillRetain,
	}
	if pk.ProtocolVersion == 5 {
		m.Props = encodeProperties(&w.WillProperties)
		m.Expiry = int64(w.WillProperties.MessageExpiryInterval) // counted from its publication
	}
	c.subject.own(m)
	return &will{m, time.Duration(w.WillProperties.WillDelayInterval) * time.Second, c.subject}
}

// scheduleWill publishes the will of a connection that ended without a
// DISCONNECT: now, or when its delay is over or its session ends, whichever
// comes first [MQTT-3.1.3-9].
func (b *Broker) scheduleWill(c *conn, s *session) {
	w := c.takeWill()
	if w == nil || b.stopping() {
		return // when the broker itself stops, clients are not lost
	}
	s.mu.Lock()
	delay := min(w.delay, s.expiry)
	if delay > 0 && !s.ended && s.conn == nil && s.claim == nil {
		s.will = w
		s.timer = time.AfterFunc(delay, func() {
			defer func() { c.ended(recover()) }()
			b.publishWill(s.takeWill())
		})
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	b.publishWill(w)
}

// takeWill removes and returns the connection's will, or nil.
func (c *conn) takeWill() *will {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.will
	c.will = nil
	return w
}

func (b *Broker) publishWill(w *will) {
	if w == nil || b.stopping() {
		return
	}
	m := *w.message
	if err := mayPublish(w.subject.rights(), m.Topic); err != nil {
		b.shared.refusals.add(m.Origin, "", refusal{kind: kindRights, topic: m.Topic, reason: "last will not published: " + err.Error()})
		return
	}
	if m.Expiry > 0 {
		m.Expiry += b.now().Unix()
	}
	// A will has no publisher that sends it again: a full store loses it.
	if _, err := b.publish(&m, nil, nil); err != nil {
		b.shared.refusals.add(m.Origin, "", refusal{kind: kindWill, topic: m.Topic, reason: "last will not stored: " + cmp.Or(b.Degraded(), err.Error())})
	}
}
