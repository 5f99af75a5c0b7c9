package form

import (
	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/stream/safetext"
	"hellox/tui/cells"
	"hellox/tui/theme"
)

// maxInput is the largest number of characters of an input.
const maxInput = 32 << 10

// An input is a line to type in. textinput edits it. It is painted here,
// because the place of an error is marked and the cursor is shown without
// colours too.
type input struct{ line textinput.Model }

func newInput(value string) input {
	line := textinput.New()
	line.CharLimit = maxInput
	line.SetValue(value)
	line.Focus()
	return input{line}
}

func (in input) value() string { return in.line.Value() }

func (in input) update(msg tea.Msg) input {
	in.line, _ = in.line.Update(msg) // its command only blinks a cursor that is not painted
	return in
}

// view paints the line in w cells. Characters from column wrong on are red; it
// counts from 1, and 0 is none. Without focus there is no cursor.
func (in input) view(t *theme.Theme, w, wrong int, focus bool) string {
	runes, at := []rune(in.line.Value()), in.line.Position()
	if !focus {
		at = 0
	}
	from := 0
	for from < at && cells.Width(safetext.Clean(string(runes[from:at]))) > w-2 {
		from++
	}
	painted, used := "", 0
	for i := from; i <= len(runes) && used < w; i++ {
		c := " "
		if i < len(runes) {
			c = cells.Cut(safetext.Clean(string(runes[i])), w-used)
		}
		used += cells.Width(c)
		switch {
		case i == at && focus:
			c = theme.Reverse.Apply(c)
		case wrong > 0 && i >= wrong-1:
			c = t.Red.Apply(c)
		}
		painted += c
	}
	return cells.Left(painted, w)
}
