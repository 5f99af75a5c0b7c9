package web

import (
	"net/http"

	"hellox/stream/filter"
)

// getFilter answers GET /api/filter: whether an expression of the filter
// language parses, so that the page can say so while it is typed, without
// asking the history.
func getFilter(w http.ResponseWriter, r *http.Request) error {
	values, err := parameters(r, "filter")
	if err != nil {
		return err
	}
	filter, err := filter.Parse(values.Get("filter"))
	if err != nil {
		return err
	}
	return answer(w, struct {
		Filter string `json:"filter"`
	}{filter.String()})
}
