package tui

import (
	"strings"
	"time"

	"hellox/tui/cells"
	"hellox/tui/units"
)

// View paints the screen: always as many lines as the terminal has, none wider
// than it.
func (m model) View() string {
	if m.layout.w == 0 || m.layout.h == 0 {
		return ""
	}
	lines := make([]string, 0, m.layout.h)
	if m.layout.bare {
		lines = append(lines, m.body()...)
		lines = append(lines, m.form()...)
		for i := range lines { // smaller than any part was made for
			lines[i] = cells.Cut(lines[i], m.layout.w)
		}
	} else {
		lines = append(lines, m.header(), m.tabLine())
		lines = append(lines, m.body()...)
		lines = append(lines, m.form()...)
		lines = append(lines, m.stripLine(), m.keyLine())
	}
	return strings.Join(lines[:min(len(lines), m.layout.h)], "\n")
}

// ends writes one text at the left and one at the right of w cells; the left
// one is cut where both do not fit.
func ends(a, b string, w int) string {
	n := max(w-cells.Width(b), 0)
	return cells.Left(a, n) + cells.Cut(b, w)
}

// body paints what is between the tabs and the foot: exactly layout.body lines.
func (m model) body() []string {
	l := m.layout
	switch m.mode {
	case modeHelp:
		return fill(m.helpLines(), l.w, l.body)
	case modeDetail:
		return fill(m.detail.view(), l.w, l.body)
	}
	now := m.now()
	if m.tab == tabSenders {
		return fill(m.senders.view(m.style, l.w, now), l.w, l.body)
	}
	main := fill(m.main(now), l.main, l.body)
	if l.senders > 0 {
		main = m.beside(fill(m.senders.panel(m.style, l.senders, l.body, now, m.subjectSender()), l.senders, l.body), main)
	}
	if l.detail > 0 {
		main = m.beside(main, fill(m.detail.view(), l.detail, l.body))
	}
	return main
}

func (m model) main(now time.Time) []string {
	switch {
	case len(m.list.entries) == 0:
		return m.emptyLines(now)
	case m.tab == tabTopics:
		return m.tree.view(m.style, m.layout.main, now)
	}
	return m.list.view(m.style, m.layout.main, m.nameW)
}

// emptyLines say why there is nothing to see, and that somebody is at it.
func (m model) emptyLines(now time.Time) []string {
	first, second := "No messages yet. A broadcaster says Hello world every 1 to 10 s.", "waiting for "+units.Elapsed(now.Sub(m.started))
	switch {
	case !m.told:
		first, second = "Reading the history.", "since "+units.Elapsed(now.Sub(m.started))
	case m.list.loading || m.list.older != 0:
		first, second = "Searching the history.", "before message "+units.Count(uint64(m.list.older))
	case m.sel.Filter != nil || m.sel.Sender != "":
		first = "Nothing passes the filter yet."
	}
	return []string{"", cells.Cut("  "+first, m.layout.main), m.style.Grey.Apply(cells.Cut("  "+second, m.layout.main))}
}

// fill makes lines exactly w cells wide and height many.
func fill(lines []string, w, height int) []string {
	full := make([]string, height)
	for i := range full {
		if i < len(lines) {
			full[i] = cells.Left(lines[i], w)
		} else {
			full[i] = cells.Spaces(w)
		}
	}
	return full
}

// beside joins two panes by a line.
func (m model) beside(a, b []string) []string {
	rule := m.style.Hair.Apply("│")
	for i := range a {
		a[i] += rule + b[i]
	}
	return a
}
