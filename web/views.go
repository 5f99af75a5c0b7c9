package web

import (
	"time"

	"hellox/history"
	"hellox/stream"
	"hellox/web/timeline"
)

// A nine is a time as the API writes it: UTC with nine digits of a second.
// (encoding/json would leave out the zeros at the end.)
type nine struct{ time.Time }

// MarshalJSON stands before that of the embedded time.
func (t nine) MarshalJSON() ([]byte, error) {
	return stream.AppendString(nil, stream.FormatTime(t.Time)), nil
}

// The views write the times of the types that they embed as nines.
type (
	senderView struct {
		stream.Sender
		Since    nine `json:"since"`
		LastSeen nine `json:"last_seen"`
	}
	linkView struct {
		stream.Link
		Since nine `json:"since"`
		Retry nine `json:"retry,omitzero"`
	}
	statsView struct {
		history.Stats
		Oldest  nine     `json:"oldest,omitzero"`
		Newest  nine     `json:"newest,omitzero"`
		Started nine     `json:"started"`
		Link    linkView `json:"link"`
		Name    string   `json:"name,omitempty"` // the installation's
		Now     nine     `json:"now"`            // the receiver's clock
	}
	timelineView struct {
		Since  nine           `json:"since"`
		Until  nine           `json:"until"`
		StepMS float64        `json:"step_ms"`
		Bins   []timeline.Bin `json:"bins"`
	}
)

func viewSender(s *stream.Sender) senderView {
	return senderView{*s, nine{s.Since}, nine{s.LastSeen}}
}

func viewLink(l *stream.Link) linkView { return linkView{*l, nine{l.Since}, nine{l.Retry}} }

func viewStats(s *history.Stats, name string, now time.Time) statsView {
	return statsView{*s, nine{s.Oldest}, nine{s.Newest}, nine{s.Started}, viewLink(&s.Link), name, nine{now}}
}

func viewTimeline(c timeline.Counts) timelineView {
	return timelineView{nine{c.Since}, nine{c.Until}, float64(c.Step.Milliseconds()), c.Bins}
}
