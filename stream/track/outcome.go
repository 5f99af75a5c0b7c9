package track

import (
	"time"

	"hellox/stream"
)

// An Outcome is what a Tracker decides about an arrival.
type Outcome byte

// The outcomes.
const (
	Ignored   Outcome = iota // no part of the stream (under hellox/#), or a retained message that is known
	Stored                   // a message, with an id
	Duplicate                // stored before: counted, not stored again
)

// Tracked is the outcome of one arrival.
type Tracked struct {
	Outcome  Outcome
	Sender   string           // of a Presence: the broadcaster that it is about
	Message  *stream.Message  // if Stored
	Next     time.Duration    // if Stored: until the next one, as declared; 0 if not
	Arrived  time.Time        // Arrival.Received as it was, before the clock rule
	Presence *stream.Presence // if Ignored and on a presence topic
	Counters Counters         // of the sender, with this arrival counted; zero if Ignored
}
