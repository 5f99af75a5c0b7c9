package web

import (
	"context"
	"time"

	"hellox/stream"
)

// A Client publishes messages and sends commands to broadcasters, as a
// [mqtt.Conn] does.
type Client interface {
	// Publish returns once the broker has acknowledged the message (QoS 0:
	// once it is sent).
	Publish(ctx context.Context, topic string, payload []byte, qos byte, retain bool) error
	// Ask sends a command to the broadcaster of that id and returns its
	// answer and the time of the round trip.
	Ask(ctx context.Context, id string, cmd stream.Command) (stream.Answer, time.Duration, error)
}

// askTimeout bounds how long the broker may take to acknowledge a message, and
// a broadcaster to answer a command.
const askTimeout = 5 * time.Second
