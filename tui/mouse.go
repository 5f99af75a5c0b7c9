package tui

import tea "github.com/charmbracelet/bubbletea"

// mouse scrolls by the wheel; a click selects a row or a tab.
func (m model) mouse(msg tea.MouseMsg) model {
	const notch = 3
	click := msg.Button == tea.MouseButtonLeft && msg.Action == tea.MouseActionPress
	switch {
	case m.mode == modeDetail && msg.Button == tea.MouseButtonWheelUp:
		m.detail.scroll(-notch)
	case m.mode == modeDetail && msg.Button == tea.MouseButtonWheelDown:
		m.detail.scroll(notch)
	case m.mode != modeBrowse:
	case msg.Button == tea.MouseButtonWheelUp:
		m.part().scroll(-notch)
	case msg.Button == tea.MouseButtonWheelDown:
		m.part().scroll(notch)
	case click && m.layout.bare:
		m = m.clickRow(msg.Y)
	case click && msg.Y == 1:
		m.tab = tabAt(msg.X, m.tab)
	case click && msg.Y > 1 && msg.X >= m.mainAt() && msg.X < m.mainAt()+m.layout.main:
		m = m.clickRow(msg.Y - 2)
	}
	return m
}

// mainAt is the column where what the tab shows begins.
func (m model) mainAt() int {
	if m.showsPanel() {
		return m.layout.senders + 1
	}
	return 0
}

// clickRow selects what is on a line of the body.
func (m model) clickRow(line int) model {
	if line >= m.layout.body {
		return m
	}
	switch m.tab {
	case tabTopics:
		m.tree.pick(line - 1) // below the head
	case tabSenders:
		m.senders.pick(line - 1)
	default:
		m.list.pick(line)
	}
	return m
}

// tabAt returns the tab whose name is at column x of the tabs' line, else the
// one that is shown.
func tabAt(x int, shown tab) tab {
	for i, name := range tabNames {
		if x -= len(name) + 2; x < 0 {
			return tab(i)
		}
	}
	return shown
}
