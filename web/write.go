package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"hellox/stream"
)

const (
	maxBody = 1 << 20
	// maxPacket bounds topic and payload together, so that the MQTT packet
	// around them stays within the broker's 256 KiB. A client that sends a
	// larger one is cut off, comes back, and sends it again.
	maxPacket  = 256<<10 - 64
	askTimeout = 5 * time.Second
)

// readBody decodes r's body, one JSON object, into v. Unknown fields are
// refused: a misspelt "retain" must not publish without it.
func readBody(w http.ResponseWriter, r *http.Request, v any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(v)
	if err == nil {
		if _, more := decoder.Token(); more != io.EOF {
			err = errors.New("something follows the object")
		}
	}
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &tooLarge):
		return &badRequest{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", tooLarge.Limit)}
	}
	return refuse("the body is not the JSON object that is expected here: " + strings.TrimPrefix(err.Error(), "json: "))
}

// postPublish answers POST /api/publish.
func (s *Server) postPublish(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Topic   string  `json:"topic"`
		Payload *string `json:"payload"`
		Base64  []byte  `json:"payload_base64"`
		QoS     *byte   `json:"qos"`
		Retain  bool    `json:"retain"`
	}
	if err := readBody(w, r, &in); err != nil {
		s.fail(w, r, err)
		return
	}
	payload, qos, err := in.Base64, byte(1), stream.CheckTopic(in.Topic)
	if in.QoS != nil {
		qos = *in.QoS
	}
	switch {
	case err != nil:
		err = refuse(err.Error())
	case strings.HasPrefix(in.Topic, "hellox/") || strings.HasPrefix(in.Topic, "$"):
		err = refuse("topics under hellox/ and $ are not for publishing; POST /api/command speaks to a broadcaster")
	case in.Payload != nil && in.Base64 != nil:
		err = refuse("give payload or payload_base64, not both")
	case qos > 2:
		err = refuse("qos is 0, 1 or 2")
	case in.Payload != nil:
		payload = []byte(*in.Payload)
	}
	if err == nil && len(in.Topic)+len(payload) > maxPacket {
		err = &badRequest{http.StatusRequestEntityTooLarge, fmt.Sprintf("topic and payload together are larger than the %d bytes that the broker takes", maxPacket)}
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if s.client == nil {
		problem(w, http.StatusServiceUnavailable, "this page only shows: it has no connection to publish through")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
	defer cancel()
	if err := s.client.Publish(ctx, in.Topic, payload, qos, in.Retain); err != nil {
		s.fail(w, r, fmt.Errorf("publish to %q: %w", in.Topic, err))
		return
	}
	s.answer(w, r, struct {
		Topic  string `json:"topic"`
		Bytes  int    `json:"bytes"`
		QoS    byte   `json:"qos"`
		Retain bool   `json:"retain"`
	}{in.Topic, len(payload), qos, in.Retain})
}
