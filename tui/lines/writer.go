package lines

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/jsonview"
	"hellox/stream/safetext"
	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// A writer writes events as lines. Columns grow as wider values come, since
// those to come are not known.
type writer struct {
	out     *bufio.Writer
	theme   *theme.Theme
	o       Options
	n       int   // messages written
	last    int64 // ID of the newest
	senderW int
	textW   int
	buf     []byte
	day     string // of the message before; "": there was none

	degraded string    // as it was said last
	looked   time.Time // when it was looked at

	limited context.Context //nolint:containedctx // until it is looked at again, however many batches come
	cancel  context.CancelFunc
}

// The largest widths of columns. A longer value is still written whole.
const (
	maxSenderWidth = 32
	maxTextWidth   = 48
)

// event writes one event.
func (w *writer) event(e *history.Event) error {
	switch {
	case e.Message != nil:
		w.n++
		w.last = e.Message.ID
		if w.o.JSON {
			return w.json(e)
		}
		return w.columns(e.Message)
	case e.Link != nil:
		return w.link(e.Link)
	case e.Anew:
		w.last = 0
		return w.writeErr("this is another history, or an earlier copy of the one before")
	case e.Evicted > w.last:
		n := uint64(e.Evicted - w.last)
		w.last = e.Evicted
		return w.aside(units.Count(n) + " dropped: they came faster than they were read")
	}
	return nil
}

// json writes a message as an object, and its gap to Err.
func (w *writer) json(e *history.Event) error {
	if e.Message.Missed > 0 {
		if err := w.aside(missed(e.Message)); err != nil {
			return err
		}
	}
	b := e.JSON
	if b == nil {
		w.buf = e.Message.AppendJSON(w.buf[:0])
		b = w.buf
	}
	if _, err := w.out.Write(b); err != nil {
		return err
	}
	return w.out.WriteByte('\n')
}

// columns writes time, sender, text, delta and latency. What they are is said in
// words, so that a screen reader, which has no columns, reads a line as a sentence.
func (w *writer) columns(m *stream.Message) error {
	received := m.Received.In(w.o.Now().Location())
	if err := w.head(received); err != nil {
		return err
	}
	if m.Missed > 0 {
		if err := w.aside(missed(m)); err != nil {
			return err
		}
	}
	sender := safetext.Topic(m.Sender)
	text := words(m) + w.text(m)
	w.senderW = max(w.senderW, min(cells.Width(sender), maxSenderWidth))
	w.textW = max(w.textW, min(cells.Width(text), maxTextWidth))
	line := w.theme.Grey.Apply(received.Format(units.Clock)) + "  " + pad(sender, w.senderW) + "  "
	var tail []string
	if m.Delta != stream.None {
		tail = append(tail, units.Delta(m.Delta)+" after its last")
	}
	if m.Latency != stream.None {
		tail = append(tail, "latency "+units.Latency(m.Latency))
	}
	if len(tail) == 0 {
		line += text
	} else {
		line += pad(text, w.textW) + "  " + strings.Join(tail, ", ")
	}
	_, err := fmt.Fprintln(w.out, line)
	return err
}

// head writes the names of the columns before the first message, and the date before
// the first one of a day.
func (w *writer) head(received time.Time) error {
	if w.day == "" {
		names := pad("time", len(units.Clock)) + "  " + pad("sender", w.senderW) + "  " + pad("message", w.textW) + "  since its last, latency"
		if _, err := fmt.Fprintln(w.out, w.theme.Grey.Apply(names)); err != nil {
			return err
		}
	}
	day := received.Format("Monday, 2006-01-02")
	if day == w.day {
		return nil
	}
	w.day = day
	_, err := fmt.Fprintln(w.out, w.theme.Grey.Apply(day))
	return err
}

// words says what the signs of the screen say.
func words(m *stream.Message) string {
	s := ""
	if m.Retained {
		s += "retained: "
	}
	if m.Reordered {
		s += "reordered: "
	}
	return s
}

// text returns the text of a broadcast, of others the payload.
func (w *writer) text(m *stream.Message) string {
	switch {
	case m.Ours:
		return safetext.Clean(m.Text)
	case len(m.Payload) == 0:
		return w.theme.Grey.Apply("(empty)")
	}
	return jsonview.Line(string(m.Payload))
}

// pad appends spaces to s up to n cells. A longer one stays whole.
func pad(s string, n int) string { return s + cells.Spaces(n-cells.Width(s)) }

// missed describes the gap before a message.
func missed(m *stream.Message) string {
	return safetext.Topic(m.Sender) + ": " + units.Count(m.Missed) + " missed"
}

// aside writes a remark about the messages: between them, or with JSON to Err.
func (w *writer) aside(text string) error {
	if !w.o.JSON {
		_, err := fmt.Fprintln(w.out, w.theme.Red.Apply(text))
		return err
	}
	return w.writeErr(text)
}

// link writes the state of the link to Err.
func (w *writer) link(l *stream.Link) error {
	text := ""
	switch l.State {
	case stream.Connected:
		text = "connected"
	case stream.Retrying:
		text = "retrying"
		if in := l.Retry.Sub(w.o.Now()); in >= time.Second {
			text = "retry in " + units.Elapsed(in+time.Second/2)
		}
	case stream.Ended:
		text = "ended"
	default:
		return nil
	}
	if l.Cause != "" {
		text += ": " + safetext.Clean(l.Cause)
	}
	return w.writeErr(text)
}

// look tells when the stream is degraded, and when it is well again.
func (w *writer) look(ctx context.Context) error {
	if w.o.Degraded == nil || time.Since(w.looked) < lookInterval {
		return nil
	}
	w.looked = time.Now()
	why := w.o.Degraded(ctx)
	if why == w.degraded {
		return nil
	}
	w.degraded = why
	if why == "" {
		return w.writeErr("no longer degraded: messages are acknowledged again")
	}
	return w.writeErr("degraded: " + safetext.Clean(why))
}

// writeErr writes a line to Err, after the messages before it.
func (w *writer) writeErr(text string) error {
	if err := w.out.Flush(); err != nil {
		return err
	}
	_, _ = io.WriteString(w.o.Err, text+"\n") // a closed stderr ends nothing
	return nil
}
