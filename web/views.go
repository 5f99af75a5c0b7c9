package web

import (
	"time"

	"hellox/history"
	"hellox/stream"
	"hellox/web/timeline"
)

// The views are what the API writes: the types of history and timeline, with
// their times in nine digits of a second.
type (
	statsView struct {
		history.Stats
		Oldest  stream.Time `json:"oldest,omitzero"`
		Newest  stream.Time `json:"newest,omitzero"`
		Started stream.Time `json:"started"`
		Name    string      `json:"name,omitempty"` // the installation's
		Now     stream.Time `json:"now"`            // the receiver's clock
	}
	timelineView struct {
		Since  stream.Time    `json:"since"`
		Until  stream.Time    `json:"until"`
		StepMS float64        `json:"step_ms"`
		Bins   []timeline.Bin `json:"bins"`
	}
)

func viewStats(s *history.Stats, name string, now time.Time) statsView {
	return statsView{*s, stream.Time(s.Oldest), stream.Time(s.Newest), stream.Time(s.Started), name, stream.Time(now)}
}

func viewTimeline(c timeline.Counts) timelineView {
	return timelineView{stream.Time(c.Since), stream.Time(c.Until), float64(c.Step.Milliseconds()), c.Bins}
}
