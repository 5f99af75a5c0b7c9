package form

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/tui/theme"
)

// An Option is one of a Choice: the key that selects it, and what it is.
type Option struct {
	Key, Text string
	Value     string
}

// A Choice is a line with options, of which one is selected by its key.
type Choice struct {
	keys    keys
	title   string
	options []Option
	value   string
}

// NewChoice returns a form with options under a title.
func NewChoice(title string, options ...Option) Choice {
	return Choice{keys: newKeys(), title: title, options: options}
}

// Update takes a key.
func (f Choice) Update(msg tea.KeyMsg) (Choice, Status) {
	if key.Matches(msg, f.keys.Close) {
		return f, Closed
	}
	for _, o := range f.options {
		if msg.String() == o.Key {
			f.value = o.Value
			return f, Submitted
		}
	}
	return f, Editing
}

// Value returns that of the option selected.
func (f Choice) Value() string { return f.value }

// Err returns nothing: other keys do nothing.
func (f Choice) Err() error { return nil }

// Hint returns nothing: the options have names.
func (f Choice) Hint() string { return "" }

// Help returns the keys that do something.
func (f Choice) Help() []key.Binding { return []key.Binding{f.keys.Close} }

// View paints the form in one line for each option, and one for the title.
func (f Choice) View(t *theme.Theme, _ int) []string {
	lines := []string{" " + t.Accent.Apply(f.title)}
	for _, o := range f.options {
		lines = append(lines, "  "+t.Help.ShortKey.Render(o.Key)+"  "+o.Text)
	}
	return lines
}
