package stream

import (
	"encoding/json"
	"fmt"
	"time"
)

// Presence is what a broadcaster leaves, retained, on its presence topic.
type Presence struct {
	State  string // here, gone or lost
	Boot   string
	Min    time.Duration // the interval that it keeps to; 0 in a last will, which cannot know it
	Max    time.Duration
	Paused bool // by command
}

type presenceJSON struct {
	State  string   `json:"state"`
	Boot   string   `json:"boot"`
	Min    duration `json:"min,omitzero"`
	Max    duration `json:"max,omitzero"`
	Paused bool     `json:"paused"`
}

// MarshalJSON writes p as it goes over the wire; intervals are like "1.5s".
func (p Presence) MarshalJSON() ([]byte, error) {
	return json.Marshal(presenceJSON{p.State, p.Boot, duration(p.Min), duration(p.Max), p.Paused})
}

// UnmarshalJSON reads what MarshalJSON wrote. An interval that no broadcaster
// can keep to counts as none.
func (p *Presence) UnmarshalJSON(b []byte) error {
	var j presenceJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("read presence: %w", err)
	}
	*p = Presence{j.State, j.Boot, time.Duration(j.Min), time.Duration(j.Max), j.Paused}
	if CheckInterval(p.Min, p.Max) != nil {
		p.Min, p.Max = 0, 0
	}
	return nil
}
