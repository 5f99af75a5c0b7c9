package web

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"hellox/history/remote"
	"hellox/stream"
)

// A publishHandler answers POST /api/publish.
type publishHandler struct {
	client Client // nil: 503
	topics []string
	shared bool // as Options.Shared
}

// unstored returns why what is published will not be stored and shown, or "".
func (h publishHandler) unstored(topic string, qos byte) string {
	subscribed := stream.InStream(topic) && slices.ContainsFunc(h.topics, func(f string) bool { return stream.MatchTopic(f, topic) })
	switch {
	case !subscribed:
		return "the receiver does not subscribe to this topic"
	case qos == 0 && h.shared:
		return "a broker of several nodes passes QoS 0 on and stores it nowhere"
	}
	return ""
}

func (h publishHandler) post(w http.ResponseWriter, r *http.Request) error {
	p, err := readPublication(w, r)
	if err != nil {
		return err
	}
	if h.client == nil {
		return &statusError{http.StatusServiceUnavailable, "this page only shows: it has no connection to publish through"}
	}
	ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
	defer cancel()
	if err := h.client.Publish(ctx, p.topic, p.payload, p.qos, p.retain); err != nil {
		return fmt.Errorf("publish to %q: %w", p.topic, err)
	}
	unstored := h.unstored(p.topic, p.qos)
	return answer(w, struct {
		Topic    string `json:"topic"`
		Bytes    int    `json:"bytes"`
		QoS      byte   `json:"qos"`
		Retain   bool   `json:"retain"`
		Stored   bool   `json:"stored"`
		Unstored string `json:"unstored,omitempty"`
	}{p.topic, len(p.payload), p.qos, p.retain, unstored == "", unstored})
}

// A publication is a message to publish.
type publication struct {
	topic   string
	payload []byte
	qos     byte
	retain  bool
}

// readPublication parses and checks r's body.
func readPublication(w http.ResponseWriter, r *http.Request) (publication, error) {
	var in remote.Publication
	if err := readBody(w, r, &in); err != nil {
		return publication{}, err
	}
	p := publication{topic: in.Topic, payload: in.Base64, qos: 1, retain: in.Retain}
	if in.QoS != nil {
		p.qos = *in.QoS
	}
	if in.Payload != nil {
		p.payload = []byte(*in.Payload)
	}
	if err := stream.CheckTopic(p.topic); err != nil {
		return p, badRequest(err.Error())
	}
	switch {
	case strings.HasPrefix(p.topic, "hellox/") || strings.HasPrefix(p.topic, "$"):
		return p, badRequest("topics under hellox/ and $ are hellox's and the broker's own; broadcasters are told what to do by a command")
	case in.Payload == nil && in.Base64 == nil:
		// Retained, an empty payload clears: that is not to happen by an omission.
		return p, badRequest(`give payload or payload_base64; "" is the empty payload`)
	case in.Payload != nil && in.Base64 != nil:
		return p, badRequest("give payload or payload_base64, not both")
	case p.qos > 2:
		return p, badRequest("qos is 0, 1 or 2")
	}
	if err := stream.CheckSize(p.topic, p.payload); err != nil {
		return p, &statusError{http.StatusRequestEntityTooLarge, err.Error()}
	}
	return p, nil
}
