package web

import (
	"net/http"

	"hellox/stream"
)

// getFilter answers GET /api/filter: whether an expression of the filter
// language parses, so that the page can say so while it is typed, without
// asking the history.
func (s *Server) getFilter(w http.ResponseWriter, r *http.Request) {
	values, err := parameters(r, "filter")
	if err != nil {
		s.fail(w, r, err)
		return
	}
	filter, err := stream.ParseFilter(values.Get("filter"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.answer(w, r, struct {
		Filter string `json:"filter"`
	}{filter.String()})
}
