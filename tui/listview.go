package tui

import (
	"hellox/stream"
	"hellox/tui/cells"
	"hellox/tui/units"
)

// view renders the list in w cells and l.height lines.
func (l *listModel) view(w int) []string {
	if len(l.items) == 0 {
		return nil
	}
	top, skip, selected := l.top, l.skip, l.selected
	if l.following {
		top, skip = l.tail()
		selected = -1
	}
	c := columnsFor(w, l.measure(top))
	lines := make([]string, 0, l.height+3)
	for i := top; i < len(l.items) && len(lines) < l.height+skip; i++ {
		lines = l.appendItem(lines, i, c, w, i == selected)
	}
	return lines[min(skip, len(lines)):min(len(lines), l.height+skip)]
}

// measure returns what the messages on the screen need, from an item on.
func (l *listModel) measure(top int) (n need) {
	const most = 24 // cells of a name
	for i := top; i < min(len(l.items), top+l.height); i++ {
		m := l.items[i].message
		if m == nil {
			continue
		}
		n.sender = max(n.sender, cells.Width(cells.Name(m.Sender, most)))
		n.delta = n.delta || m.Delta != stream.None
		n.latency = n.latency || m.Latency != stream.None
	}
	return n
}

// appendItem renders an item, with its gap and its new day.
func (l *listModel) appendItem(lines []string, i int, c columns, w int, selected bool) []string {
	t, m := l.shared.theme, l.items[i].message
	if i == 0 {
		lines = append(lines, t.Begin(l.beginning(), w))
	}
	if m == nil {
		return append(lines, t.Rule("⋯", units.Count(l.items[i].dropped)+" dropped: they came faster than they were read", w))
	}
	if l.newDay(i) {
		lines = append(lines, t.Grey.Apply(cells.Cut(" "+m.Received.In(l.zone).Format("Monday, 2 January 2006"), w)))
	}
	if m.Missed > 0 {
		lines = append(lines, t.Rule("⋯", cells.Topic(m.Sender, w/2)+": "+units.Count(m.Missed)+" missed", w))
	}
	return append(lines, row(t, m, c, w, selected, l.following && m.ID == l.shown, l.zone))
}

// state describes the reader's place for the foot.
func (l *listModel) state() string {
	if l.reading {
		return "reading … "
	}
	if l.following {
		if l.loading && len(l.items) > 0 && len(l.items) < l.height {
			return "searching before #" + units.Count(uint64(l.older)) + " "
		}
		return "following "
	}
	if l.fresh > 0 {
		return units.Count(l.fresh) + " new (G)  paused "
	}
	return "paused "
}

// beginning describes what is before the oldest message held.
func (l *listModel) beginning() string {
	since, st := l.shared.since, &l.stats
	switch {
	case l.loading, l.reading, l.older != 0:
		return "reading older messages …"
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
