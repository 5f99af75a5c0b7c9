package web

import (
	"fmt"
	"net/http"
	"time"

	"hellox/web/timeline"
)

// Bounds of the timeline.
const (
	defaultSpan = time.Hour
	defaultBins = 180
)

// A timelineHandler answers GET /api/timeline: messages a step from since until now,
// what was missed in them, how long they travelled, and their intervals.
type timelineHandler struct{ timeline *timeline.Timeline }

func (h timelineHandler) get(w http.ResponseWriter, r *http.Request) error {
	values, err := parameters(r, "since", "bins", "topic", "sender", "filter")
	if err != nil {
		return err
	}
	sel, err := selection(values)
	if err != nil {
		return err
	}
	bins, err := numberOr(values, "bins", defaultBins, timeline.MaxBins)
	if err != nil {
		return err
	}
	now := time.Now()
	since, err := moment("since", values.Get("since"), now)
	if err != nil {
		return err
	}
	if since.IsZero() {
		since = now.Add(-defaultSpan)
	}
	if !since.Before(now) {
		return badRequest("since is not in the past")
	}
	counts, err := h.timeline.Read(r.Context(), sel, since, now, bins)
	if err != nil {
		return fmt.Errorf("read the timeline: %w", err)
	}
	return answer(w, counts)
}
