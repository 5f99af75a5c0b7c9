package lines

import (
	"bufio"
	"fmt"
	"io"
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
	case e.Evicted > w.last:
		n := uint64(e.Evicted - w.last)
		w.last = e.Evicted
		return w.aside("⋯ " + units.Count(n) + " dropped: they came faster than they were read")
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

// columns writes time, sender, text, delta and latency.
func (w *writer) columns(m *stream.Message) error {
	if m.Missed > 0 {
		if err := w.aside(missed(m)); err != nil {
			return err
		}
	}
	sender := safetext.Topic(m.Sender)
	text := theme.Marks(m) + w.text(m)
	w.senderW = max(w.senderW, min(cells.Width(sender), maxSenderWidth))
	w.textW = max(w.textW, min(cells.Width(text), maxTextWidth))
	d := ""
	if m.Delta != stream.None {
		d = "Δ " + cells.Right(units.Delta(m.Delta), 10)
	}
	tail := "  " + cells.Right(d, 12)
	if m.Latency != stream.None {
		tail += "  " + cells.Right(units.Latency(m.Latency), 8)
	}
	_, err := fmt.Fprintln(w.out, w.theme.Grey.Apply(m.Received.In(w.o.Now().Location()).Format(units.Clock))+" "+
		w.theme.Bar(m.Sender, m.Color, false)+pad(sender, w.senderW)+"  "+pad(text, w.textW)+tail)
	return err
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
	return "⋯ " + safetext.Topic(m.Sender) + ": " + units.Count(m.Missed) + " missed"
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
		text = "● connected"
	case stream.Retrying:
		text = "◌ retrying"
		if in := l.Retry.Sub(w.o.Now()); in >= time.Second {
			text = "◌ retry in " + units.Elapsed(in+time.Second/2)
		}
	case stream.Ended:
		text = "⨯ ended"
	default:
		return nil
	}
	if l.Cause != "" {
		text += ": " + safetext.Clean(l.Cause)
	}
	return w.writeErr(text)
}

// writeErr writes a line to Err, after the messages before it.
func (w *writer) writeErr(text string) error {
	if err := w.out.Flush(); err != nil {
		return err
	}
	_, _ = io.WriteString(w.o.Err, text+"\n") // a closed stderr ends nothing
	return nil
}
