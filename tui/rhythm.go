package tui

import (
	"math"

	"hellox/stream"
)

// maxRhythms bounds how many senders have a rhythm.
const maxRhythms = 10_000

// A rhythm holds the last intervals of a sender in milliseconds, newest last.
type rhythm [6]uint32

// rhythms are those of all senders, by name.
type rhythms map[string]rhythm

// add takes in the interval before a message.
func (all rhythms) add(m *stream.Message) {
	if m.Delta == stream.None {
		return
	}
	r, known := all[m.Sender]
	if !known && len(all) >= maxRhythms {
		return
	}
	copy(r[:], r[1:])
	r[len(r)-1] = uint32(clamp(int(m.Delta.Milliseconds()), 1, math.MaxInt32))
	all[m.Sender] = r
}
