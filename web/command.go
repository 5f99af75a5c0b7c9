package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"hellox/history/remote"
	"hellox/stream"
	"hellox/stream/safetext"
)

// A commandHandler answers POST /api/command: it asks one broadcaster and
// answers with its answer, 404 if there is no such broadcaster, or 504 if no answer
// came within five seconds.
type commandHandler struct{ client Client } // nil: 503

func (h commandHandler) post(w http.ResponseWriter, r *http.Request) error {
	to, cmd, err := readCommand(w, r)
	if err != nil {
		return err
	}
	if h.client == nil {
		return &statusError{http.StatusServiceUnavailable, "this page only shows: it has no connection to ask through"}
	}
	ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
	defer cancel()
	reply, took, err := h.client.Ask(ctx, to, cmd)
	var absent *stream.AbsentError
	switch {
	case errors.As(err, &absent):
		return &statusError{http.StatusNotFound, absent.Error()}
	case r.Context().Err() == nil && (errors.Is(err, stream.ErrNoAnswer) || errors.Is(err, context.DeadlineExceeded)):
		return &statusError{http.StatusGatewayTimeout, fmt.Sprintf("no answer from %s within %v", safetext.Clean(to), askTimeout)}
	case err != nil:
		return fmt.Errorf("ask %s: %w", safetext.Clean(to), err)
	}
	return answer(w, stream.Reply{Answer: reply, RoundTrip: took})
}

// readCommand parses r's body: the id of a broadcaster and the command.
func readCommand(w http.ResponseWriter, r *http.Request) (to string, cmd stream.Command, err error) {
	var in remote.Command
	if err := readBody(w, r, &in); err != nil {
		return "", cmd, err
	}
	if !stream.ValidID(in.To) {
		return "", cmd, badRequest("to: this cannot be a broadcaster's id")
	}
	cmd = stream.Command{Do: in.Do, Text: in.Text}
	for _, d := range []struct {
		name, value string
		to          *time.Duration
	}{{"min", in.Min, &cmd.Min}, {"max", in.Max, &cmd.Max}} {
		if d.value == "" {
			continue
		}
		if *d.to, err = time.ParseDuration(d.value); err != nil {
			return "", cmd, badRequest(d.name + " is a duration, such as 1.5s")
		}
	}
	if err := cmd.Check(); err != nil {
		return "", cmd, badRequest(err.Error())
	}
	return in.To, cmd, nil
}
