package tui

import (
	tea "github.com/charmbracelet/bubbletea"

	"hellox/stream"
	"hellox/tui/cells"
	"hellox/tui/theme"
)

// tellForm is where one broadcaster is told what to do, in the words of
// hellox tell.
type tellForm struct {
	to    string
	input input
	err   error
}

func newTellForm(to string) tellForm { return tellForm{to: to, input: newInput("")} }

// view paints the form in w cells and one line.
func (f tellForm) view(s *theme.Theme, w int) []string {
	prompt := " tell " + cells.Clean(f.to, w/3) + ": "
	return []string{s.Accent.Apply(prompt) + f.input.view(s, w-cells.Width(prompt)-1, 0, true)}
}

// tellable is the broadcaster that can be told something now, or "".
func (m model) tellable() string {
	if m.tab == tabSenders {
		if s := m.senders.current(); s != nil && s.Ours {
			return s.Sender
		}
		return ""
	}
	if msg, _ := m.subject(); msg != nil && msg.Ours {
		return msg.Sender
	}
	return ""
}

func (m model) pressTell(msg tea.KeyMsg) (model, tea.Cmd) {
	switch msg.Type {
	case tea.KeyEsc:
		m.mode = modeBrowse
		return m, nil
	case tea.KeyEnter:
		var c stream.Command
		if c, m.tell.err = parseCommand(m.tell.input.value()); m.tell.err != nil {
			return m, nil
		}
		m.tell.input = newInput("")
		m.notice = m.notice.say("waiting for " + m.tell.to + " …")
		return m, m.src.Tell(m.tell.to, c)
	}
	m.tell.err = nil
	m.tell.input = m.tell.input.update(msg)
	return m, nil
}
