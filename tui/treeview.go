package tui

import (
	"strings"
	"time"

	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// treeColumns are the widths in cells of the tree's columns; 0 leaves one out.
type treeColumns struct{ name, count, rate, text, age int }

// treeColumnsFor divides w cells among the columns; name is what the names need.
// As w shrinks the payload goes first, then the rate, the age and the count.
func treeColumnsFor(w, name int) treeColumns {
	c := treeColumns{}
	if w >= 32 {
		c.count = 9
	}
	if w >= 44 {
		c.age = 10
	}
	if w >= 58 {
		c.rate = 12
	}
	room := w - 1 - c.count - c.age - c.rate
	c.name = clamp(name, min(12, room), max(room-16, min(24, room)))
	if c.text = room - c.name - 2; c.text < 8 {
		c.text, c.name = 0, room
	}
	return c
}

// title renders the names of the columns.
func (c treeColumns) title() string {
	line := " " + cells.Left("topic", c.name)
	if c.count > 0 {
		line += cells.Right("messages", c.count)
	}
	if c.rate > 0 {
		line += cells.Right("rate 1 min", c.rate)
	}
	if c.text > 0 {
		line += "  " + cells.Left("last", c.text)
	}
	if c.age > 0 {
		line += cells.Right("age", c.age)
	}
	return line
}

// view renders the topics in w cells: level, count, rate, the newest payload
// and how long ago it was received.
func (t *treeModel) view(w int, now time.Time) []string {
	from, to := t.cursor.visible()
	c := treeColumnsFor(w, t.widest())
	lines := []string{t.shared.theme.Grey.Apply(cells.Cut(c.title(), w))}
	for i := from; i < to; i++ {
		lines = append(lines, t.line(i, c, w, now))
	}
	return lines
}

// line renders one topic.
func (t *treeModel) line(i int, c treeColumns, w int, now time.Time) string {
	n, selected := t.lines[i].topic, i == t.cursor.selected
	p := t.shared.theme.Row(selected)
	name := p.Ink
	if n.Muted {
		name = p.Grey
	}
	var b strings.Builder
	b.WriteString(p.Accent.Apply(pointer(selected)))
	b.WriteString(name.Apply(cells.Left(t.label(i, c.name), c.name)))
	b.WriteString(p.Ink.Apply(cells.Right(units.Count(n.Count), c.count)))
	b.WriteString(p.Grey.Apply(cells.Right(units.Rate(n.Rate(now)), c.rate)))
	if c.text > 0 {
		last := ""
		if n.Last != nil {
			last = theme.Marks(n.Last) + text(n.Last, c.text)
		}
		b.WriteString(p.Ink.Apply("  " + cells.Left(last, c.text)))
	}
	age := ""
	switch {
	case !n.Seen.IsZero():
		age = units.Age(now.Sub(n.Seen))
	case n.Newest != nil && n.Newest.Last != nil:
		age = "retained"
	}
	b.WriteString(p.Grey.Apply(cells.Right(age, c.age)))
	return p.Fill(b.String(), w)
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
	if row.topic.Pinned {
		sign += "* "
	}
	indent := min(2*row.depth, w/3)
	level := cells.Topic(row.level, w-indent-len("  "))
	if level == "" {
		level = "(empty level)"
	}
	return cells.Spaces(indent) + sign + level
}

// widest returns the width of the longest label on the screen.
func (t *treeModel) widest() int {
	const most, step = 60, 4 // the columns do not move with each name
	from, to := t.cursor.visible()
	n := 0
	for i := from; i < to; i++ {
		n = max(n, cells.Width(t.label(i, most))+1)
	}
	return (n + step - 1) / step * step
}
