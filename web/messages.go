package web

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sync/semaphore"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/decode"
	"hellox/web/export"
)

const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
)

// A messagesHandler answers GET /api/messages, GET /api/messages/ID, what its
// payload holds, and GET /api/export.
type messagesHandler struct {
	store history.Store
	// decodings that may run at once: each has its payload, what is in it and the
	// answer in memory, up to some 15 MiB.
	decodings *semaphore.Weighted
}

const maxDecodings = 2

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

// named returns the message whose id is in the path.
func (h messagesHandler) named(r *http.Request) (m stream.Message, err error) {
	n, err := id("the id", r.PathValue("id"))
	if err == nil {
		_, err = parameters(r)
	}
	if err != nil {
		return m, err
	}
	if m, err = h.store.Message(r.Context(), n); err != nil {
		return m, fmt.Errorf("read message %d: %w", n, err)
	}
	return m, nil
}

// one answers with one message.
func (h messagesHandler) one(w http.ResponseWriter, r *http.Request) error {
	m, err := h.named(r)
	if err != nil {
		return err
	}
	writeJSON(w, append(m.AppendJSON(nil), '\n'))
	return nil
}

// decoded is the answer to GET /api/messages/ID/decoded.
type decoded struct {
	ID int64 `json:"id"`
	// Encodings that were undone, the outermost first; none: the payload of the
	// message is what it is, and there is no other one here.
	Encodings []string `json:"encodings"`
	MediaType string   `json:"media_type"`
	Width     int      `json:"width,omitempty"`
	Height    int      `json:"height,omitempty"`
	Payload   *string  `json:"payload,omitempty"`
	Base64    string   `json:"payload_base64,omitempty"`
	Problem   string   `json:"problem,omitempty"`
}

// decoded answers with what the payload of one message holds.
func (h messagesHandler) decoded(w http.ResponseWriter, r *http.Request) error {
	m, err := h.named(r)
	if err != nil {
		return err
	}
	body, err := h.decode(r.Context(), &m)
	if err != nil {
		return err
	}
	writeJSON(w, append(body, '\n'))
	return nil
}

// decode returns the answer about m. It waits for its turn.
func (h messagesHandler) decode(ctx context.Context, m *stream.Message) ([]byte, error) {
	if err := h.decodings.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait to decode message %d: %w", m.ID, err)
	}
	defer h.decodings.Release(1)
	got := decode.Decode(m.Topic, m.Payload)
	body := decoded{ID: m.ID, Encodings: got.Encodings, MediaType: got.MediaType, Width: got.Width, Height: got.Height, Problem: got.Problem}
	switch {
	case len(got.Encodings) == 0:
		body.Encodings = []string{}
	case isText(got.Content):
		text := string(got.Content)
		body.Payload = &text
	default:
		body.Base64 = base64.StdEncoding.EncodeToString(got.Content)
	}
	return encode(body)
}

// isText reports whether content is text that JSON writes in no more bytes than
// base64: a control character takes six.
func isText(content []byte) bool {
	if !utf8.Valid(content) {
		return false
	}
	controls := 0
	for _, b := range content {
		if b < ' ' && b != '\n' && b != '\t' && b != '\r' {
			controls++
		}
	}
	return 5*controls <= len(content)/3
}

// export answers with every message that a selection matches, up to the newest one
// now, as a file.
func (h messagesHandler) export(w http.ResponseWriter, r *http.Request) error {
	values, err := parameters(r, "format", "since", "until", "topic", "sender", "filter")
	if err != nil {
		return err
	}
	now := time.Now()
	q := export.First()
	if q.Since, err = moment("since", values.Get("since"), now); err != nil {
		return err
	}
	if q.Until, err = moment("until", values.Get("until"), now); err != nil {
		return err
	}
	if q.Select, err = selection(values); err != nil {
		return err
	}
	format, ok := export.Formats[cmp.Or(values.Get("format"), "ndjson")]
	if !ok {
		return badRequest("format is ndjson, csv or spreadsheet")
	}
	stats, err := h.store.Stats(r.Context())
	if err != nil {
		return fmt.Errorf("read the newest id: %w", err)
	}
	page, err := h.store.Messages(r.Context(), q) // an error is still told by a status
	if err != nil {
		return fmt.Errorf("read messages: %w", err)
	}
	w.Header().Set("Content-Type", format.MediaType)
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=hellox-%s.%s", now.UTC().Format("20060102T150405Z"), format.Extension))
	control := http.NewResponseController(w)
	// Each page has the time that a whole answer has.
	more := func() error { return unlessUnsupported(control.SetWriteDeadline(time.Now().Add(writeTimeout))) }
	if export.Write(r.Context(), h.store, q, page, stats.LastID, format, w, more) != nil {
		panic(http.ErrAbortHandler) // half a file must not look like a whole one
	}
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

// unlessUnsupported returns err, unless it says that a connection has no deadlines,
// as in tests.
func unlessUnsupported(err error) error {
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}
