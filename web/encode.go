package web

import (
	"encoding/json"
	"fmt"
	"strconv"

	"hellox/history"
	"hellox/stream"
)

// encode is json.Marshal with invisible characters escaped, as
// stream.AppendString escapes them in messages: a terminal that curl prints the
// answer to does not act on it.
func encode(v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	return stream.EscapeJSON(plain), nil
}

// appendEvent appends e as a Server-Sent Event.
func appendEvent(b []byte, e *history.Event) []byte {
	switch {
	case e.Message != nil:
		b = append(b, "id: "...)
		b = strconv.AppendInt(b, e.Message.ID, 10)
		b = append(b, "\nevent: message\ndata: "...)
		if e.JSON != nil {
			b = append(b, e.JSON...)
		} else {
			b = e.Message.AppendJSON(b)
		}
		return append(b, "\n\n"...)
	case e.Sender != nil:
		return appendOther(b, "sender", e.JSON, e.Sender)
	case e.Link != nil:
		return appendOther(b, "link", e.JSON, e.Link)
	}
	return fmt.Appendf(b, "event: evicted\ndata: {\"id\":%d}\n\n", e.Evicted)
}

// appendOther appends an event other than a message: body, or v encoded.
func appendOther(b []byte, event string, body []byte, v any) []byte {
	if body == nil {
		var err error
		if body, err = encode(v); err != nil {
			// A rate that is not a number: drop the event, keep the stream.
			return append(b, ": "+event+" could not be encoded\n\n"...)
		}
	}
	return fmt.Appendf(b, "event: %s\ndata: %s\n\n", event, body)
}
