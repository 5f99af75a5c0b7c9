package mqtt

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"hellox/stream"
)

// A refusedError is the cause of a connection that the broker closed and said
// why.
type refusedError struct{ reason string }

func (e *refusedError) Error() string { return e.reason }

// refusalTime is how soon after a refusal the broker closes the connection, if it
// does: some only tell that a message was dropped.
const refusalTime = 5 * time.Second

// A heldRefusal is the newest refusal that came.
type heldRefusal struct {
	reason string
	at     time.Time
}

// noticeFilters returns the topics on which a hellox broker talks to a client of
// this ID.
func noticeFilters(clientID string) map[string]byte {
	filters := map[string]byte{stream.TopicBroker: 0}
	if topic, ok := stream.RefusedTopic(clientID); ok {
		filters[topic] = 0
	}
	return filters
}

// isNotice reports whether topic is one of noticeFilters.
func isNotice(topic string) bool { return stream.OwnedByBroker(topic) }

// handleNotice is called by the frameReader, before anything that follows is
// read.
func (c *Client) handleNotice(topic string, payload []byte) {
	if own, ok := stream.RefusedTopic(c.id); ok && topic == own {
		if r, err := stream.ParseRefusal(payload); err == nil && r.Reason != "" {
			c.refusal.Store(&heldRefusal{r.Reason, time.Now()})
		}
		return
	}
	if topic != stream.TopicBroker {
		return
	}
	if s, err := stream.ParseBrokerState(payload); err == nil {
		c.told.Store(true)
		c.setState(s)
	}
}

func (c *Client) setState(s stream.BrokerState) {
	c.state.Store(&s)
	if c.onState != nil {
		c.onState(s)
	}
}

// BrokerState returns how the broker is, as far as it has said.
func (c *Client) BrokerState() stream.BrokerState {
	if s := c.state.Load(); s != nil {
		return *s
	}
	return stream.BrokerState{}
}

// silentWhenWell is how long after the SUBACK a broker that says nothing about
// itself counts as well: its state is retained only while it is not.
const silentWhenWell = time.Second

// assumeWell is called that long after the connection was made.
func (c *Client) assumeWell() {
	if !c.told.Load() {
		c.setState(stream.BrokerState{})
	}
}

// refusedOr returns the broker's reason if it has just refused something, else
// err.
func (c *Client) refusedOr(err error) error {
	if r := c.refusal.Load(); r != nil && time.Since(r.at) < refusalTime {
		return &refusedError{r.reason}
	}
	return err
}

// requestNotices subscribes to the notices, for a client that may subscribe to
// nothing else. A broker that refuses them is none that would send them.
func (c *Client) requestNotices(ctx context.Context) error {
	c.subscribing.Lock()
	defer c.subscribing.Unlock()
	if c.requested == nil && !c.unnoticed {
		filters := noticeFilters(c.id)
		c.frames.filters.Store(int32(len(filters)))
		c.requested = c.client.SubscribeMultiple(filters, nil)
		return c.await(ctx, c.requested, dialTimeout, notBusy)
	}
	return nil
}

// connectNoticed calls connect, and once more without notices if the broker closes
// the connection on being asked for them, without a reason: some do so rather
// than refuse.
func connectNoticed(connect func(unnoticed bool) (*Client, error)) (*Client, error) {
	client, err := connect(false)
	if lost, ok := errors.AsType[*lostError](err); ok && !lost.refused && !lost.answered {
		return connect(true)
	}
	return client, err
}

// sendSubscribe asks for filters, and for the notices if that was not done yet.
// SUBSCRIBEs wait for each other's answers: the frameReader knows how many codes
// one has.
func (c *Client) sendSubscribe(ctx context.Context, filters map[string]byte, timeout time.Duration, busy func() bool) (*paho.SubscribeToken, error) {
	switch {
	case c.requested != nil:
		if err := c.await(ctx, c.requested, timeout, busy); err != nil {
			return nil, err
		}
	case !c.unnoticed:
		all := noticeFilters(c.id)
		maps.Copy(all, filters)
		filters = all
	}
	c.frames.filters.Store(int32(len(filters)))
	token, ok := c.client.SubscribeMultiple(filters, nil).(*paho.SubscribeToken)
	if !ok {
		return nil, fmt.Errorf("subscribe: the MQTT library gave no token of a subscription")
	}
	c.requested = token
	return token, c.await(ctx, token, timeout, busy)
}

// await waits for an answer as long as timeout, and longer while busy returns
// true.
func (c *Client) await(ctx context.Context, token paho.Token, timeout time.Duration, busy func() bool) error {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		select {
		case <-token.Done():
			return nil
		case <-c.lost:
			return c.lostAsking(c.cause)
		case <-timer.C:
			if !busy() {
				return fmt.Errorf("subscribe: the broker does not answer within %s", timeout)
			}
			timer.Reset(timeout)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
