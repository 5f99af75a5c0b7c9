package web

import (
	"log/slog"
	"net/http"
	"strconv"
)

// A handlerFunc answers one operation of the API. An error that it returns is
// answered as a problem.
type handlerFunc func(w http.ResponseWriter, r *http.Request) error

// problems answers with the error of next, if it returns one.
func problems(log *slog.Logger, next handlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := next(w, r); err != nil {
			fail(w, r, log, err)
		}
	}
}

// answer answers with v as JSON.
func answer(w http.ResponseWriter, v any) error {
	body, err := encode(v)
	if err != nil {
		return err
	}
	writeJSON(w, append(body, '\n'))
	return nil
}

// writeJSON answers with body, one JSON value.
func writeJSON(w http.ResponseWriter, body []byte) {
	w.Header().Set("Content-Type", typeJSON)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the client may have left
}
