package mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"hellox/stream"
	"hellox/stream/safetext"
)

// AskTimeout is how long Ask waits for an answer.
const AskTimeout = 5 * time.Second

// Ask sends a command to the broadcaster of that id and returns its answer and
// how long it took. Without an answer within AskTimeout the error is
// ErrNoAnswer. An Answer that is not OK is no error.
func (c *Conn) Ask(ctx context.Context, id string, command stream.Command) (stream.Answer, time.Duration, error) {
	failed := func(err error) (stream.Answer, time.Duration, error) {
		return stream.Answer{}, 0, fmt.Errorf("ask %s: %w", safetext.Clean(id), err)
	}
	if !stream.ValidID(id) {
		return failed(errors.New("that is no id of a broadcaster"))
	}
	if err := command.Check(); err != nil {
		return failed(err)
	}
	if command.ID == "" {
		command.ID = ulid.Make().String()
	}
	payload, err := json.Marshal(command)
	if err != nil {
		return failed(err)
	}
	client, err := c.current(ctx)
	if err != nil {
		return failed(err)
	}
	if err := c.subscribeAnswers(ctx, client); err != nil {
		return failed(err)
	}
	answer := make(chan stream.Answer, 1)
	c.mu.Lock()
	c.asked[id+"/"+command.ID] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.asked, id+"/"+command.ID)
		c.mu.Unlock()
	}()
	began := time.Now()
	if _, err := client.publish(Message{Topic: stream.CommandTopic(id), Payload: payload}); err != nil {
		return failed(lostBecause(err))
	}
	timeout := time.NewTimer(c.answerTimeout)
	defer timeout.Stop()
	select {
	case a := <-answer:
		return a, time.Since(began), nil
	case <-timeout.C:
		return failed(fmt.Errorf("%w within %s", stream.ErrNoAnswer, c.answerTimeout))
	case <-client.lost:
		return failed(client.Err())
	case <-ctx.Done():
		return failed(ctx.Err())
	}
}

// subscribeAnswers subscribes client to answers, once.
func (c *Conn) subscribeAnswers(ctx context.Context, client *Client) error {
	c.subscribing.Lock()
	defer c.subscribing.Unlock()
	if c.answering == client {
		return nil
	}
	// QoS 0: a Conn also publishes, and some brokers mix up the packet ids
	// of both directions.
	if err := client.Subscribe(ctx, map[string]byte{stream.AnswerTopic("+"): 0}); err != nil {
		return err
	}
	c.answering = client
	return nil
}

// handleAnswer runs on paho's routing goroutine, which must not wait.
func (c *Conn) handleAnswer(m stream.Arrival) {
	id, ok := stream.AnswerID(m.Topic)
	if !ok || m.Retained {
		return
	}
	var a stream.Answer
	if err := json.Unmarshal(m.Payload, &a); err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch, ok := c.asked[id+"/"+a.ID]; ok {
		select {
		case ch <- a:
		default: // answered already
		}
	}
}
