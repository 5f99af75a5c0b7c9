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

// A Reception is whether messages can arrive, and since when. Without a broker
// the receiver cannot know what a sender does.
type Reception struct {
	Since time.Time // when the connection to the broker came about; zero: there is none
	Ended time.Time // when the last one ended
}

// A Cadence judges one sender: whether it is on time, late, silent, paused, gone,
// lost or unknown. The zero value is a sender without messages. Its fields are
// exported to be stored beside the sender (JSON) and are not meant to be set. It is
// not safe for concurrent use.
type Cadence struct {
	Base    time.Time     `json:"base,omitzero"`     // the last message, or its here: from then on it is waited for
	Since   time.Time     `json:"since,omitzero"`    // when the state that it had at Base began
	Live    bool          `json:"live,omitempty"`    // a message that was not a retained one has arrived
	Next    time.Duration `json:"next,omitempty"`    // declared by the last message; 0: not
	Learned time.Duration `json:"learned,omitempty"` // the longest interval it usually makes
	Odd     time.Duration `json:"odd,omitempty"`     // one far longer than that, not yet believed
	Count   int           `json:"count,omitempty"`   // intervals learned from, up to learnAfter
	Broken  bool          `json:"broken,omitempty"`  // the interval since Base tells nothing about its cadence
	Away    stream.State  `json:"away,omitempty"`    // Gone, Lost or ""
	Left    time.Time     `json:"left,omitzero"`     // since when Away
	Paused  time.Time     `json:"paused,omitzero"`   // since when by command; zero: it is not
	Boot    string        `json:"boot,omitempty"`    // the newest start in its presence
	Min     time.Duration `json:"min,omitempty"`     // the interval that its presence declares; 0: none
	Max     time.Duration `json:"max,omitempty"`
	Changed time.Time     `json:"changed,omitzero"` // since when Min and Max
}

// Heard takes note of a message received at the time at, which declared that
// the next one follows after next (0: it did not). A retained
// message, whose age is unknown, is not for Heard. A sender that was gone or
// lost is back.
func (c *Cadence) Heard(at time.Time, next time.Duration, r Reception) {
	was, first := c.before(at, r)
	if !c.Base.IsZero() && !c.Broken && c.Away == "" && !first {
		c.learn(at.Sub(c.Base))
	}
	c.wait(at)
	// What a paused sender says by command is no part of its cadence.
	c.Live, c.Next, c.Broken = true, max(next, 0), !c.Paused.IsZero()
	c.note(was, first, at, r)
}

// Present takes note of a message on a broadcaster's presence topic. What an
// older start left behind, such as the last will of a connection that the
// broker gave up only after the next start, is ignored.
func (c *Cadence) Present(p stream.Presence, at time.Time, r Reception) {
	if p.Boot < c.Boot { // a ULID sorts by its time
		return
	}
	switch p.State {
	case "here":
		c.here(p, at, r)
	case string(stream.Gone), string(stream.Lost):
		if c.Away == "" {
			c.Left = at
		}
		c.Boot, c.Away = p.Boot, stream.State(p.State)
	}
}

// Started takes note of a message of the start named boot. If it is a newer one
// than its presence has told of, the sender begins anew.
func (c *Cadence) Started(boot string, at time.Time, r Reception) {
	if boot > c.Boot {
		c.here(stream.Presence{Boot: boot, Min: c.Min, Max: c.Max}, at, r)
	}
}

// here begins anew to wait for a sender that has come back, has been resumed or
// has another interval.
func (c *Cadence) here(p stream.Presence, at time.Time, r Reception) {
	was, first := c.before(at, r)
	anew := p.Boot > c.Boot || c.Away != "" || c.Base.IsZero() || !p.Paused && !c.Paused.IsZero()
	c.Boot = p.Boot
	if p.Min != c.Min || p.Max != c.Max {
		c.Min, c.Max, c.Changed = p.Min, p.Max, at
		c.Learned, c.Odd, c.Count = 0, 0, 0
		anew = true
	}
	if anew {
		c.wait(at)
		c.Next, c.Broken = 0, true
	}
	switch {
	case !p.Paused:
		c.Paused = time.Time{}
	case c.Paused.IsZero():
		c.Paused, c.Broken = at, true
	}
	c.note(was, first, at, r)
}

// before returns the state before what arrives at the time at, and reports whether
// it is the first of the sender since the receiver was without a connection.
func (c *Cadence) before(at time.Time, r Reception) (was stream.State, first bool) {
	was, _ = c.State(at, r)
	return was, !at.Before(r.Ended) && c.Base.Before(r.Ended)
}

// note sets Since after something arrived at the time at.
func (c *Cadence) note(was stream.State, first bool, at time.Time, r Reception) {
	if is, _ := c.State(at, r); is != was || first || c.Since.IsZero() {
		c.Since = at
	}
}

// wait begins to wait for the next message at the time at.
func (c *Cadence) wait(at time.Time) { c.Base, c.Away, c.Left = at, "", time.Time{} }

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

// Expected returns how long after the last message the next one is due at the
// latest: declared, else learned; 0 if that is not known yet or the sender is paused.
func (c *Cadence) Expected() time.Duration {
	switch {
	case !c.Paused.IsZero():
		return 0
	case c.Next > 0:
		return c.Next
	case c.Max > 0:
		return c.Max
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
	if c.Next > 0 || c.Max > 0 {
		late = expected + expected/10 + lateGrace
	} else {
		late = time.Duration(lateFactor*float64(expected)) + lateGrace
	}
	// A broadcaster that declared one second and usually takes up to ten
	// is late soon, but not silent sooner than after any other message.
	silent = silentFactor*max(expected, c.Learned, c.Max) + lateGrace
	return late, max(late, silent)
}

// from returns the time from which on the sender is waited for: what it published
// while there was no connection comes once there is one.
func (c *Cadence) from(r Reception) time.Time {
	if c.Base.Before(r.Since) {
		return r.Since
	}
	return c.Base
}

// State returns how the sender stands at the time now, and since when; the zero
// time if it has never sent. It is unknown while the receiver has no connection,
// then until the sender is heard or late, and as long as its cadence is not known.
func (c *Cadence) State(now time.Time, r Reception) (state stream.State, since time.Time) {
	switch {
	case r.Since.IsZero():
		return stream.Unknown, r.Ended
	case c.Away != "":
		return c.Away, c.Left
	case !c.Paused.IsZero():
		return stream.Paused, c.Paused
	}
	late, silent := c.limits()
	from := c.from(r)
	switch waited := now.Sub(from); {
	case !c.Live || late == 0:
		return stream.Unknown, c.Since
	case waited >= silent:
		return stream.Silent, from.Add(silent)
	case waited >= late:
		return stream.Late, from.Add(late)
	case c.Base.Before(r.Ended):
		return stream.Unknown, r.Ended
	}
	return stream.OnTime, c.Since
}

// Due returns when State will next change if nothing arrives, so that one
// timer can serve many senders; false if it will not.
func (c *Cadence) Due(now time.Time, r Reception) (time.Time, bool) {
	late, silent := c.limits()
	if late == 0 || !c.Live || c.Away != "" || !c.Paused.IsZero() || r.Since.IsZero() {
		return time.Time{}, false
	}
	from := c.from(r)
	switch waited := now.Sub(from); {
	case waited < late:
		return from.Add(late), true
	case waited < silent:
		return from.Add(silent), true
	}
	return time.Time{}, false
}
