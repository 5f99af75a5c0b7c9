package form

import (
	"errors"
	"slices"

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
	search bool     // it was submitted to search with
	past   []string // filters applied before, newest last; then what is typed
	at     int      // in past
}

// NewFilter returns a form that begins with the filter applied now, which may
// be nil. past are filters applied before, newest last.
func NewFilter(current *filter.Filter, past []string) Filter {
	past = append(slices.Clone(past), current.String())
	f := Filter{keys: newKeys(), input: newInput(current.String()), past: past, at: len(past) - 1}
	f.result = current
	return f
}

// Update takes a key. A filter that is wrong is not submitted.
func (f Filter) Update(msg tea.KeyMsg) (Filter, Status) {
	switch {
	case key.Matches(msg, f.keys.Revert):
		return f, Closed
	case key.Matches(msg, f.keys.Apply), key.Matches(msg, f.keys.Search):
		f.search = key.Matches(msg, f.keys.Search)
		if f.err != nil {
			return f, Editing
		}
		return f, Submitted
	case msg.Type == tea.KeyUp:
		f = f.recall(f.at - 1)
	case msg.Type == tea.KeyDown:
		f = f.recall(f.at + 1)
	default:
		f.input = f.input.update(msg)
	}
	if result, err := filter.Parse(f.input.value()); err == nil {
		f.result, f.err = result, nil
	} else {
		f.err = err
	}
	return f, Editing
}

// recall shows one of the past filters.
func (f Filter) recall(at int) Filter {
	if at >= 0 && at < len(f.past) {
		f.past = slices.Clone(f.past)
		if f.at == len(f.past)-1 {
			f.past[f.at] = f.input.value() // what was typed is not lost
		}
		f.at, f.input = at, newInput(f.past[at])
	}
	return f
}

// Result returns the filter that is typed; while that is wrong, the last one that
// was not. It may be nil.
func (f Filter) Result() *filter.Filter { return f.result }

// Search reports whether the filter was submitted to search with, and not to hide
// what does not pass it.
func (f Filter) Search() bool { return f.search }

// Err returns what is wrong with what is typed.
func (f Filter) Err() error { return f.err }

// Hint shows the language by examples.
func (f Filter) Hint() string {
	return "press-3   delta>8s   text:~^Hel   payload.temp>=30   is:missed   not topic:plant/#   or ( )"
}

// Help returns the keys that do something.
func (f Filter) Help() []key.Binding {
	return []key.Binding{f.keys.Apply, f.keys.Past, f.keys.Search, f.keys.Revert}
}

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
