package form

import (
	"slices"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/tui/cells"
	"hellox/tui/theme"
)

// An Option is one of a Choice: the key that selects it, and what it is.
type Option struct {
	Key, Text string
	Value     string
	Shown     string // the key as it is shown; "": as it is
}

// A Choice is a menu: a line for each option, of which one is selected by its key, or
// with the arrows and enter.
type Choice struct {
	keys    keys
	title   string
	options []Option
	at, top int // the marked option, and the first one that is shown
	room    int // how many are shown at most; 0: all
	value   string
}

// NewChoice returns a form with options under a title. The first one is marked.
func NewChoice(title string, options ...Option) Choice {
	return Choice{keys: newKeys(), title: title, options: options}
}

// Within returns the form in so many lines: further options are scrolled to.
func (f Choice) Within(lines int) Choice {
	f.room = max(lines-1, 1)
	f.top = max(min(f.top, f.at), f.at-f.room+1)
	return f
}

// Update takes a key.
func (f Choice) Update(msg tea.KeyMsg) (Choice, Status) {
	if key.Matches(msg, f.keys.Close) {
		return f, Closed
	}
	chosen := slices.IndexFunc(f.options, func(o Option) bool { return o.Key == msg.String() })
	switch {
	case chosen >= 0:
	case msg.Type == tea.KeyUp:
		f.at = max(f.at-1, 0)
	case msg.Type == tea.KeyDown:
		f.at = min(f.at+1, len(f.options)-1)
	case msg.Type == tea.KeyEnter:
		chosen = f.at
	}
	if chosen < 0 {
		return f, Editing
	}
	f.value = f.options[chosen].Value
	return f, Submitted
}

// Value returns that of the option selected.
func (f Choice) Value() string { return f.value }

// Err returns nothing: other keys do nothing.
func (f Choice) Err() error { return nil }

// Hint returns nothing: the options have names.
func (f Choice) Hint() string { return "" }

// Help returns the keys that do something.
func (f Choice) Help() []key.Binding { return []key.Binding{f.keys.Mark, f.keys.Take, f.keys.Close} }

// View paints the form in one line for the title, and one for each option.
func (f Choice) View(t *theme.Theme, w int) []string {
	shown, keyW := f.options, 1
	for _, o := range shown {
		keyW = max(keyW, cells.Width(o.shown()))
	}
	if f.room > 0 {
		shown = shown[f.top:min(f.top+f.room, len(shown))]
	}
	more := ""
	if len(shown) < len(f.options) {
		more = "  ↑ ↓ others"
	}
	title := " " + t.Accent.Apply(cells.Cut(f.title, w-1-len(more))) + t.Grey.Apply(more)
	lines := []string{title}
	for i, o := range shown {
		mark := " "
		if f.top+i == f.at {
			mark = t.Accent.Apply("›")
		}
		lines = append(lines, mark+" "+t.Help.ShortKey.Render(cells.Left(o.shown(), keyW))+"  "+o.Text)
	}
	return lines
}

func (o *Option) shown() string {
	if o.Shown != "" {
		return o.Shown
	}
	return o.Key
}
