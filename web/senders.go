package web

import (
	"fmt"
	"net/http"

	"hellox/history"
	"hellox/stream"
)

// A sendersHandler answers GET /api/senders.
type sendersHandler struct{ store history.Store }

func (h sendersHandler) list(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	senders, err := h.store.Senders(r.Context())
	if err != nil {
		return fmt.Errorf("read senders: %w", err)
	}
	if senders == nil {
		senders = []stream.Sender{} // [], not null
	}
	return answer(w, struct {
		Senders []stream.Sender `json:"senders"`
	}{senders})
}
