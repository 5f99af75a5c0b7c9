package source

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"hellox/stream"
	"hellox/stream/filter"
	"hellox/tui/units"
)

// A Client publishes and sends commands for the user.
type Client interface {
	// Publish returns once the broker has acknowledged the message.
	Publish(ctx context.Context, topic string, payload []byte, qos byte, retain bool) error
	// Ask sends a command to the broadcaster with that ID and returns its answer
	// and the round trip.
	Ask(ctx context.Context, id string, c stream.Command) (stream.Answer, time.Duration, error)
}

// actFor is the time limit of a Publish or Tell.
const actFor = 10 * time.Second

// An ActedMsg is the result of Publish or Tell: a sentence, or the error.
type ActedMsg struct {
	Text string
	Err  error
}

// Publish publishes a message and replies with an ActedMsg.
func (s *Source) Publish(topic, text string, qos byte, retain bool) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(s.ctx, actFor)
		defer cancel()
		began := time.Now()
		if err := s.client.Publish(ctx, topic, []byte(text), qos, retain); err != nil {
			return ActedMsg{Err: fmt.Errorf("publish to %s: %w", topic, err)}
		}
		return ActedMsg{Text: fmt.Sprintf("✓ published to %s in %s", topic, units.Latency(time.Since(began)))}
	}
}

// MaxCopy is how many bytes may be copied: terminals ignore more.
const MaxCopy = 64 << 10

// Copy copies text to the clipboard of the terminal out, by the sequence OSC 52.
func Copy(out io.Writer, text []byte) tea.Cmd {
	return func() tea.Msg {
		_, err := io.WriteString(out, "\x1b]52;c;"+base64.StdEncoding.EncodeToString(text)+"\x07")
		if err != nil {
			return ActedMsg{Err: fmt.Errorf("copy: %w", err)}
		}
		return nil
	}
}

// Tell sends a command to a broadcaster and replies with an ActedMsg.
func (s *Source) Tell(id string, c stream.Command) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(s.ctx, actFor)
		defer cancel()
		answer, took, err := s.client.Ask(ctx, id, c)
		if err == nil && !answer.OK {
			err = fmt.Errorf("it refused: %s", answer.Error)
		}
		if err != nil {
			return ActedMsg{Err: fmt.Errorf("tell %s to %s: %w", id, c.Do, err)}
		}
		return ActedMsg{Text: fmt.Sprintf("✓ %s answered in %s: %s", id, units.Latency(took), c.Done(answer.State))}
	}
}

// Filters are those that the user has given names.
type Filters interface {
	All() ([]filter.Named, error)
	Keep(filter.Named) error
	Forget(name string) error
}

// WithFilters sets where filters are kept; nil: nowhere.
func (s *Source) WithFilters(f Filters) *Source {
	s.filters = f
	return s
}

// CanKeepFilters reports whether filters can be kept under names.
func (s *Source) CanKeepFilters() bool { return s.filters != nil }

// A FiltersMsg holds all named filters, and what was done to them, or why they could
// not be read or changed.
type FiltersMsg struct {
	Named []filter.Named
	Done  string
	Err   error
}

// Filters reads the named filters.
func (s *Source) Filters() tea.Cmd { return func() tea.Msg { return s.readFilters("") } }

func (s *Source) readFilters(done string) tea.Msg {
	named, err := s.filters.All()
	return FiltersMsg{named, done, err}
}

// KeepFilter keeps a filter under its name.
func (s *Source) KeepFilter(n filter.Named) tea.Cmd {
	return func() tea.Msg {
		if err := s.filters.Keep(n); err != nil {
			return FiltersMsg{Err: err}
		}
		return s.readFilters(fmt.Sprintf("✓ kept as @%s", n.Name))
	}
}

// ForgetFilter takes the name from a filter.
func (s *Source) ForgetFilter(n filter.Named) tea.Cmd {
	return func() tea.Msg {
		if err := s.filters.Forget(n.Name); err != nil {
			return FiltersMsg{Err: err}
		}
		return s.readFilters(fmt.Sprintf("✓ forgot @%s", n.Name))
	}
}
