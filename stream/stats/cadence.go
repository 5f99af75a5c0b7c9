package stats

import (
	"time"

	"hellox/stream"
)

// When a sender is no longer on time. It is judged by what it declared with
// its last message (next_ms), else by the longest intervals it usually makes.
const (
	// lateGrace is what the way of a message and a busy machine may take
	// before a sender that declared its next message is called late; to it
	// comes a tenth of what was declared, for clocks and timers drift.
	lateGrace = 500 * time.Millisecond
	// lateFactor times the learned interval makes a sender late that
	// declares nothing: what is learned is an estimate, and of random
	// intervals the longest is not seen in each window.
	lateFactor = 1.5
	// silentFactor times the expected interval makes a sender silent. Two
	// messages in a row did not come: that is not chance any more.
	silentFactor = 3
	// learnAfter intervals, a cadence counts as known.
	learnAfter = 3
	// forget is how much of the time that passed is taken off the learned
	// interval, so that a sender that became quicker is believed after some
	// sixteen of its old intervals. By time and not by messages, so that a
	// burst (what had queued up while the receiver was away) teaches nothing.
	forget = 1.0 / 16
)

// A Cadence judges one sender: whether it is on time, late, silent, gone or
// lost. The zero value is a sender without messages. Its fields are exported to be
// stored beside the sender (JSON) and are not meant to be set. It is not safe for
// concurrent use.
type Cadence struct {
	Base    time.Time     `json:"base,omitzero"`     // the last message, or its here: from then on it is waited for
	OnTime  time.Time     `json:"on_time,omitzero"`  // since when it has been on time, if it was at Base
	Next    time.Duration `json:"next,omitempty"`    // declared by the last message; 0: not
	Learned time.Duration `json:"learned,omitempty"` // the longest interval it usually makes
	Odd     time.Duration `json:"odd,omitempty"`     // one far longer than that, not yet believed
	Count   int           `json:"count,omitempty"`   // intervals learned from, up to learnAfter
	Broken  bool          `json:"broken,omitempty"`  // the interval since Base tells nothing about its cadence
	Away    stream.State  `json:"away,omitempty"`    // Gone, Lost or ""
	Left    time.Time     `json:"left,omitzero"`     // since when Away
	Boot    string        `json:"boot,omitempty"`    // the newest start in its presence
}

// Heard takes note of a message received at the time at, which declared that
// the next one follows after next (0: it did not). A retained
// message, whose age is unknown, is not for Heard. A sender that was gone or
// lost is back.
func (c *Cadence) Heard(at time.Time, next time.Duration) {
	if !c.Base.IsZero() && !c.Broken && c.Away == "" {
		c.learn(at.Sub(c.Base))
	}
	c.back(at)
	c.Next, c.Broken = max(next, 0), false
}

// Present takes note of a message on a broadcaster's presence topic. What an
// older start left behind, such as the last will of a connection that the
// broker gave up only after the next start, is ignored. The caller reports a
// new boot in a message by a Presence "here", too.
func (c *Cadence) Present(p stream.Presence, at time.Time) {
	if p.Boot < c.Boot { // a ULID sorts by its time
		return
	}
	fresh := p.Boot > c.Boot
	c.Boot = p.Boot
	switch p.State {
	case "here":
		if c.Away != "" || fresh || c.Base.IsZero() {
			c.back(at)
			c.Next, c.Broken = 0, true
		}
	case string(stream.Gone), string(stream.Lost):
		if c.Away == "" {
			c.Left = at
		}
		c.Away = stream.State(p.State)
	}
}

// back begins to wait for the next message at the time at.
func (c *Cadence) back(at time.Time) {
	if state, _ := c.State(at); state != stream.OnTime || c.OnTime.IsZero() {
		c.OnTime = at
	}
	c.Base, c.Away, c.Left = at, "", time.Time{}
}

// learn keeps Learned an upper envelope of the intervals. One after which the
// sender was silent is an outage or a new cadence: it is believed once another
// one follows before it is forgotten.
func (c *Cadence) learn(interval time.Duration) {
	if interval < 0 {
		return // the clock was set back
	}
	passed := time.Duration(float64(interval) * forget)
	switch {
	case c.Count < learnAfter:
		c.Count++
		c.Learned = max(c.Learned, interval)
	case interval > silentFactor*c.Learned+lateGrace:
		if c.Odd > 0 {
			c.Learned, c.Odd = min(c.Odd, interval), 0
		} else {
			c.Odd = interval
		}
	default:
		c.Learned = max(interval, c.Learned-passed)
		c.Odd = max(0, c.Odd-passed)
	}
}

// Expected returns how long after the last message the next one is due:
// declared, else learned; 0 if that is not known yet.
func (c *Cadence) Expected() time.Duration {
	switch {
	case c.Next > 0:
		return c.Next
	case c.Count >= learnAfter:
		return c.Learned
	}
	return 0
}

// limits returns how long after Base the sender is late and silent; 0 if its
// cadence is not known.
func (c *Cadence) limits() (late, silent time.Duration) {
	expected := c.Expected()
	if expected == 0 && c.Count < learnAfter {
		return 0, 0
	}
	if c.Next > 0 {
		late = c.Next + c.Next/10 + lateGrace
	} else {
		late = time.Duration(lateFactor*float64(expected)) + lateGrace
	}
	// A broadcaster that declared one second and usually takes up to ten
	// is late soon, but not silent sooner than after any other message.
	silent = silentFactor*max(expected, c.Learned) + lateGrace
	return late, max(late, silent)
}

// State returns how the sender stands at the time now, and since when. A
// sender whose cadence is not known yet is on time.
func (c *Cadence) State(now time.Time) (state stream.State, since time.Time) {
	if c.Away != "" {
		return c.Away, c.Left
	}
	late, silent := c.limits()
	switch waited := now.Sub(c.Base); {
	case late == 0 || c.Base.IsZero() || waited < late:
		return stream.OnTime, c.OnTime
	case waited < silent:
		return stream.Late, c.Base.Add(late)
	}
	return stream.Silent, c.Base.Add(silent)
}

// Due returns when State will next change if nothing arrives, so that one
// timer can serve many senders; false if it will not.
func (c *Cadence) Due(now time.Time) (time.Time, bool) {
	late, silent := c.limits()
	if late == 0 || c.Away != "" || c.Base.IsZero() {
		return time.Time{}, false
	}
	switch waited := now.Sub(c.Base); {
	case waited < late:
		return c.Base.Add(late), true
	case waited < silent:
		return c.Base.Add(silent), true
	}
	return time.Time{}, false
}
