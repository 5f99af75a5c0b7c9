package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"hellox/history/remote"
	"hellox/stream"
)

// Bounds of GET /api/retained: the broker is asked anew each time, and may retain
// more than a person reads.
const (
	retainedTimeout = 10 * time.Second
	maxRetained     = 10_000
)

// EachRetained calls f with each message that the broker retains on topics that match
// the filters, until f returns false.
type EachRetained func(ctx context.Context, filters []string, f func(stream.Arrival) bool) error

// A retainedHandler answers GET /api/retained: what the broker retains now, by topic.
type retainedHandler struct {
	each   EachRetained // nil: 503
	topics []string
}

func (h retainedHandler) list(w http.ResponseWriter, r *http.Request) error {
	values, err := parameters(r, "topic")
	if err != nil {
		return err
	}
	if h.each == nil {
		return &statusError{http.StatusServiceUnavailable, "this page only shows: it has no connection to the broker"}
	}
	filters := h.topics
	if values.Has("topic") {
		filters = values["topic"]
	}
	if err := checkTopics(filters); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), retainedTimeout)
	defer cancel()
	answered := remote.Retained{Messages: []remote.RetainedMessage{}}
	err = h.each(ctx, filters, func(a stream.Arrival) bool {
		if !stream.InStream(a.Topic) {
			return true
		}
		if answered.More = len(answered.Messages) == maxRetained; answered.More {
			return false
		}
		payload, base64 := head(a.Payload)
		answered.Messages = append(answered.Messages, remote.RetainedMessage{Topic: a.Topic, QoS: a.QoS, Payload: payload, Base64: base64, Bytes: len(a.Payload)})
		return true
	})
	if err != nil {
		return fmt.Errorf("read what the broker retains: %w", err)
	}
	slices.SortFunc(answered.Messages, func(a, b remote.RetainedMessage) int { return cmp.Compare(a.Topic, b.Topic) })
	return answer(w, answered)
}
