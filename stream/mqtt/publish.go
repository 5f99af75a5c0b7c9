package mqtt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hellox/stream"
	"hellox/stream/safetext"
)

// Publish publishes one message. With QoS 1 and 2 it returns when the broker
// has acknowledged it. An error that is ErrLost leaves open whether the broker
// has taken it. One that a hellox broker has delivered and not retained is an error
// too. Errors do not name the topic: the caller does.
func (c *Conn) Publish(ctx context.Context, topic string, payload []byte, qos byte, retain bool) error {
	if err := stream.CheckTopic(topic); err != nil {
		return err
	}
	if qos > 2 {
		return fmt.Errorf("QoS %d: there are 0, 1 and 2", qos)
	}
	if size := 2 + len(topic) + 2 + len(payload); size > c.o.Broker.maxPacket() {
		return fmt.Errorf("the message has %d bytes; at most %d fit in a packet", size, c.o.Broker.maxPacket())
	}
	client, err := c.current(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	acked, err := client.publish(Message{topic, payload, qos, retain})
	if err != nil {
		return client.unacknowledged(qos, err)
	}
	done := func() error {
		if retain && qos > 0 {
			return client.refusedSince(began)
		}
		return nil
	}
	select {
	case <-acked:
		return done()
	default:
	}
	select {
	case <-acked:
		return done()
	case <-client.lost:
		return client.unacknowledged(qos, client.cause)
	case <-ctx.Done():
		return fmt.Errorf("the broker has not acknowledged the message: %w", ctx.Err())
	}
}

// refusedSince returns what the broker has refused since then, if it told. What it
// tells of a message comes before the acknowledgement.
func (c *Client) refusedSince(began time.Time) error {
	if r := c.refusal.Load(); r != nil && !r.at.Before(began) {
		return errors.New(safetext.Clean(r.reason))
	}
	return nil
}

// unacknowledged returns the error of a connection that ended while it had the
// message.
func (c *Client) unacknowledged(qos byte, cause error) error {
	degraded := c.BrokerState().Degraded
	if degraded == "" && (qos == 0 || !isClosed(cause)) {
		return lostBecause(cause)
	}
	if degraded == "" {
		// MQTT 3.1.1 knows no other way to refuse a message.
		return stream.WithHint(&lostError{cause: "the broker closed the connection instead of acknowledging"},
			"a broker that gives no reason does so when the user may not publish to that topic, or when it is out of room")
	}
	err := lostBecause(cause)
	if isClosed(cause) {
		err = &lostError{cause: "the broker closed the connection: " + safetext.Clean(degraded), refused: true}
	}
	return stream.WithHint(err, degradedHint)
}

// degradedHint says what helps with a broker that acknowledges nothing.
const degradedHint = "make room, or wait: hellox status shows when the broker acknowledges again"
