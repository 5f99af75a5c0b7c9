package tui

import (
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/key"

	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/units"
	"hellox/tui/wholeframe"
)

// View composes the screen: always as many lines as the terminal has, none
// wider than it.
func (m model) View() string {
	l := m.layout
	if l.w == 0 || l.h == 0 {
		return ""
	}
	lines := make([]string, 0, l.h)
	if l.bare {
		lines = append(lines, m.body()...)
		lines = append(lines, m.formLines()...)
		for i := range lines { // smaller than any part was made for
			lines[i] = cells.Cut(lines[i], l.w)
		}
	} else {
		t := m.shared.theme
		lines = append(lines, headerLine(t, m.title, &m.status, m.list.dropped, l.w, m.shared.now()), m.secondLine())
		lines = append(lines, m.body()...)
		lines = append(lines, m.formLines()...)
		lines = append(lines, m.footLine(), keyLine(t, m.footKeys(), l.w))
	}
	for i := range lines {
		lines[i] = wholeframe.Line(lines[i])
	}
	return strings.Join(lines[:min(len(lines), l.h)], "\n")
}

// secondLine renders the tabs, or the filter while it is typed.
func (m model) secondLine() string {
	if m.mode == modeFilter {
		return m.filter.View(m.shared.theme, m.layout.w)[0]
	}
	return tabLine(m.shared.theme, m.tab, m.shared.sel, m.layout.w)
}

// body renders what is between the tabs and the foot: exactly layout.body lines.
func (m model) body() []string {
	l, t, now := m.layout, m.shared.theme, m.shared.now()
	switch {
	case m.mode == modeHelp:
		return cells.Block(helpLines(t, l.w), l.w, l.body)
	case m.mode == modeDetail:
		return cells.Block(m.detail.visible(), l.w, l.body)
	case m.tab == tabSenders:
		return cells.Block(m.senders.view(l.w, now), l.w, l.body)
	}
	body := cells.Block(m.main(now), l.main, l.body)
	if l.senders > 0 {
		body = beside(t, cells.Block(m.senders.panel(l.senders, l.body, now, m.lookedAt()), l.senders, l.body), body)
	}
	if l.detail > 0 {
		body = beside(t, body, cells.Block(m.detail.visible(), l.detail, l.body))
	}
	return body
}

// beside joins two panes of as many lines with a line between them.
func beside(t *theme.Theme, a, b []string) []string {
	rule := t.Hair.Apply("│")
	for i := range a {
		a[i] += rule + b[i]
	}
	return a
}

// main renders the messages or their topics.
func (m model) main(now time.Time) []string {
	switch {
	case len(m.list.items) == 0:
		return m.emptyLines(now)
	case m.tab == tabTopics:
		return m.tree.view(m.layout.main, now)
	}
	return m.list.view(m.layout.main)
}

// emptyLines explains an empty list, and counts the time.
func (m model) emptyLines(now time.Time) []string {
	elapsed, sel := units.Elapsed(now.Sub(m.started)), m.shared.sel
	first, second := "No messages yet. A broadcaster says Hello world every 1 to 10 s.", "waiting for "+elapsed
	switch {
	case !m.status.known:
		first, second = "Reading the history.", "since "+elapsed
	case m.list.loading || m.list.older != 0:
		first, second = "Searching the history.", "before message "+units.Count(uint64(m.list.older))
	case sel.Filter != nil || sel.Sender != "":
		first = "Nothing passes the filter yet."
	}
	return []string{"", cells.Cut("  "+first, m.layout.main), m.shared.theme.Grey.Apply(cells.Cut("  "+second, m.layout.main))}
}

// alert renders what precedes everything else at the foot, or "".
func (m model) alert() string {
	t, w := m.shared.theme, m.layout.w
	if notice := m.notice.view(t, w); notice != "" {
		return notice
	}
	return m.status.alert(t, w)
}

// footLine renders the line above the keys: a hint, else an alert, else the
// last ten minutes.
func (m model) footLine() string {
	if hint := m.hintLine(); hint != "" {
		return hint
	}
	if alert := m.alert(); alert != "" {
		return alert
	}
	state := "following "
	switch m.tab {
	case tabStream:
		state = m.list.state(&m.status.stats)
	case tabTopics:
		state = m.tree.state()
	}
	return recentLine(m.shared.theme, &m.status.recent, state, m.layout.w, m.shared.now())
}

// footKeys returns the keys for the last line.
func (m model) footKeys() []key.Binding {
	if f := m.form(); f != nil {
		return f.Help()
	}
	switch k := m.shared.keys; m.mode {
	case modeDetail:
		return k.inDetail()
	case modeHelp:
		return k.inHelp()
	default:
		return k.browsing()
	}
}
