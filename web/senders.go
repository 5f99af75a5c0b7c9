package web

import (
	"fmt"
	"net/http"

	"hellox/history"
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
	views := make([]senderView, len(senders))
	for i := range senders {
		views[i] = viewSender(&senders[i])
	}
	return answer(w, struct {
		Senders []senderView `json:"senders"`
	}{views})
}
