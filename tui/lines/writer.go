package lines

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/safetext"
	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// lineWriter writes events as lines. Columns grow with what comes, so that
// lines stand below each other without knowing what is to come.
type writer struct {
	out     *bufio.Writer
	styles  *theme.Theme
	o       Options
	n       int   // messages written
	last    int64 // id of the newest
	senderW int
	textW   int
	buf     []byte
}

// No column grows beyond these cells; a longer text is still written whole.
const (
	maxSenderWidth = 32
	maxTextWidth   = 48
)

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

// json writes the message as an object, and its gap to whoever reads along.
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
	s := w.styles
	if m.Missed > 0 {
		if err := w.aside(missed(m)); err != nil {
			return err
		}
	}
	sender := safetext.Clean(m.Sender)
	say := theme.Marks(m) + safetext.Clean(string(m.Payload))
	if m.Ours {
		say = theme.Marks(m) + safetext.Clean(m.Text)
	}
	w.senderW = max(w.senderW, min(cells.Width(sender), maxSenderWidth))
	w.textW = max(w.textW, min(cells.Width(say), maxTextWidth))
	d := ""
	if m.Delta != stream.None {
		d = "Δ " + cells.Right(units.Delta(m.Delta), 10)
	}
	tail := "  " + cells.Right(d, 12)
	if m.Latency != stream.None {
		tail += "  " + cells.Right(units.Latency(m.Latency), 8)
	}
	_, err := fmt.Fprintln(w.out, s.Grey.Apply(m.Received.In(w.o.Now().Location()).Format(units.Clock))+" "+
		s.Bar(m.Sender, m.Color, false)+pad(sender, w.senderW)+"  "+pad(say, w.textW)+tail)
	return err
}

// pad fills s up to n cells; a longer one stays whole.
func pad(s string, n int) string { return s + cells.Spaces(n-cells.Width(s)) }

func missed(m *stream.Message) string {
	return "⋯ " + safetext.Clean(m.Sender) + ": " + units.Count(m.Missed) + " missed"
}

// aside says something about the messages: among them for a person, beside
// them where a program reads.
func (w *writer) aside(words string) error {
	if !w.o.JSON {
		_, err := fmt.Fprintln(w.out, w.styles.Red.Apply(words))
		return err
	}
	// Whoever reads the messages must have those before it by now.
	if err := w.out.Flush(); err != nil {
		return err
	}
	_, _ = io.WriteString(w.o.Err, words+"\n") // a closed stderr ends nothing
	return nil
}

func (w *writer) link(l *stream.Link) error {
	words := ""
	switch l.State {
	case stream.Connected:
		words = "● connected"
	case stream.Retrying:
		words = "◌ retry in " + units.Elapsed(l.Retry.Sub(w.o.Now())+time.Second/2)
	case stream.Ended:
		words = "⨯ ended"
	default:
		return nil
	}
	if l.Cause != "" {
		words += ": " + safetext.Clean(l.Cause)
	}
	if err := w.out.Flush(); err != nil {
		return err
	}
	_, _ = io.WriteString(w.o.Err, words+"\n")
	return nil
}
