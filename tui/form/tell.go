package form

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/stream"
	"hellox/tui/cells"
	"hellox/tui/theme"
)

// Tell is the line that a command for one broadcaster is typed into, in the
// words of hellox tell. It stays open after sending.
type Tell struct {
	keys    keys
	to      string
	input   input
	err     error
	command stream.Command // the one submitted last
	sent    string         // as it was typed
}

// NewTell returns a form for commands to the broadcaster with the ID to.
func NewTell(to string) Tell { return Tell{keys: newKeys(), to: to, input: newInput("")} }

// Update takes a key. A command that is wrong is not submitted.
func (f Tell) Update(msg tea.KeyMsg) (Tell, Status) {
	f.err = nil
	switch {
	case key.Matches(msg, f.keys.Close):
		return f, Closed
	case key.Matches(msg, f.keys.Send):
		if f.command, f.err = parseCommand(f.input.value()); f.err != nil {
			return f, Editing
		}
		f.sent = f.input.value()
		return f, Submitted
	}
	f.input = f.input.update(msg)
	return f, Editing
}

// Acknowledged clears the line once the command submitted last is answered, unless
// the user has changed it meanwhile.
func (f Tell) Acknowledged() Tell {
	if f.input.value() == f.sent {
		f.input = newInput("")
	}
	return f
}

// To returns the ID of the broadcaster.
func (f Tell) To() string { return f.to }

// Command returns the command submitted last.
func (f Tell) Command() stream.Command { return f.command }

// Err returns what is wrong with the command.
func (f Tell) Err() error { return f.err }

// Hint lists the commands.
func (f Tell) Hint() string { return "say TEXT · pause · resume · interval MIN MAX · identify" }

// Help returns the keys that do something.
func (f Tell) Help() []key.Binding { return []key.Binding{f.keys.Send, f.keys.Close} }

// View paints the form in w cells and one line.
func (f Tell) View(t *theme.Theme, w int) []string {
	prompt := " tell " + cells.Topic(f.to, w/3) + ": "
	return []string{t.Accent.Apply(prompt) + f.input.view(t, w-cells.Width(prompt)-1, 0, true)}
}
