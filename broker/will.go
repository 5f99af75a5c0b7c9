package broker

import (
	"time"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/journal"
)

// A will is a client's last will. mochi never learns of it: it would publish
// it without asking what its client may do (server.go:1516).
type will struct {
	message *journal.Message
	delay   time.Duration // MQTT 5: so long the client may come back
}

// newWill takes the will of a CONNECT; nil if there is none.
func newWill(cl *mqtt.Client, pk *packets.Packet) *will {
	if !pk.Connect.WillFlag {
		return nil
	}
	w := pk.Connect
	m := &journal.Message{
		Topic: w.WillTopic, Payload: w.WillPayload, Origin: cl.ID,
		QoS: w.WillQos, Retain: w.WillRetain,
	}
	if pk.ProtocolVersion == 5 {
		m.Props = encodeProperties(&w.WillProperties)
		m.Expiry = int64(w.WillProperties.MessageExpiryInterval) // from its publication on
	}
	return &will{m, time.Duration(w.WillProperties.WillDelayInterval) * time.Second}
}

// scheduleWill publishes the will of a connection that ended without a
// DISCONNECT: now, or when its delay is over or its session ends, whichever
// comes first [MQTT-3.1.3-9].
func (b *Broker) scheduleWill(c *conn, s *session) {
	w := c.takeWill()
	if w == nil || b.stopping() {
		return // of the broker's own end no client is told that another is lost
	}
	s.mu.Lock()
	delay := min(w.delay, s.expiry)
	if delay > 0 && !s.ended && s.conn == nil && s.claim == nil {
		s.will = w
		s.timer = time.AfterFunc(delay, func() { b.publishWill(s.takeWill()) })
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	b.publishWill(w)
}

// takeWill returns the connection's will, once.
func (c *conn) takeWill() *will {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.will
	c.will = nil
	return w
}

// takeWill returns the will that waits, once.
func (s *session) takeWill() *will {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.will
	s.will = nil
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	return w
}

func (b *Broker) publishWill(w *will) {
	if w == nil || b.stopping() {
		return
	}
	m := *w.message
	if m.Expiry > 0 {
		m.Expiry += b.now().Unix()
	}
	// Nobody waits for its acknowledgement, so a full store loses it.
	if err := b.publish(&m, nil, nil); err != nil {
		b.log.Warn("last will not kept", "client", m.Origin, "cause", err)
	}
}
