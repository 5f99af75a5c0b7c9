package web

import (
	"fmt"
	"net/http"
	"time"

	"hellox/history"
)

// A statsHandler answers GET /api/stats: the history's, the installation's
// name, and the receiver's clock, by which every time in the API is to be read.
type statsHandler struct {
	store history.Store
	name  func() string
}

func (h statsHandler) get(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	stats, err := h.store.Stats(r.Context())
	if err != nil {
		return fmt.Errorf("read stats: %w", err)
	}
	stats.Name, stats.Now = h.name(), time.Now()
	return answer(w, stats)
}
