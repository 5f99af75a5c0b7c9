package detail

import (
	"strconv"
	"time"

	"hellox/stream"
	"hellox/stream/safetext"
	"hellox/tui/units"
)

// A property is one line about a message.
type property struct{ name, value string }

// properties lists what is known about m, without what does not apply.
func properties(m *stream.Message, zone *time.Location) []property {
	all := []property{
		{"topic", safetext.Topic(m.Topic)},
		{"sender", safetext.Topic(m.Sender)},
		{"received", m.Received.In(zone).Format("2006-01-02 15:04:05.000000 Z07:00")},
		{"QoS", strconv.Itoa(int(m.QoS))},
	}
	add := func(name, value string) {
		if value != "" {
			all = append(all, property{name, value})
		}
	}
	add("Δ", units.Delta(m.Delta))
	add("Δ any", units.Delta(m.DeltaAny))
	if m.Ours {
		add("latency", units.Latency(m.Latency))
		add("seq", strconv.FormatUint(m.Seq, 10))
		add("boot", m.Boot)
		add("color", m.Color)
	}
	if m.Retained {
		add("▣", "retained by the broker")
	}
	if m.Missed > 0 {
		add("⋯", units.Count(m.Missed)+" missed before it")
	}
	if m.Reordered {
		add("↶", "reordered: older than one already seen")
	}
	return all
}
