package tui

import (
	"strings"
	"time"

	"hellox/stream"
)

// columns are the widths in cells of the list's columns; 0 leaves one out.
type columns struct {
	time, sender, text, delta, any, latency int
}

// columnsFor divides w cells among the columns. Narrower and narrower, the
// latency goes first, then the milliseconds, then the delta.
func columnsFor(w, sender int) columns {
	c := columns{time: len(clock), sender: clamp(sender, 7, max(w/4, 7)), delta: 12, latency: 8}
	if w >= 92 {
		c.any = 10
	}
	if w < 66 {
		c.latency = 0
	}
	if w < 52 {
		c.time = len("15:04:05")
	}
	if w < 44 {
		c.delta = 0
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

// row paints a message in w cells.
func (s *styles) row(m *stream.Message, c columns, w int, selected bool, zone *time.Location) string {
	p := s.on(selected)
	var b strings.Builder
	b.WriteString(p.accent.paint(pointer(selected)))
	b.WriteString(p.grey.paint(m.Received.In(zone).Format(clock)[:c.time]))
	b.WriteString(p.ink.paint(" "))
	b.WriteString(s.bar(m.Sender, m.Color, selected))
	b.WriteString(p.ink.paint(left(nameOf(m.Sender, m.Ours, c.sender), c.sender) + "  "))
	n := c.text
	if marks := marks(m); marks != "" {
		b.WriteString(p.grey.paint(cut(marks, n)))
		n = max(n-width(marks), 0)
	}
	b.WriteString(p.ink.paint(left(text(m, n), n)))
	if c.delta > 0 {
		d := ""
		if m.Delta != stream.None {
			d = "Δ " + right(delta(m.Delta), c.delta-2)
		}
		b.WriteString(p.ink.paint("  " + right(d, c.delta)))
	}
	if c.any > 0 {
		b.WriteString(p.grey.paint("  " + right(delta(m.DeltaAny), c.any)))
	}
	if c.latency > 0 {
		b.WriteString(p.ink.paint("  " + right(latency(m.Latency), c.latency)))
	}
	return p.fill(b.String(), w)
}

// pointer marks the selection by a sign too: there may be no colours.
func pointer(selected bool) string {
	if selected {
		return "›"
	}
	return " "
}

// marks are the signs of what is special about a message.
func marks(m *stream.Message) string {
	s := ""
	if m.Retained {
		s += "▣ "
	}
	if m.Reordered {
		s += "↶ "
	}
	return s
}

// text is what a message says, in at most n cells.
func text(m *stream.Message, n int) string {
	if m.Ours {
		return clean(m.Text, n)
	}
	if len(m.Payload) == 0 {
		return cut("(empty)", n)
	}
	// No more is converted than clean would look at.
	return clean(string(m.Payload[:min(len(m.Payload), 20*n+24)]), n)
}

// rule is a line across the list that says something at its beginning.
func (p *pens) rule(sign, words string, w int) string {
	words = cut(" "+sign+" "+words+" ", w)
	return p.red.paint(words + repeat(sign, w-1-width(words)))
}
