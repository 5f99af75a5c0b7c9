package stream

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hellox/stream/safetext"
)

// An Answer is a broadcaster's answer to a Command.
type Answer struct {
	ID    string // the Command's
	OK    bool
	Error string // why not, if not OK
	State Mode   // after the Command
}

// A Mode is how a broadcaster stands.
type Mode struct {
	Paused bool
	Min    time.Duration
	Max    time.Duration
}

// String describes m in a sentence: a message every 1s to 10s.
func (m Mode) String() string {
	every := fmt.Sprintf("a message every %s to %s", m.Min, m.Max)
	if m.Min == m.Max {
		every = fmt.Sprintf("a message every %s", m.Min)
	}
	if m.Paused {
		return "paused (" + every + " once resumed)"
	}
	return every
}

// Done describes in a sentence what a broadcaster has done that answered c by OK,
// and how it stands since: said "hi"; a message every 1s to 10s.
func (c *Command) Done(m Mode) string {
	switch c.Do {
	case Say:
		text := []rune(safetext.Clean(c.Text))
		if len(text) > maxShown {
			text = append(text[:maxShown-1], '…')
		}
		return `said "` + string(text) + `"; ` + m.String()
	case Identify:
		return "said who it is; " + m.String()
	case Resume:
		return "resumed; " + m.String()
	}
	return m.String()
}

// maxShown is how much of a text Done repeats, in characters.
const maxShown = 40

// ErrNoAnswer is the error of a broadcaster that did not answer a Command in
// time: it is gone, busy, or was never there.
var ErrNoAnswer = errors.New("no answer")

// ErrRefused is the error of a message that the broker refuses and says why, such
// as for its topic: sent again, it is refused again.
var ErrRefused = errors.New("the broker refuses the message")

type answerJSON struct {
	ID    string   `json:"id"`
	OK    bool     `json:"ok"`
	Error string   `json:"error,omitempty"`
	State modeJSON `json:"state"`
}

type modeJSON struct {
	Paused bool     `json:"paused"`
	Min    duration `json:"min"`
	Max    duration `json:"max"`
}

// MarshalJSON writes a as it goes over the wire.
func (a Answer) MarshalJSON() ([]byte, error) {
	return json.Marshal(a.json())
}

func (a *Answer) json() answerJSON {
	return answerJSON{a.ID, a.OK, a.Error, modeJSON{a.State.Paused, duration(a.State.Min), duration(a.State.Max)}}
}

func (j *answerJSON) answer() Answer {
	return Answer{j.ID, j.OK, j.Error, Mode{j.State.Paused, time.Duration(j.State.Min), time.Duration(j.State.Max)}}
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (a *Answer) UnmarshalJSON(b []byte) error {
	var j answerJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	*a = j.answer()
	return nil
}
