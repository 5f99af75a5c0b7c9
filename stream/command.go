package stream

import (
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"hellox/stream/safetext"
)

// A Command tells one broadcaster what to do.
type Command struct {
	ID   string // ULID; Ask gives one
	Do   Verb
	Text string        // of Say
	Min  time.Duration // of Interval
	Max  time.Duration // of Interval
}

// A Verb is what a Command asks for.
type Verb string

// The verbs.
const (
	Say      Verb = "say"      // one message with the Command's text, now
	Pause    Verb = "pause"    // no more messages
	Resume   Verb = "resume"   // messages again
	Interval Verb = "interval" // the time between messages
	Identify Verb = "identify" // one message with its ID, now
)

// maxSay is the longest text, in bytes, that a broadcaster is asked to say: it
// fits in a packet beside its topic also when every character is escaped, as
// six bytes at most.
const maxSay = MaxPacket / 8

// ParseCommand returns the command of a verb and the words after it: say TEXT,
// pause, resume, interval MIN MAX or identify. The error is one sentence.
func ParseCommand(verb string, words ...string) (Command, error) {
	c := Command{Do: Verb(verb)}
	switch {
	case c.Do == Say && len(words) > 1:
		return c, fmt.Errorf("say takes one text: put quotes around its words")
	case c.Do == Say && len(words) == 1:
		c.Text = words[0]
	case c.Do == Interval:
		if len(words) != 2 {
			return c, fmt.Errorf("interval takes the shortest and the longest time, such as interval 1s 10s")
		}
		for i, d := range []*time.Duration{&c.Min, &c.Max} {
			var err error
			if *d, err = time.ParseDuration(words[i]); err != nil {
				return c, fmt.Errorf("%q is no time; 1s, 500ms and 1m30s are", safetext.Clean(words[i]))
			}
		}
	case (c.Do == Pause || c.Do == Resume || c.Do == Identify) && len(words) > 0:
		return c, fmt.Errorf("%s takes nothing behind it", c.Do)
	}
	return c, c.Check()
}

// minCommandInterval is the shortest interval that a command can set: with less a
// broadcaster queues messages faster than any broker takes them.
const minCommandInterval = time.Millisecond

// Check returns why c cannot be executed, in one sentence, or nil.
func (c *Command) Check() error {
	switch c.Do {
	case Say:
		switch {
		case c.Text == "":
			return fmt.Errorf("say needs a text")
		case len(c.Text) > maxSay:
			return fmt.Errorf("the text has %d bytes; at most %d can be said", len(c.Text), maxSay)
		case !utf8.ValidString(c.Text):
			return fmt.Errorf("the text is not UTF-8")
		}
	case Interval:
		if c.Min < minCommandInterval {
			return fmt.Errorf("the shortest interval is %s; at least %s is possible", c.Min, minCommandInterval)
		}
		return CheckInterval(c.Min, c.Max)
	case Pause, Resume, Identify:
	case "":
		return fmt.Errorf("the command says nothing to do")
	default:
		return fmt.Errorf("unknown command %q: there are say, pause, resume, interval and identify", safetext.Clean(string(c.Do)))
	}
	return nil
}

type commandJSON struct {
	ID   string   `json:"id"`
	Do   Verb     `json:"do"`
	Text string   `json:"text,omitempty"`
	Min  duration `json:"min,omitzero"`
	Max  duration `json:"max,omitzero"`
}

// MarshalJSON writes c as it goes over the wire; intervals are like "1.5s".
func (c Command) MarshalJSON() ([]byte, error) {
	return json.Marshal(commandJSON{c.ID, c.Do, c.Text, duration(c.Min), duration(c.Max)})
}

// UnmarshalJSON reads what MarshalJSON wrote. It does not Check.
func (c *Command) UnmarshalJSON(b []byte) error {
	var j commandJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("read command: %w", err)
	}
	*c = Command{j.ID, j.Do, j.Text, time.Duration(j.Min), time.Duration(j.Max)}
	return nil
}
