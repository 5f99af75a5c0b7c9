package web

import (
	"net/http"

	"hellox/stream/filter"
)

// getFilter answers GET /api/filter: it reports whether an expression of the
// filter language parses. The page asks while the user types, without reading
// the history.
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
