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

// settleTime is how long Ask waits for the presence or the answer of a
// broadcaster after its own command has come back: a broker may send retained
// messages behind others.
const settleTime = 300 * time.Millisecond

// presenceHere is the state of a broadcaster's presence while it is there.
const presenceHere = "here"

// A question is a command that waits for its answer.
type question struct {
	answer chan stream.Answer
	echo   chan struct{} // closed when the command itself has come back
}

// Ask sends a command to the broadcaster of that id and returns its answer and
// how long it took. An Answer that is not OK is no error. If no broadcaster of
// that id is there, the error is a *stream.AbsentError, at once; without an
// answer within AskTimeout it is stream.ErrNoAnswer. Errors do not name the
// broadcaster first: the caller does.
//
// Who is there the retained presences tell. Ask is subscribed to commands as
// well: when its own comes back, the presences have come before it.
func (c *Conn) Ask(ctx context.Context, id string, command stream.Command) (stream.Answer, time.Duration, error) {
	failed := func(err error) (stream.Answer, time.Duration, error) { return stream.Answer{}, 0, err }
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
	seesAbsence, err := c.subscribeAnswers(ctx, client)
	if err != nil {
		return failed(err)
	}
	q := &question{answer: make(chan stream.Answer, 1), echo: make(chan struct{})}
	c.mu.Lock()
	c.asked[id+"/"+command.ID] = q
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.asked, id+"/"+command.ID)
		c.mu.Unlock()
	}()
	began := time.Now()
	if _, err := client.publish(Message{Topic: stream.CommandTopic(id), Payload: payload}); err != nil {
		return failed(client.unacknowledged(stream.CommandTopic(id), 0, err))
	}
	a, err := c.await(ctx, client, id, q, seesAbsence)
	if errors.Is(err, stream.ErrNoAnswer) {
		if refused := client.RefusedSince(began); refused != nil {
			err = refused
		}
	}
	return a, time.Since(began), err
}

// await waits for the answer to q.
func (c *Conn) await(ctx context.Context, client *Client, id string, q *question, seesAbsence bool) (stream.Answer, error) {
	timeout := time.NewTimer(c.answerTimeout)
	defer timeout.Stop()
	echo, settled := q.echo, (<-chan time.Time)(nil)
	if !seesAbsence {
		echo = nil
	}
	for {
		select {
		case a := <-q.answer:
			return a, nil
		case <-echo:
			echo, settled = nil, time.After(settleTime)
		case <-settled:
			settled = nil
			if err := c.absent(id); err != nil && client.BrokerState().Degraded == "" {
				return stream.Answer{}, err
			}
		case <-timeout.C:
			return stream.Answer{}, client.unanswered(fmt.Errorf("%w within %s", stream.ErrNoAnswer, c.answerTimeout))
		case <-client.lost:
			return stream.Answer{}, client.unacknowledged(stream.CommandTopic(id), 0, client.cause)
		case <-ctx.Done():
			return stream.Answer{}, ctx.Err()
		}
	}
}

// unanswered adds to err that the broker is degraded, if it is: a broadcaster
// whose messages are not acknowledged is disconnected, and comes back for
// moments only.
func (c *Client) unanswered(err error) error {
	degraded := c.BrokerState().Degraded
	if degraded == "" {
		return err
	}
	return stream.WithHint(fmt.Errorf("%w: %s", err, safetext.Clean(degraded)), degradedHint)
}

// absent returns a *stream.AbsentError unless the presence of id says that it is
// here.
func (c *Conn) absent(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	state := c.states[id]
	if state == presenceHere {
		return nil
	}
	e := &stream.AbsentError{ID: id, State: state}
	for other, state := range c.states {
		if state == presenceHere {
			e.Here = append(e.Here, other)
		}
	}
	return e
}

// askFilters are the topic filters that Ask is subscribed to. QoS 0: a Conn also
// publishes, and some brokers mix up the packet ids of both directions.
func askFilters() map[string]byte {
	return map[string]byte{stream.AnswerTopic("+"): 0, stream.PresenceTopic("+"): 0, stream.CommandTopic("+"): 0}
}

// subscribeAnswers subscribes client to what Ask needs, once. It reports whether
// the broker grants what tells that a broadcaster is absent; answers it must.
func (c *Conn) subscribeAnswers(ctx context.Context, client *Client) (seesAbsence bool, err error) {
	c.subscribing.Lock()
	defer c.subscribing.Unlock()
	if c.answering == client {
		return c.seesAbsence, nil
	}
	c.mu.Lock()
	c.states = map[string]string{}
	c.mu.Unlock()
	granted, err := client.request(ctx, askFilters(), dialTimeout, notBusy)
	if err != nil {
		return false, err
	}
	if answers := stream.AnswerTopic("+"); !granted(answers) {
		return false, client.denied(ctx, answers, dialTimeout, notBusy)
	}
	c.answering, c.seesAbsence = client, granted(stream.PresenceTopic("+")) && granted(stream.CommandTopic("+"))
	return c.seesAbsence, nil
}

// maxStates bounds the broadcasters whose presence is remembered.
const maxStates = 20_000

// handle runs on paho's routing goroutine, which must not wait.
func (c *Conn) handle(m stream.Arrival) {
	if id, ok := stream.PresenceID(m.Topic); ok {
		c.handlePresence(id, m.Payload)
		return
	}
	id, isAnswer := stream.AnswerID(m.Topic)
	if !isAnswer {
		id, _ = stream.CommandID(m.Topic)
	}
	var a stream.Answer
	if m.Retained || json.Unmarshal(m.Payload, &a) != nil { // a command has an "id" as well
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	q, ok := c.asked[id+"/"+a.ID]
	switch {
	case !ok:
	case isAnswer:
		select {
		case q.answer <- a:
		default: // answered already
		}
	default:
		select {
		case <-q.echo:
		default:
			close(q.echo)
		}
	}
}

func (c *Conn) handlePresence(id string, payload []byte) {
	var p stream.Presence
	if len(payload) > 0 && json.Unmarshal(payload, &p) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch _, known := c.states[id]; {
	case len(payload) == 0:
		delete(c.states, id)
	case known || len(c.states) < maxStates:
		c.states[id] = p.State
	}
}
