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
// has taken it. At QoS 0 it returns when the broker has answered a later packet: what
// a hellox broker refuses, it tells before. One that it has delivered and not retained
// is an error too. Errors do not name the topic: the caller does.
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
		return client.unacknowledged(topic, qos, err)
	}
	done := func() error {
		if qos == 0 {
			if err := client.roundTrip(ctx); err != nil {
				return err
			}
		}
		if retain || qos == 0 {
			return client.RefusedSince(began)
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
		return client.unacknowledged(topic, qos, client.cause)
	case <-ctx.Done():
		return fmt.Errorf("the broker has not acknowledged the message: %w", ctx.Err())
	}
}

// RefusedSince returns what the broker has refused since then, if it told. What it
// tells of a message comes before the acknowledgement.
func (c *Client) RefusedSince(began time.Time) error {
	if r := c.refusal.Load(); r != nil && !r.at.Before(began) {
		return stream.WithHint(errors.New(safetext.Clean(r.reason)), refusedHint)
	}
	return nil
}

// roundTrip returns when the broker has handled all that was sent before: it has
// answered an UNSUBSCRIBE from a topic that nothing subscribes to.
func (c *Client) roundTrip(ctx context.Context) error {
	timer := time.NewTimer(dialTimeout)
	defer timer.Stop()
	token := c.client.Unsubscribe("hellox/none")
	select {
	case <-token.Done():
		if err := token.Error(); err != nil {
			return c.unacknowledged("", 0, c.lossOr(err))
		}
		return nil
	case <-c.lost:
		return c.unacknowledged("", 0, c.cause)
	case <-timer.C:
		return fmt.Errorf("the broker does not answer within %s: it is not known whether it has the message", dialTimeout)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refusedHint says where the rights and limits of a hellox broker are.
const refusedHint = "what a user may publish is in the broker's ACL (--acl), and its limits are its --max flags: hellox broker --help"

// unacknowledged returns the error of a connection that ended while it had the
// message.
func (c *Client) unacknowledged(topic string, qos byte, cause error) error {
	degraded := c.BrokerState().Degraded
	if _, refused := errors.AsType[*refusedError](cause); refused && degraded == "" {
		return stream.WithHint(lostBecause(cause), refusedHint)
	}
	if degraded == "" && (qos == 0 || !isClosed(cause)) {
		return lostBecause(cause)
	}
	if degraded == "" {
		// MQTT 3.1.1 knows no other way to refuse a message.
		return stream.WithHint(&lostError{cause: "the broker closed the connection instead of acknowledging"},
			silentHint(topic))
	}
	err := lostBecause(cause)
	if isClosed(cause) {
		err = &lostError{cause: "the broker closed the connection: " + safetext.Clean(degraded), refused: true}
	}
	return stream.WithHint(err, degradedHint)
}

// silentHint says why a broker that gives no reason may have closed the connection.
func silentHint(topic string) string {
	const hint = "a broker that gives no reason does so when the user may not publish to that topic, when it is out of room, when it ends, or, hellox nats, when a node is lost"
	if hasSpace(topic) {
		return hint + " and when the topic has white space"
	}
	return hint + ": try again"
}

// degradedHint says what helps with a broker that acknowledges nothing.
const degradedHint = "make room, or wait: hellox status shows when the broker acknowledges again"
