package tui

import (
	"strings"
	"time"

	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// view renders the topics in w cells: level, count, rate, the newest payload
// and how long ago it was received.
func (t *treeModel) view(w int, now time.Time) []string {
	th := t.shared.theme
	const countW, rateW, ageW = 9, 9, 10
	from, to := t.cursor.visible()
	nameW := clamp(t.widest(), 12, max((w-countW-rateW-ageW-8)/2, 12))
	textW := max(w-1-nameW-countW-rateW-ageW-6, 0)
	lines := []string{th.Grey.Apply(cells.Cut(
		" "+cells.Left("topic", nameW)+cells.Right("messages", countW)+cells.Right("rate 1 min", rateW+2)+"  "+cells.Left("last", textW)+cells.Right("age", ageW), w))}
	for i := from; i < to; i++ {
		n := t.lines[i].topic
		p := th.Row(i == t.cursor.selected)
		var b strings.Builder
		b.WriteString(p.Accent.Apply(pointer(i == t.cursor.selected)))
		b.WriteString(p.Ink.Apply(cells.Left(t.label(i, nameW), nameW)))
		b.WriteString(p.Ink.Apply(cells.Right(units.Count(n.Count), countW)))
		b.WriteString(p.Grey.Apply("  " + cells.Right(units.Rate(float64(n.Minute.Sum(now, time.Minute))/60), rateW)))
		last := ""
		if n.Last != nil {
			last = theme.Marks(n.Last) + text(n.Last, textW)
		}
		b.WriteString(p.Ink.Apply("  " + cells.Left(last, textW)))
		age := "retained"
		if !n.Seen.IsZero() {
			age = units.Age(now.Sub(n.Seen))
		}
		b.WriteString(p.Grey.Apply(cells.Right(age, ageW)))
		lines = append(lines, p.Fill(b.String(), w))
	}
	return lines
}

// label returns a level, indented and with the sign of its state.
func (t *treeModel) label(i, w int) string {
	row := t.lines[i]
	sign := "  "
	switch {
	case len(row.topic.Children) == 0:
	case row.topic.Opened:
		sign = "▾ "
	default:
		sign = "▸ "
	}
	indent := min(2*row.depth, w/2)
	level := cells.Topic(row.topic.Level, w-indent-2)
	if level == "" {
		level = "(empty level)"
	}
	return cells.Spaces(indent) + sign + level
}

// widest returns the width of the longest label on the screen.
func (t *treeModel) widest() int {
	const most = 60
	from, to := t.cursor.visible()
	n := 0
	for i := from; i < to; i++ {
		n = max(n, cells.Width(t.label(i, most))+1)
	}
	return n
}
