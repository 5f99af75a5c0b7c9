package web

import (
	"time"

	"hellox/history"
	"hellox/stream"
	"hellox/web/timeline"
)

// A timestamp is a time as the API writes it: UTC with nine digits of a second.
// (encoding/json would leave out the zeros at the end.)
type timestamp struct{ time.Time }

// MarshalJSON replaces that of the embedded time.
func (t timestamp) MarshalJSON() ([]byte, error) {
	return stream.AppendString(nil, stream.FormatTime(t.Time)), nil
}

// The views are what the API writes: the types of stream and history, with the
// times that they embed as timestamps.
type (
	senderView struct {
		stream.Sender
		Since    timestamp `json:"since"`
		LastSeen timestamp `json:"last_seen"`
	}
	linkView struct {
		stream.Link
		Since timestamp `json:"since"`
		Retry timestamp `json:"retry,omitzero"`
	}
	statsView struct {
		history.Stats
		Oldest  timestamp `json:"oldest,omitzero"`
		Newest  timestamp `json:"newest,omitzero"`
		Started timestamp `json:"started"`
		Link    linkView  `json:"link"`
		Name    string    `json:"name,omitempty"` // the installation's
		Now     timestamp `json:"now"`            // the receiver's clock
	}
	timelineView struct {
		Since  timestamp      `json:"since"`
		Until  timestamp      `json:"until"`
		StepMS float64        `json:"step_ms"`
		Bins   []timeline.Bin `json:"bins"`
	}
)

func viewSender(s *stream.Sender) senderView {
	return senderView{*s, timestamp{s.Since}, timestamp{s.LastSeen}}
}

func viewLink(l *stream.Link) linkView { return linkView{*l, timestamp{l.Since}, timestamp{l.Retry}} }

func viewStats(s *history.Stats, name string, now time.Time) statsView {
	return statsView{*s, timestamp{s.Oldest}, timestamp{s.Newest}, timestamp{s.Started}, viewLink(&s.Link), name, timestamp{now}}
}

func viewTimeline(c timeline.Counts) timelineView {
	return timelineView{timestamp{c.Since}, timestamp{c.Until}, float64(c.Step.Milliseconds()), c.Bins}
}
