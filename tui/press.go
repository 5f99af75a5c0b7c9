package tui

import (
	"context"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
)

// press routes a key.
func (m model) press(msg tea.KeyMsg) (model, tea.Cmd) {
	switch {
	case key.Matches(msg, m.keys.Leave):
		return m.quit(context.Canceled)
	case key.Matches(msg, m.keys.Suspend):
		return m, tea.Suspend
	}
	switch m.mode {
	case modeFilter:
		return m.pressFilter(msg)
	case modePublish:
		return m.pressPublish(msg)
	case modeTell:
		return m.pressTell(msg)
	case modeHelp:
		return m.pressHelp(msg)
	case modeDetail:
		return m.pressDetail(msg)
	}
	return m.pressBrowse(msg)
}
