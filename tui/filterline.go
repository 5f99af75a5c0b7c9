package tui

import (
	"errors"

	tea "github.com/charmbracelet/bubbletea"

	"hellox/stream/filter"
	"hellox/tui/cells"
	"hellox/tui/theme"
)

// filterLine is where a filter is typed. It is judged with each key.
type filterLine struct {
	input input
	err   error
}

func newFilterLine(current *filter.Filter) filterLine {
	return filterLine{input: newInput(current.String())}
}

func (f filterLine) update(msg tea.Msg) filterLine {
	f.input = f.input.update(msg)
	_, f.err = filter.Parse(f.input.value())
	return f
}

// column is where the expression is wrong, from 1; 0 if nowhere.
func (f filterLine) column() int {
	var wrong *filter.Error
	if errors.As(f.err, &wrong) {
		return wrong.Column
	}
	return 0
}

func (f filterLine) view(s *theme.Theme, w int) string {
	const prompt = " filter: "
	return s.Accent.Apply(prompt) + f.input.view(s, w-len(prompt), f.column(), true)
}

// advice says what is wrong, or how to go on.
func (f filterLine) advice(s *theme.Theme, w int) string {
	if f.err != nil {
		return s.Red.Apply(cells.Left(" ✗ "+cells.Clean(f.err.Error(), w), w))
	}
	return s.Grey.Apply(cells.Left(" press-3   delta>8s   text:~^Hel   payload.temp>=30   is:missed   not topic:plant/#   or ( )", w))
}

func (m model) pressFilter(msg tea.KeyMsg) (model, tea.Cmd) {
	switch msg.Type {
	case tea.KeyEsc:
		m.mode = modeBrowse
		return m, nil
	case tea.KeyEnter:
		filter, err := filter.Parse(m.filter.input.value())
		if err != nil {
			m.filter.err = err
			return m, nil
		}
		m.mode = modeBrowse
		sel := m.sel
		sel.Filter = filter
		return m.reselect(sel)
	}
	m.filter = m.filter.update(msg)
	return m, nil
}
