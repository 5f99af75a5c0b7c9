package tui

import (
	"strings"
	"time"
)

// view paints the topics in w cells: level, count, rate, the newest payload
// and how long ago it came.
func (t *tree) view(s *styles, w int, now time.Time) []string {
	const countW, rateW, ageW = 9, 9, 10
	nameW := clamp(t.widest(), 12, max((w-countW-rateW-ageW-8)/2, 12))
	textW := max(w-1-nameW-countW-rateW-ageW-6, 0)
	lines := []string{s.grey.paint(cut(
		" "+left("topic", nameW)+right("messages", countW)+right("rate 1 min", rateW+2)+"  "+left("last", textW)+right("age", ageW), w))}
	for i := t.top; i < len(t.lines) && i < t.top+t.height; i++ {
		n := t.lines[i].topic
		p := s.on(i == t.selected)
		var b strings.Builder
		b.WriteString(p.accent.paint(pointer(i == t.selected)))
		b.WriteString(p.ink.paint(left(t.label(i, nameW), nameW)))
		b.WriteString(p.ink.paint(right(count(n.count), countW)))
		b.WriteString(p.grey.paint("  " + right(rate(float64(n.minute.sum(now, time.Minute))/60), rateW)))
		last := ""
		if n.last != nil {
			last = marks(n.last) + text(n.last, textW)
		}
		b.WriteString(p.ink.paint("  " + left(last, textW)))
		b.WriteString(p.grey.paint(right(age(now.Sub(n.seen)), ageW)))
		lines = append(lines, p.fill(b.String(), w))
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
	level := clean(row.topic.level, w-indent-2)
	if level == "" {
		level = "(empty level)"
	}
	return spaces(indent) + sign + level
}

// widest measures the labels on the screen.
func (t *tree) widest() int {
	const most = 60
	n := 0
	for i := t.top; i < len(t.lines) && i < t.top+t.height; i++ {
		n = max(n, width(t.label(i, most))+1)
	}
	return n
}
