package web

import (
	"fmt"
	"net/http"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/stats"
)

// An intervalsView is a histogram with the result of a test for uniformity.
type intervalsView struct {
	history.Intervals
	// UniformP is the probability of a histogram at least this uneven if the
	// intervals are uniform between the smallest and the largest one; absent
	// if there are too few.
	UniformP *float64 `json:"uniform_p,omitempty"`
}

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
	views := make([]intervalsView, len(intervals))
	for i, in := range intervals {
		views[i] = viewIntervals(in)
	}
	return answer(w, struct {
		Intervals []intervalsView `json:"intervals"`
		All       intervalsView   `json:"all"`
	}{views, viewIntervals(together(intervals))})
}

func viewIntervals(in history.Intervals) intervalsView {
	v := intervalsView{Intervals: in}
	if v.Counts == nil {
		v.Counts = []uint64{}
	}
	if p, ok := stats.Uniformity(in.Counts, stream.FromMillis(in.StepMS), stream.FromMillis(in.MinMS), stream.FromMillis(in.MaxMS)); ok {
		v.UniformP = &p
	}
	return v
}

// together returns the sum of the histograms, whose steps are equal. Its sender
// is "".
func together(intervals []history.Intervals) history.Intervals {
	var all history.Intervals
	var n, sum float64
	for _, in := range intervals {
		count := float64(total(in.Counts))
		if count == 0 || (all.StepMS != 0 && in.StepMS != all.StepMS) {
			continue
		}
		if n == 0 || in.MinMS < all.MinMS {
			all.MinMS = in.MinMS
		}
		all.MaxMS = max(all.MaxMS, in.MaxMS)
		all.StepMS = in.StepMS
		for len(all.Counts) < len(in.Counts) {
			all.Counts = append(all.Counts, 0)
		}
		for i, c := range in.Counts {
			all.Counts[i] += c
		}
		n += count
		sum += count * in.MeanMS
	}
	if n > 0 {
		all.MeanMS = sum / n
	}
	return all
}

func total(counts []uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}
