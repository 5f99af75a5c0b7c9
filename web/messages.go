package web

import (
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"hellox/history"
)

const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
)

// A messagesHandler answers GET /api/messages and GET /api/messages/ID.
type messagesHandler struct{ store history.Store }

// list answers with one page, in id order.
func (h messagesHandler) list(w http.ResponseWriter, r *http.Request) error {
	q, err := query(r, time.Now())
	if err != nil {
		return err
	}
	page, err := h.store.Messages(r.Context(), q)
	if err != nil {
		return fmt.Errorf("read messages: %w", err)
	}
	w.Header().Set("Vary", "Accept")
	if accepts(r, typeNDJSON) {
		writeLines(w, page)
		return nil
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
	writeJSON(w, append(body, '}', '\n'))
	return nil
}

// writeLines answers with one message per line.
func writeLines(w http.ResponseWriter, page history.Page) {
	if page.Next != 0 {
		w.Header().Set("Hellox-Next", strconv.FormatInt(page.Next, 10))
	}
	w.Header().Set("Content-Type", typeNDJSON)
	var line []byte
	for i := range page.Messages {
		line = append(page.Messages[i].AppendJSON(line[:0]), '\n')
		if _, err := w.Write(line); err != nil {
			return // the client has left
		}
	}
}

// one answers with one message.
func (h messagesHandler) one(w http.ResponseWriter, r *http.Request) error {
	n, err := id("the id", r.PathValue("id"))
	if err == nil {
		_, err = parameters(r)
	}
	if err != nil {
		return err
	}
	m, err := h.store.Message(r.Context(), n)
	if err != nil {
		return fmt.Errorf("read message %d: %w", n, err)
	}
	writeJSON(w, append(m.AppendJSON(nil), '\n'))
	return nil
}

// accepts reports whether r's Accept header names the media type.
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
