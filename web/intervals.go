package web

import (
	"fmt"
	"net/http"

	"hellox/history"
)

// An intervalsHandler answers GET /api/stats/intervals: each sender's
// histogram, and that of all together.
type intervalsHandler struct{ store history.Store }

func (h intervalsHandler) get(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	intervals, err := h.store.Intervals(r.Context())
	if err != nil {
		return fmt.Errorf("read intervals: %w", err)
	}
	if intervals == nil {
		intervals = []history.Intervals{} // [], not null
	}
	return answer(w, struct {
		Intervals []history.Intervals `json:"intervals"`
		All       history.Intervals   `json:"all"`
	}{intervals, history.SumIntervals(intervals)})
}
