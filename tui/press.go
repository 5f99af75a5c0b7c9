package tui

import (
	"context"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
)

// press routes keys. What was typed faster than it was read comes as one
// message: each letter of it is a key, unless it was pasted into a line.
func (m model) press(msg tea.KeyMsg) (model, tea.Cmd) {
	if msg.Type != tea.KeyRunes || len(msg.Runes) < 2 || m.typing() {
		return m.pressOne(msg)
	}
	if msg.Paste { // nobody means keys by it
		return m, nil
	}
	var cmds []tea.Cmd
	for _, r := range msg.Runes {
		var cmd tea.Cmd
		m, cmd = m.pressOne(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}, Alt: msg.Alt})
		m = m.arrange() // which keys do something depends on the one before
		cmds = append(cmds, cmd)
	}
	return m, tea.Batch(cmds...)
}

func (m model) pressOne(msg tea.KeyMsg) (model, tea.Cmd) {
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
