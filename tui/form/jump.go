package form

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"hellox/stream"
	"hellox/tui/theme"
)

// A Target is what Jump asks to go to: one of its fields is set.
type Target struct {
	ID             int64
	Time           time.Time
	Oldest, Newest bool
}

// Jump is the line that a place in the history is typed into.
type Jump struct {
	keys   keys
	input  input
	now    func() time.Time
	err    error
	target Target
}

// NewJump returns an empty form.
func NewJump(now func() time.Time) Jump { return Jump{keys: newKeys(), input: newInput(""), now: now} }

// Update takes a key. What is no place is not submitted.
func (f Jump) Update(msg tea.KeyMsg) (Jump, Status) {
	f.err = nil
	switch {
	case key.Matches(msg, f.keys.Close):
		return f, Closed
	case key.Matches(msg, f.keys.Go):
		if f.target, f.err = parseTarget(f.input.value(), f.now()); f.err != nil {
			return f, Editing
		}
		return f, Submitted
	}
	f.input = f.input.update(msg)
	return f, Editing
}

// Target returns the place once the form is submitted.
func (f Jump) Target() Target { return f.target }

// Err returns what is wrong with the place.
func (f Jump) Err() error { return f.err }

// Hint shows what may be typed.
func (f Jump) Hint() string { return "14:02   14:02:31   2026-11-28 14:02   -5m   #18204   oldest" }

// Help returns the keys that do something.
func (f Jump) Help() []key.Binding { return []key.Binding{f.keys.Go, f.keys.Close} }

// View paints the form in w cells and one line.
func (f Jump) View(t *theme.Theme, w int) []string {
	const prompt = " go to: "
	return []string{t.Accent.Apply(prompt) + f.input.view(t, w-len(prompt), 0, true)}
}

var errTarget = errors.New("a place is a time (14:02, 2026-11-28 14:02), a duration ago (-5m), the ID of a message (#18204), or oldest")

// parseTarget parses a place. A time of day without a date is the last one that it
// has been.
func parseTarget(s string, now time.Time) (Target, error) {
	s = strings.TrimSpace(s)
	switch s {
	case "oldest", "first":
		return Target{Oldest: true}, nil
	case "newest", "last":
		return Target{Newest: true}, nil
	}
	if id, err := strconv.ParseInt(strings.ReplaceAll(strings.TrimPrefix(s, "#"), " ", ""), 10, 64); err == nil && id > 0 {
		return Target{ID: id}, nil
	}
	for _, clock := range []string{"15:04", "15:04:05"} {
		if t, err := time.ParseInLocation(clock, s, now.Location()); err == nil {
			y, m, d := now.Date()
			at := time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), now.Location())
			if at.After(now) {
				at = at.AddDate(0, 0, -1)
			}
			return Target{Time: at}, nil
		}
		if t, err := time.ParseInLocation(time.DateOnly+" "+clock, s, now.Location()); err == nil {
			return Target{Time: t}, nil
		}
	}
	t, err := stream.ParseMoment(strings.TrimPrefix(s, "-"), now)
	if err != nil {
		return Target{}, errTarget
	}
	return Target{Time: t}, nil
}
