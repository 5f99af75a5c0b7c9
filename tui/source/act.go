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
	// Retained returns what the broker retains on a topic, or the beginning of it, and
	// its whole size; 0: it retains nothing.
	Retained(ctx context.Context, topic string) (payload []byte, size int, err error)
}

// Scale sets the number of broadcasters, and returns once so many run.
type Scale func(ctx context.Context, n int) error

// WithScale sets what scales; nil: nothing does.
func (s *Source) WithScale(scale Scale) *Source {
	s.scale = scale
	return s
}

// CanScale reports whether the number of broadcasters can be set.
func (s *Source) CanScale() bool { return s.scale != nil }

// scaleFor is the time limit of Scale: pods are rolled out meanwhile.
const scaleFor = 5 * time.Minute

// Scale sets the number of broadcasters and replies with an ActedMsg.
func (s *Source) Scale(n int) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(s.ctx, scaleFor)
		defer cancel()
		began := time.Now()
		if err := s.scale(ctx, n); err != nil {
			return ActedMsg{Err: err}
		}
		return ActedMsg{Text: fmt.Sprintf("✓ scaled to %s in %s", units.Plural(n, "broadcaster"), units.Latency(time.Since(began)))}
	}
}

// A RetainedMsg is what the broker retains on a topic.
type RetainedMsg struct {
	Topic   string
	Payload []byte // the beginning at least
	Size    int    // of the whole; 0: nothing is retained
	Err     error
}

// Retained asks what the broker retains on a topic.
func (s *Source) Retained(topic string) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(s.ctx, actFor)
		defer cancel()
		m := RetainedMsg{Topic: topic}
		if m.Payload, m.Size, m.Err = s.client.Retained(ctx, topic); m.Err != nil {
			m.Err = fmt.Errorf("read what %s retains: %w", topic, m.Err)
		}
		return m
	}
}

// Clear clears what the broker retains, and replies with an ActedMsg.
func (s *Source) Clear(m RetainedMsg) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(s.ctx, actFor)
		defer cancel()
		if err := s.client.Publish(ctx, m.Topic, nil, 1, true); err != nil {
			return ActedMsg{Err: fmt.Errorf("clear what %s retains: %w", m.Topic, err)}
		}
		text := "✓ cleared " + m.Topic
		if m.Size == len(m.Payload) {
			text += "; ctrl+p in publish brings it back"
		}
		return ActedMsg{Text: text, Cleared: &m}
	}
}

// actFor is the time limit of a Publish or Tell.
const actFor = 10 * time.Second

// An ActedMsg is the result of Publish, Tell, Scale or Clear: a sentence, or the error.
type ActedMsg struct {
	Text    string
	Err     error
	Cleared *RetainedMsg // what was cleared
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

// Copy copies text to the clipboard of the terminal out, by the sequence OSC 52. In
// tmux it is sent through to the terminal around it as well: which of the two tmux
// lets pass depends on its options set-clipboard and allow-passthrough.
func Copy(out io.Writer, text []byte, inTmux bool) tea.Cmd {
	return func() tea.Msg {
		sequence := "\x1b]52;c;" + base64.StdEncoding.EncodeToString(text) + "\x07"
		if inTmux {
			sequence += "\x1bPtmux;\x1b" + sequence + "\x1b\\"
		}
		_, err := io.WriteString(out, sequence)
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

// Edit opens a text in the editor and replies with an EditedMsg. The terminal is the
// editor's meanwhile.
func (s *Source) Edit(e *Editor, text string) tea.Cmd {
	run := &editing{ctx: s.ctx, editor: e, text: text}
	return tea.Exec(run, func(err error) tea.Msg {
		if err != nil {
			return EditedMsg{Err: fmt.Errorf("edit the payload with %s: %w", e.Command, err)}
		}
		return EditedMsg{Text: run.text}
	})
}
