package form

import (
	"errors"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/stream/filter"
	"hellox/tui/theme"
)

// A Filter is the line that a filter is typed into. It is parsed after each key.
type Filter struct {
	keys   keys
	input  input
	err    error
	result *filter.Filter
}

// NewFilter returns a form that begins with the filter applied now, which may
// be nil.
func NewFilter(current *filter.Filter) Filter {
	return Filter{keys: newKeys(), input: newInput(current.String())}
}

// Update takes a key. A filter that is wrong is not submitted.
func (f Filter) Update(msg tea.KeyMsg) (Filter, Status) {
	switch {
	case key.Matches(msg, f.keys.Revert):
		return f, Closed
	case key.Matches(msg, f.keys.Apply):
		if f.result, f.err = filter.Parse(f.input.value()); f.err != nil {
			return f, Editing
		}
		return f, Submitted
	}
	f.input = f.input.update(msg)
	_, f.err = filter.Parse(f.input.value())
	return f, Editing
}

// Result returns the filter once the form is submitted. It may be nil.
func (f Filter) Result() *filter.Filter { return f.result }

// Err returns what is wrong with what is typed.
func (f Filter) Err() error { return f.err }

// Hint shows the language by examples.
func (f Filter) Hint() string {
	return "press-3   delta>8s   text:~^Hel   payload.temp>=30   is:missed   not topic:plant/#   or ( )"
}

// Help returns the keys that do something.
func (f Filter) Help() []key.Binding { return []key.Binding{f.keys.Apply, f.keys.Revert} }

// View paints the form in w cells and one line.
func (f Filter) View(t *theme.Theme, w int) []string {
	const prompt = " filter: "
	return []string{t.Accent.Apply(prompt) + f.input.view(t, w-len(prompt), f.column(), true)}
}

// column returns where the filter is wrong, counted from 1, or 0.
func (f Filter) column() int {
	var wrong *filter.Error
	if errors.As(f.err, &wrong) {
		return wrong.Column
	}
	return 0
}
