package tui

import (
	"strings"
	"time"
	"unicode/utf8"

	"hellox/stream"
	"hellox/stream/jsonview"
	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// columns are the widths in cells of the list's columns; 0 leaves one out.
type columns struct {
	time, sender, text, delta, any, latency int
}

// A need is what the messages on the screen have to show.
type need struct {
	sender         int // cells of the longest name
	delta, latency bool
}

// columnsFor divides w cells among the columns: what no message has takes none. As
// w shrinks, the latency goes first, then the milliseconds, then the delta.
func columnsFor(w int, n need) columns {
	const step = 4 // the column does not move with each name that comes or goes
	c := columns{time: len(units.Clock), sender: clamp((n.sender+step-1)/step*step, 8, max(w/4, min(w/3, 12), 7))}
	if n.delta && w >= 44 {
		c.delta = 12
	}
	if n.latency && w >= 66 {
		c.latency = 8
	}
	if w >= 92 {
		c.any = 10
	}
	if w < 52 {
		c.time = len("15:04:05")
	}
	taken := 1 + c.time + 1 + 1 + c.sender + 2 + 1 // a cell is left at the end
	for _, n := range []int{c.delta, c.any, c.latency} {
		if n > 0 {
			taken += 2 + n
		}
	}
	c.text = max(w-taken, 1)
	return c
}

// row renders a message in w cells. A message that is pointed at without being selected
// is the one that the detail shows beside a list that runs.
func row(t *theme.Theme, m *stream.Message, c columns, w int, selected, pointed bool, zone *time.Location) string {
	p := t.Row(selected)
	var b strings.Builder
	b.WriteString(p.Accent.Apply(pointer(selected || pointed)))
	b.WriteString(p.Grey.Apply(m.Received.In(zone).Format(units.Clock)[:c.time]))
	b.WriteString(p.Ink.Apply(" "))
	b.WriteString(t.Bar(m.Sender, m.Color, selected))
	b.WriteString(p.Ink.Apply(cells.Left(cells.Name(m.Sender, c.sender), c.sender) + "  "))
	n := c.text
	if marks := theme.Marks(m); marks != "" {
		b.WriteString(p.Grey.Apply(cells.Cut(marks, n)))
		n = max(n-cells.Width(marks), 0)
	}
	b.WriteString(p.Ink.Apply(cells.Left(text(m, n), n)))
	if c.delta > 0 {
		d := ""
		if m.Delta != stream.None {
			d = "Δ " + cells.Right(units.Delta(m.Delta), c.delta-2)
		}
		b.WriteString(p.Ink.Apply("  " + cells.Right(d, c.delta)))
	}
	if c.any > 0 {
		b.WriteString(p.Grey.Apply("  " + cells.Right(units.Delta(m.DeltaAny), c.any)))
	}
	if c.latency > 0 {
		b.WriteString(p.Ink.Apply("  " + cells.Right(units.Latency(m.Latency), c.latency)))
	}
	return p.Fill(b.String(), w)
}

// pointer marks the selection by a sign, for terminals without colours.
func pointer(selected bool) string {
	if selected {
		return "›"
	}
	return " "
}

// text returns the text of a message in at most n cells: of a broadcast its
// text, else the payload.
func text(m *stream.Message, n int) string {
	if m.Ours {
		return cells.Clean(m.Text, n)
	}
	if len(m.Payload) == 0 {
		return cells.Cut("(empty)", n)
	}
	// A cell may take a character and four marks, each written as an escape.
	most := min(len(m.Payload), 48*n+48)
	for most < len(m.Payload) && most > 0 && !utf8.RuneStart(m.Payload[most]) {
		most--
	}
	s := cells.Clean(jsonview.Line(string(m.Payload[:most])), n)
	if most < len(m.Payload) && cells.Width(s) < n {
		s += "…"
	}
	return s
}
