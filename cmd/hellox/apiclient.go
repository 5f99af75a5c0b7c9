package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
	"unicode/utf8"

	"hellox/stream"
)

// An apiClient publishes and tells through a receiver's API, so that what is
// sent takes the way that the page's takes.
type apiClient string // the page's URL

// Publish sends one message; it returns once the broker has acknowledged it.
func (c apiClient) Publish(ctx context.Context, topic string, payload []byte, qos byte, retain bool) error {
	body := map[string]any{"topic": topic, "qos": qos, "retain": retain}
	if utf8.Valid(payload) {
		body["payload"] = string(payload)
	} else {
		body["payload_base64"] = payload
	}
	return c.post(ctx, "/api/publish", body, nil)
}

// Ask sends a command to one broadcaster and returns its answer and how long
// it took there and back, or stream.ErrNoAnswer.
func (c apiClient) Ask(ctx context.Context, id string, command stream.Command) (stream.Answer, time.Duration, error) {
	body := map[string]any{"to": id, "do": command.Do}
	switch command.Do {
	case stream.Say:
		body["text"] = command.Text
	case stream.Interval:
		body["min"], body["max"] = command.Min.String(), command.Max.String()
	}
	var raw json.RawMessage
	if err := c.post(ctx, "/api/command", body, &raw); err != nil {
		return stream.Answer{}, 0, err
	}
	var answer stream.Answer
	var trip struct {
		MS float64 `json:"round_trip_ms"`
	}
	if err := errors.Join(json.Unmarshal(raw, &answer), json.Unmarshal(raw, &trip)); err != nil {
		return stream.Answer{}, 0, fmt.Errorf("read the receiver's answer: %w", err)
	}
	return answer, time.Duration(trip.MS * float64(time.Millisecond)), nil
}

// post sends body and reads the answer into v; a problem document becomes an
// error of its sentence.
func (c apiClient) post(ctx context.Context, path string, body, v any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, string(c)+path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return err
	case resp.StatusCode == http.StatusGatewayTimeout:
		return stream.ErrNoAnswer
	case resp.StatusCode >= 300:
		var problem struct{ Title, Detail string }
		if json.Unmarshal(answer, &problem) == nil && problem.Detail != "" {
			return errors.New(problem.Detail)
		}
		return fmt.Errorf("the receiver answered %s", resp.Status)
	case v == nil:
		return nil
	}
	return json.Unmarshal(answer, v)
}
