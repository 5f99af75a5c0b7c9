package broadcast

import (
	"context"
	"time"

	"hellox/stream"
	"hellox/stream/mqtt"
)

type pendingMessage struct {
	hello   stream.Hello
	payload []byte
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

// onAck is called when the broker has acknowledged the oldest message.
func (b *broadcaster) onAck() {
	b.acked = nil
	h := b.pending[0].hello
	b.dropOldest()
	b.metrics.acknowledged.Inc()
	if b.Acked != nil {
		b.Acked(b.id, h)
	}
}

// dropOldest drops the oldest message, which is the broker's now.
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

// drain sends what waits until nothing does, the connection is lost or ctx
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
