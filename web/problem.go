package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"

	"hellox/history"
	"hellox/history/remote"
	"hellox/stream"
	"hellox/stream/filter"
)

// problem answers with an error: its status, and one sentence why.
func problem(w http.ResponseWriter, status int, detail string) {
	writeProblem(w, remote.APIError{Status: status, Detail: detail})
}

func writeProblem(w http.ResponseWriter, p remote.APIError) {
	p.Title = http.StatusText(p.Status)
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // the client may have left
}

// fail answers with err: with 4xx if the client can do something about it, else
// with 5xx.
func fail(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error) {
	var known *statusError
	var filter *filter.Error
	var damaged *history.DamagedError
	switch {
	case errors.As(err, &filter):
		writeProblem(w, remote.APIError{
			Status: http.StatusBadRequest, Detail: err.Error(),
			Column: filter.Column, Expected: filter.Expected,
		})
	case errors.As(err, &known):
		problem(w, known.status, known.detail)
	case errors.Is(err, stream.ErrRefused):
		problem(w, http.StatusBadRequest, err.Error())
	case errors.As(err, &damaged):
		problem(w, http.StatusGone, damaged.Error())
	case errors.Is(err, history.ErrNotFound):
		problem(w, http.StatusNotFound, err.Error())
	case r.Context().Err() != nil:
		// The client has left; the status is for the metrics.
		problem(w, http.StatusServiceUnavailable, "the request ended before its answer")
	case errors.Is(err, context.DeadlineExceeded):
		problem(w, http.StatusGatewayTimeout, err.Error())
	default:
		log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		problem(w, http.StatusInternalServerError, err.Error())
	}
}

// A statusError is a problem whose status and detail are known where it occurs.
type statusError struct {
	status int
	detail string
}

func (e *statusError) Error() string { return e.detail }

func badRequest(detail string) error { return &statusError{http.StatusBadRequest, detail} }
