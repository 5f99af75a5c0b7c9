package source

import (
	"context"
	"fmt"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"hellox/stream"
	"hellox/tui/units"
)

// A Client acts on the stream for the user.
type Client interface {
	// Publish returns once the broker has acknowledged the message.
	Publish(ctx context.Context, topic string, payload []byte, qos byte, retain bool) error
	// Ask sends a command to the broadcaster of that id and returns its
	// answer and the round trip.
	Ask(ctx context.Context, id string, c stream.Command) (stream.Answer, time.Duration, error)
}

// actFor is how long an act may take before it is given up.
const actFor = 10 * time.Second

// actedMsg is how an act ended: words, or why not.
type ActedMsg struct {
	Text string
	Err  error
}

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
		return ActedMsg{Text: fmt.Sprintf("✓ %s answered in %s: %s", id, units.Latency(took), stands(answer.State))}
	}
}

// stands says how a broadcaster stands after a command.
func stands(m stream.Mode) string {
	every := fmt.Sprintf("a message every %s to %s", m.Min, m.Max)
	if m.Paused {
		return "paused (" + every + " once resumed)"
	}
	return every
}
