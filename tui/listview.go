package tui

import (
	"hellox/history"
	"hellox/tui/cells"
	"hellox/tui/units"
)

// view renders the list in w cells and l.height lines.
func (l *listModel) view(w int) []string {
	if len(l.items) == 0 {
		return nil
	}
	c := columnsFor(w, l.nameWidth)
	top, skip, selected := l.top, l.skip, l.selected
	if l.following {
		top, skip = l.tail()
		selected = -1
	}
	lines := make([]string, 0, l.height+3)
	for i := top; i < len(l.items) && len(lines) < l.height+skip; i++ {
		lines = l.appendItem(lines, i, c, w, i == selected)
	}
	return lines[min(skip, len(lines)):min(len(lines), l.height+skip)]
}

// appendItem renders an item, with its gap and its new day.
func (l *listModel) appendItem(lines []string, i int, c columns, w int, selected bool) []string {
	t, m := l.shared.theme, l.items[i].message
	if m == nil {
		return append(lines, t.Rule("⋯", units.Count(l.items[i].dropped)+" dropped: they came faster than they were read", w))
	}
	if l.newDay(i) {
		lines = append(lines, t.Grey.Apply(cells.Cut(" "+m.Received.In(l.zone).Format("Monday, 2 January 2006"), w)))
	}
	if m.Missed > 0 {
		lines = append(lines, t.Rule("⋯", cells.Topic(m.Sender, w/2)+": "+units.Count(m.Missed)+" missed", w))
	}
	return append(lines, row(t, m, c, w, selected, l.zone))
}

// state describes the reader's place for the foot; st are the totals of the whole
// history.
func (l *listModel) state(st *history.Stats) string {
	if l.following {
		if l.loading && len(l.items) > 0 && len(l.items) < l.height {
			return "searching before #" + units.Count(uint64(l.older)) + " "
		}
		return "following "
	}
	state := "paused "
	if l.fresh > 0 {
		state = units.Count(l.fresh) + " new (G)  paused "
	}
	if begin := l.beginning(st); l.top == 0 && begin != "" {
		state = begin + "  " + state
	}
	return state
}

// beginning describes what is before the oldest message held.
func (l *listModel) beginning(st *history.Stats) string {
	since := l.shared.since
	switch {
	case l.loading:
		return "reading older messages …"
	case l.full:
		return "memory is full: " + units.Bytes(l.budget)
	case l.older != 0:
		return ""
	case !since.IsZero():
		return "the history since " + since.In(l.zone).Format("2006-01-02 15:04:05") + " begins here"
	case st.Evicted > 0:
		before := units.Count(st.Evicted) + " older evicted"
		if st.Limit > 0 {
			before += " (" + units.Bytes(st.Limit) + ")"
		}
		return before
	}
	return "the history begins here"
}
