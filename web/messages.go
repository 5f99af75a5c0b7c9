package web

import (
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"hellox/history"
)

const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
)

// getMessages answers GET /api/messages: one page, in id order.
func (s *Server) getMessages(w http.ResponseWriter, r *http.Request) {
	q, err := s.query(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	page, err := s.store.Messages(r.Context(), q)
	if err != nil {
		s.fail(w, r, fmt.Errorf("read messages: %w", err))
		return
	}
	w.Header().Set("Vary", "Accept")
	if accepts(r, typeNDJSON) {
		writeLines(w, page)
		return
	}
	body := append(make([]byte, 0, 64+512*len(page.Messages)), `{"messages":[`...)
	for i := range page.Messages {
		if i > 0 {
			body = append(body, ',')
		}
		body = page.Messages[i].AppendJSON(body)
	}
	body = append(body, ']')
	if page.Next != 0 {
		body = append(body, `,"next":`...)
		body = strconv.AppendInt(body, page.Next, 10)
	}
	writeJSON(w, http.StatusOK, append(body, '}', '\n'))
}

// writeLines answers with a message a line.
func writeLines(w http.ResponseWriter, page history.Page) {
	if page.Next != 0 {
		w.Header().Set("Hellox-Next", strconv.FormatInt(page.Next, 10))
	}
	w.Header().Set("Content-Type", typeNDJSON)
	var line []byte
	for i := range page.Messages {
		line = append(page.Messages[i].AppendJSON(line[:0]), '\n')
		if _, err := w.Write(line); err != nil {
			return // the client left
		}
	}
}

// getMessage answers GET /api/messages/ID.
func (s *Server) getMessage(w http.ResponseWriter, r *http.Request) {
	n, err := id("the id", r.PathValue("id"))
	if err == nil {
		_, err = parameters(r)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	m, err := s.store.Message(r.Context(), n)
	if err != nil {
		s.fail(w, r, fmt.Errorf("read message %d: %w", n, err))
		return
	}
	writeJSON(w, http.StatusOK, append(m.AppendJSON(nil), '\n'))
}

// writeJSON answers with body, one JSON value.
func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", typeJSON)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that left needs no answer
}

// accepts tells whether r's Accept names the media type.
func accepts(r *http.Request, mediaType string) bool {
	for _, header := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(header, ",") {
			if t, _, err := mime.ParseMediaType(part); err == nil && t == mediaType {
				return true
			}
		}
	}
	return false
}
