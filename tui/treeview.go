package tui

import (
	"strings"
	"time"

	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// view paints the topics in w cells: level, count, rate, the newest payload
// and how long ago it came.
func (t *tree) view(s *theme.Theme, w int, now time.Time) []string {
	const countW, rateW, ageW = 9, 9, 10
	nameW := clamp(t.widest(), 12, max((w-countW-rateW-ageW-8)/2, 12))
	textW := max(w-1-nameW-countW-rateW-ageW-6, 0)
	lines := []string{s.Grey.Apply(cells.Cut(
		" "+cells.Left("topic", nameW)+cells.Right("messages", countW)+cells.Right("rate 1 min", rateW+2)+"  "+cells.Left("last", textW)+cells.Right("age", ageW), w))}
	for i := t.top; i < len(t.lines) && i < t.top+t.height; i++ {
		n := t.lines[i].topic
		p := s.Row(i == t.selected)
		var b strings.Builder
		b.WriteString(p.Accent.Apply(pointer(i == t.selected)))
		b.WriteString(p.Ink.Apply(cells.Left(t.label(i, nameW), nameW)))
		b.WriteString(p.Ink.Apply(cells.Right(units.Count(n.count), countW)))
		b.WriteString(p.Grey.Apply("  " + cells.Right(units.Rate(float64(n.minute.Sum(now, time.Minute))/60), rateW)))
		last := ""
		if n.last != nil {
			last = marks(n.last) + text(n.last, textW)
		}
		b.WriteString(p.Ink.Apply("  " + cells.Left(last, textW)))
		b.WriteString(p.Grey.Apply(cells.Right(units.Age(now.Sub(n.seen)), ageW)))
		lines = append(lines, p.Fill(b.String(), w))
	}
	return lines
}

// label is a level with its place in the tree.
func (t *tree) label(i, w int) string {
	row := t.lines[i]
	sign := "  "
	switch {
	case len(row.topic.children) == 0:
	case row.topic.opened:
		sign = "▾ "
	default:
		sign = "▸ "
	}
	indent := min(2*row.depth, w/2)
	level := cells.Clean(row.topic.level, w-indent-2)
	if level == "" {
		level = "(empty level)"
	}
	return cells.Spaces(indent) + sign + level
}

// widest measures the labels on the screen.
func (t *tree) widest() int {
	const most = 60
	n := 0
	for i := t.top; i < len(t.lines) && i < t.top+t.height; i++ {
		n = max(n, cells.Width(t.label(i, most))+1)
	}
	return n
}
