package web

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"hellox/history"
	"hellox/stream/safetext"
)

// encode is json.Marshal with invisible characters escaped, as
// stream.AppendString escapes them in messages: a terminal that curl prints the
// answer to does not act on it.
func encode(v any) ([]byte, error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", v, err)
	}
	safe := plain[:0:0]
	for i := 0; i < len(plain); {
		if c := plain[i]; c < utf8.RuneSelf && c != 0x7f {
			safe = append(safe, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(plain[i:])
		switch {
		case safetext.Visible(r):
			safe = append(safe, plain[i:i+n]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			safe = fmt.Appendf(safe, `\u%04x\u%04x`, high, low)
		default:
			safe = fmt.Appendf(safe, `\u%04x`, r)
		}
		i += n
	}
	return safe, nil
}

// encodeEvent writes an event as it goes over the wire.
func encodeEvent(e *history.Event) entry {
	switch {
	case e.Message != nil:
		return entry{id: e.Message.ID, message: e.Message, frame: messageFrame(e.Message.ID, e.JSON, e.Message.AppendJSON)}
	case e.Sender != nil:
		return entry{sender: e.Sender.Sender, frame: eventFrame("sender", viewSender(e.Sender))}
	case e.Link != nil:
		return entry{frame: eventFrame("link", viewLink(e.Link))}
	}
	return entry{frame: evictedFrame(e.Evicted)}
}

// messageFrame writes a message's event: body, or what appendBody appends.
func messageFrame(id int64, body []byte, appendBody func([]byte) []byte) []byte {
	frame := make([]byte, 0, 64+max(len(body), 512))
	frame = append(frame, "id: "...)
	frame = strconv.AppendInt(frame, id, 10)
	frame = append(frame, "\nevent: message\ndata: "...)
	if body != nil {
		frame = append(frame, body...)
	} else {
		frame = appendBody(frame)
	}
	return append(frame, "\n\n"...)
}

func evictedFrame(id int64) []byte {
	return fmt.Appendf(nil, "event: evicted\ndata: {\"id\":%d}\n\n", id)
}

// eventFrame writes v, a struct of strings, numbers and times, as an event.
func eventFrame(event string, v any) []byte {
	body, err := encode(v)
	if err != nil {
		// A rate that is no number: better an event less than a stream less.
		return []byte(": " + event + " could not be encoded\n\n")
	}
	return fmt.Appendf(nil, "event: %s\ndata: %s\n\n", event, body)
}
