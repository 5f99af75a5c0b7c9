package tui

import (
	"time"

	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
)

// view paints the list in w cells and l.height lines.
func (l *list) view(s *theme.Theme, w int, sender int) []string {
	if len(l.entries) == 0 {
		return nil
	}
	c := columnsFor(w, sender)
	top, skip, selected := l.top, l.skip, l.selected
	if l.following {
		top, skip = l.tail()
		selected = -1
	}
	lines := make([]string, 0, l.height+3)
	for i := top; i < len(l.entries) && len(lines) < l.height+skip; i++ {
		lines = l.entryLines(lines, s, i, c, w, i == selected)
	}
	return lines[min(skip, len(lines)):min(len(lines), l.height+skip)]
}

func (l *list) entryLines(lines []string, s *theme.Theme, i int, c columns, w int, selected bool) []string {
	m := l.entries[i].message
	if m == nil {
		return append(lines, s.Rule("⋯", units.Count(l.entries[i].dropped)+" dropped: they came faster than they were read", w))
	}
	if l.newDay(i) {
		lines = append(lines, s.Grey.Apply(cells.Cut(" "+m.Received.In(l.zone).Format("Monday, 2 January 2006"), w)))
	}
	if m.Missed > 0 {
		lines = append(lines, s.Rule("⋯", cells.Clean(m.Sender, w/2)+": "+units.Count(m.Missed)+" missed", w))
	}
	return append(lines, row(s, m, c, w, selected, l.zone))
}

// head is the line above the oldest message: what is before it.
func (l *list) head(since time.Time) string {
	switch {
	case l.loading:
		return "reading older messages …"
	case l.full:
		return "memory is full: " + units.Bytes(l.budget)
	case l.older != 0:
		return ""
	case !since.IsZero():
		return "the history since " + since.In(l.zone).Format("2006-01-02 15:04:05") + " begins here"
	}
	return "the history begins here"
}
