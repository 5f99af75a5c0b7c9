package tui

import (
	"context"
	"fmt"
	"strings"
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
type actedMsg struct {
	words string
	err   error
}

func (s *source) publish(topic, text string, qos byte, retain bool) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(s.ctx, actFor)
		defer cancel()
		began := time.Now()
		if err := s.client.Publish(ctx, topic, []byte(text), qos, retain); err != nil {
			return actedMsg{err: fmt.Errorf("publish to %s: %w", topic, err)}
		}
		return actedMsg{words: fmt.Sprintf("✓ published to %s in %s", topic, units.Latency(time.Since(began)))}
	}
}

func (s *source) tell(id string, c stream.Command) tea.Cmd {
	return func() tea.Msg {
		ctx, cancel := context.WithTimeout(s.ctx, actFor)
		defer cancel()
		answer, took, err := s.client.Ask(ctx, id, c)
		if err == nil && !answer.OK {
			err = fmt.Errorf("it refused: %s", answer.Error)
		}
		if err != nil {
			return actedMsg{err: fmt.Errorf("tell %s to %s: %w", id, c.Do, err)}
		}
		return actedMsg{words: fmt.Sprintf("✓ %s answered in %s: %s", id, units.Latency(took), stands(answer.State))}
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

// parseCommand reads what hellox tell takes behind the sender: say TEXT, pause,
// resume, interval MIN MAX or identify.
func parseCommand(line string) (stream.Command, error) {
	verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
	rest = strings.TrimSpace(rest)
	c := stream.Command{Do: stream.Verb(verb)}
	switch words := strings.Fields(rest); {
	case c.Do == stream.Say:
		c.Text = rest
	case c.Do == stream.Interval:
		if len(words) != 2 {
			return c, fmt.Errorf("interval takes the shortest and the longest time: interval 1s 10s")
		}
		var err error
		if c.Min, err = time.ParseDuration(words[0]); err != nil {
			return c, fmt.Errorf("%q is no time; 1s, 500ms and 1m30s are", words[0])
		}
		if c.Max, err = time.ParseDuration(words[1]); err != nil {
			return c, fmt.Errorf("%q is no time; 1s, 500ms and 1m30s are", words[1])
		}
	case len(words) > 0 && verb != "":
		return c, fmt.Errorf("%s takes nothing behind it", verb)
	}
	return c, c.Check()
}
