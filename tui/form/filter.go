package form

import (
	"errors"
	"slices"
	"strings"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/stream/filter"
	"hellox/stream/safetext"
	"hellox/tui/cells"
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

	keeps  bool           // filters can be kept under names
	named  []filter.Named // those that are
	tried  bool           // what is typed was submitted as it is
	naming bool           // the name is typed, under which the filter is kept
	name   input
	asked  filter.Named // to be kept or forgotten
}

// NewFilter returns a form that begins with the filter applied now, which may
// be nil. past are filters applied before, newest last.
func NewFilter(current *filter.Filter, past []string) Filter {
	past = append(slices.Clone(past), current.String())
	f := Filter{keys: newKeys(), input: newInput(current.String()), past: past, at: len(past) - 1}
	f.result = current
	return f
}

// WithNamed returns the form with filters that have names, and that others can be
// added to.
func (f Filter) WithNamed(named []filter.Named) Filter {
	f.keeps, f.named = true, named
	return f.parse()
}

// Update takes a key. A filter that is wrong is not submitted.
func (f Filter) Update(msg tea.KeyMsg) (Filter, Status) {
	if f.naming {
		return f.updateName(msg)
	}
	f.tried = false
	switch {
	case key.Matches(msg, f.keys.Revert):
		return f, Closed
	case key.Matches(msg, f.keys.Search) && len(f.candidates()) > 0:
		f = f.complete()
	case key.Matches(msg, f.keys.Apply), key.Matches(msg, f.keys.Search):
		f.search, f.tried = key.Matches(msg, f.keys.Search), true
		if f.err != nil {
			return f, Editing
		}
		return f, Submitted
	case key.Matches(msg, f.keys.Keep):
		if f.keeps && f.err == nil && f.result != nil {
			f.naming, f.name = true, newInput(f.nameOf(f.result.String()))
		}
		return f, Editing
	case key.Matches(msg, f.keys.Forget) && f.typedName() >= 0:
		f.asked = f.named[f.typedName()]
		f.input = newInput(f.asked.Expression) // what is forgotten can be kept again
		return f.parse(), Forget
	case msg.Type == tea.KeyUp:
		f = f.recall(f.at - 1)
	case msg.Type == tea.KeyDown:
		f = f.recall(f.at + 1)
	default:
		f.input = f.input.update(msg)
	}
	return f.parse(), Editing
}

// parse parses what is typed.
func (f Filter) parse() Filter {
	result, err := filter.ParseNamed(f.input.value(), f.named)
	if f.err = err; err == nil {
		f.result = result
	}
	return f
}

// updateName takes a key while the name of the filter is typed.
func (f Filter) updateName(msg tea.KeyMsg) (Filter, Status) {
	switch {
	case key.Matches(msg, f.keys.Revert):
		f.naming, f.err = false, nil
	case key.Matches(msg, f.keys.Apply):
		name := strings.TrimPrefix(strings.TrimSpace(f.name.value()), "@")
		if f.err = filter.CheckName(name); f.err == nil {
			f.naming, f.asked = false, filter.Named{Name: name, Expression: f.result.String()}
			return f, Keep
		}
	default:
		f.name, f.err = f.name.update(msg), nil
	}
	return f, Editing
}

// Asked returns the filter to keep or to forget, after the status of that name.
func (f Filter) Asked() filter.Named { return f.asked }

// candidates are the filters that the @NAME that is typed may go on to; none once it
// is the only one.
func (f Filter) candidates() []filter.Named {
	all := filter.Matching(f.input.value(), f.named)
	if len(all) == 1 && f.typedName() >= 0 {
		return nil
	}
	return all
}

// typedName returns which named filter is typed, the cursor at its end; -1: none.
func (f Filter) typedName() int {
	if f.input.line.Position() < len([]rune(f.input.value())) {
		return -1
	}
	return slices.IndexFunc(f.named, func(n filter.Named) bool { return "@"+n.Name == f.input.value() })
}

// nameOf returns the name that an expression is kept under, or "".
func (f Filter) nameOf(expression string) string {
	for _, n := range f.named {
		if n.Expression == expression {
			return n.Name
		}
	}
	return ""
}

// complete puts the first candidate into the line; if it is there, the next of all.
func (f Filter) complete() Filter {
	all := f.candidates()
	next := all[0]
	if at := f.typedName(); at >= 0 && next == f.named[at] {
		next = f.named[(at+1)%len(f.named)]
	}
	f.input = newInput("@" + next.Name)
	return f
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

// Err returns what is wrong with what is typed. A name that is not typed to its end
// is not wrong yet.
func (f Filter) Err() error {
	var missing *filter.NameError
	if errors.As(f.err, &missing) && !f.tried && len(f.candidates()) > 0 {
		return nil
	}
	return f.err
}

// Hint shows the language by examples, or the named filters that may be meant.
func (f Filter) Hint() string {
	const examples = "press-3   delta>8s   text:~^Hel   payload.temp>=30   is:missed   not topic:plant/#   or ( )"
	if f.naming {
		return "a name for " + safetext.Clean(f.result.String()) + "; @NAME then stands for it, here and in --filter"
	}
	all := f.named
	if strings.HasPrefix(f.input.value(), "@") {
		all = filter.Matching(f.input.value(), f.named)
	} else if f.input.value() != "" {
		return examples
	}
	var words []string
	for _, n := range all[:min(maxNames, len(all))] {
		words = append(words, "@"+n.Name+" "+cells.Clean(n.Expression, maxShown))
	}
	if len(words) == 0 {
		return examples
	}
	return strings.Join(words, "   ")
}

// How many named filters are shown, and how many cells of each.
const (
	maxNames = 5
	maxShown = 30
)

// Help returns the keys that do something.
func (f Filter) Help() []key.Binding {
	if f.naming {
		return []key.Binding{f.keys.Name, f.keys.Close}
	}
	all := []key.Binding{f.keys.Apply, f.keys.Past}
	if len(f.candidates()) > 0 {
		all = append(all, f.keys.Complete)
	} else {
		all = append(all, f.keys.Search)
	}
	if f.keeps && f.result != nil && f.err == nil && f.typedName() < 0 {
		all = append(all, f.keys.Keep)
	}
	if f.typedName() >= 0 {
		all = append(all, f.keys.Forget)
	}
	return append(all, f.keys.Revert)
}

// View paints the form in w cells and one line.
func (f Filter) View(t *theme.Theme, w int) []string {
	prompt, line, wrong := " filter: ", f.input, f.column()
	if f.naming {
		prompt, line, wrong = " keep as: @", f.name, 0
	}
	return []string{t.Accent.Apply(prompt) + line.view(t, w-len(prompt), wrong, true)}
}

// column returns where the filter is wrong, counted from 1, or 0.
func (f Filter) column() int {
	var wrong *filter.Error
	if errors.As(f.err, &wrong) && !strings.HasPrefix(f.input.value(), "@") {
		return wrong.Column
	}
	return 0
}
