package form

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/tui/theme"
)

// Line is a line of words to type in.
type Line struct {
	keys   keys
	prompt string
	hint   string
	input  input
	check  func(string) error // of what is submitted; nil: all is right
	err    error
}

// NewLine returns a form that begins with a value. hint says what it is for.
func NewLine(prompt, hint, value string) Line {
	return Line{keys: newKeys(), prompt: prompt, hint: hint, input: newInput(value)}
}

// Checked returns the form with a check of what is submitted.
func (f Line) Checked(check func(string) error) Line {
	f.check = check
	return f
}

// Update takes a key. What is wrong is not submitted.
func (f Line) Update(msg tea.KeyMsg) (Line, Status) {
	f.err = nil
	switch {
	case key.Matches(msg, f.keys.Revert):
		return f, Closed
	case key.Matches(msg, f.keys.Apply):
		if f.check != nil {
			f.err = f.check(f.input.value())
		}
		if f.err != nil {
			return f, Editing
		}
		return f, Submitted
	}
	f.input = f.input.update(msg)
	return f, Editing
}

// Value returns what is typed.
func (f Line) Value() string { return f.input.value() }

// Err returns what is wrong with what was submitted.
func (f Line) Err() error { return f.err }

// Hint says what the line is for.
func (f Line) Hint() string { return f.hint }

// Help returns the keys that do something.
func (f Line) Help() []key.Binding { return []key.Binding{f.keys.Apply, f.keys.Revert} }

// View paints the form in w cells and one line.
func (f Line) View(t *theme.Theme, w int) []string {
	return []string{t.Accent.Apply(" "+f.prompt+": ") + f.input.view(t, w-len(f.prompt)-3, 0, true)}
}
