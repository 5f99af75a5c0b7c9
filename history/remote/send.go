package remote

import (
	"context"
	"errors"
	"net/http"
	"time"
	"unicode/utf8"

	"hellox/stream"
)

// A Publication is the body of POST /api/publish. Payload is the payload if it
// is UTF-8, else Base64 is.
type Publication struct {
	Topic   string  `json:"topic"`
	Payload *string `json:"payload,omitempty"`
	Base64  []byte  `json:"payload_base64,omitempty"`
	QoS     *byte   `json:"qos,omitempty"` // nil: 1
	Retain  bool    `json:"retain"`
}

// A Command is the body of POST /api/command. Min and Max are durations.
type Command struct {
	Do   stream.Verb `json:"do"`
	Max  string      `json:"max,omitempty"`
	Min  string      `json:"min,omitempty"`
	Text string      `json:"text,omitempty"`
	To   string      `json:"to"`
}

// Pods is the body of POST /api/pods.
type Pods struct {
	Pods []stream.Pod `json:"pods"`
}

// TellPods tells the receiver what is known of the pods behind the senders. It takes
// the place of what was told before.
func (r *Client) TellPods(ctx context.Context, pods []stream.Pod) error {
	if pods == nil {
		pods = []stream.Pod{} // [], not null
	}
	return noAnswer(r.post(ctx, "/api/pods", Pods{pods}, nil))
}

// Publish sends one message. It returns once the broker has acknowledged it.
func (r *Client) Publish(ctx context.Context, topic string, payload []byte, qos byte, retain bool) error {
	body := Publication{Topic: topic, QoS: &qos, Retain: retain}
	if text := string(payload); utf8.ValidString(text) {
		body.Payload = &text
	} else {
		body.Base64 = payload
	}
	return noAnswer(r.post(ctx, "/api/publish", body, nil))
}

// Ask sends a command to one broadcaster and returns its answer and the time of
// the round trip, or stream.ErrNoAnswer.
func (r *Client) Ask(ctx context.Context, id string, command stream.Command) (stream.Answer, time.Duration, error) {
	body := Command{To: id, Do: command.Do}
	switch command.Do {
	case stream.Say:
		body.Text = command.Text
	case stream.Interval:
		body.Min, body.Max = command.Min.String(), command.Max.String()
	}
	var reply stream.Reply
	if err := noAnswer(r.post(ctx, "/api/command", body, &reply)); err != nil {
		return stream.Answer{}, 0, err
	}
	return reply.Answer, reply.RoundTrip, nil
}

// noAnswer turns the status of a time limit that was reached into
// stream.ErrNoAnswer.
func noAnswer(err error) error {
	var problem *APIError
	if errors.As(err, &problem) && problem.Status == http.StatusGatewayTimeout {
		return stream.ErrNoAnswer
	}
	return err
}
