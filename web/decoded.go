package web

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"unicode/utf8"

	"hellox/stream/decode"
)

// decoded is the answer to GET /api/messages/ID/decoded.
type decoded struct {
	ID int64 `json:"id"`
	// Encodings that were undone, the outermost first; none: the payload of the
	// message is what it is, and there is no other one here.
	Encodings []string `json:"encodings"`
	MediaType string   `json:"media_type"`
	Width     int      `json:"width,omitempty"`
	Height    int      `json:"height,omitempty"`
	Payload   *string  `json:"payload,omitempty"`
	Base64    string   `json:"payload_base64,omitempty"`
	Problem   string   `json:"problem,omitempty"`
}

// decoded answers with what the payload of one message holds.
func (h messagesHandler) decoded(w http.ResponseWriter, r *http.Request) error {
	n, err := id("the id", r.PathValue("id"))
	if err == nil {
		_, err = parameters(r)
	}
	if err != nil {
		return err
	}
	m, err := h.store.Message(r.Context(), n)
	if err != nil {
		return fmt.Errorf("read message %d: %w", n, err)
	}
	got := decode.Decode(m.Topic, m.Payload)
	body := decoded{ID: n, Encodings: got.Encodings, MediaType: got.MediaType, Width: got.Width, Height: got.Height, Problem: got.Problem}
	switch {
	case len(got.Encodings) == 0:
		body.Encodings = []string{}
	case utf8.Valid(got.Content):
		text := string(got.Content)
		body.Payload = &text
	default:
		body.Base64 = base64.StdEncoding.EncodeToString(got.Content)
	}
	return answer(w, body)
}
