package tui

import (
	"time"

	"hellox/history"
	"hellox/history/file"
	"hellox/stream"
	"hellox/tui/cells"
	"hellox/tui/theme"
	"hellox/tui/timeline"
	"hellox/tui/units"
)

// status is what is known about the stream as a whole.
type status struct {
	stats  history.Stats
	known  bool         // stats have been read
	link   *stream.Link // ours to the store, if it has one
	ended  error        // why no more events can follow
	recent timeline.Timeline
	since  time.Time // before it messages are not counted; zero: all are
	minute bool      // the rate is shown a minute

	recorded  bool // the stream is that of a recording
	recording file.Status
	records   bool // there is a recording
}

// away reports whether our own link is down.
func (s *status) away() bool { return s.link != nil && s.link.State != stream.Connected }

// well reports whether the stream comes here as it should.
func (s *status) well() bool {
	broker := s.stats.Link.State
	return s.ended == nil && s.known && !s.away() && (broker == "" || broker == stream.Connected)
}

// linkText describes how the stream comes here: our own link first, and the
// receiver's to the broker if that one is down.
func (s *status) linkText(t *theme.Theme, now time.Time) string {
	broker := s.stats.Link
	switch {
	case s.ended != nil:
		return t.Red.Apply("⨯ ended")
	case s.away():
		return linkState(t, *s.link, now)
	case !s.known:
		return t.Grey.Apply("◌ connecting")
	case s.recorded && broker.State == stream.Ended:
		return t.Grey.Apply("■ recording")
	case broker.State != "" && broker.State != stream.Connected:
		if s.link == nil {
			return linkState(t, broker, now)
		}
		return t.Green.Apply("●") + " connected, broker " + linkState(t, broker, now)
	case s.stats.Degraded != "":
		return t.Amber.Apply("◐") + " degraded"
	}
	return t.Green.Apply("●") + " connected"
}

// recordingText says how the recording stands, or is "".
func (s *status) recordingText(t *theme.Theme) string {
	switch st := s.recording; {
	case !s.records:
		return ""
	case st.Err != nil:
		return t.Red.Apply("⨯") + " not recorded"
	default:
		return t.Red.Apply("●") + " rec " + units.Bytes(st.Bytes) + " " + cells.Topic(st.Path, 20)
	}
}

func linkState(t *theme.Theme, l stream.Link, now time.Time) string {
	switch l.State {
	case stream.Connected:
		return t.Green.Apply("●") + " connected"
	case stream.Retrying:
		in := l.Retry.Sub(now)
		if in < time.Second {
			return t.Grey.Apply("◌ retrying")
		}
		return t.Grey.Apply("◌ retry in " + units.Elapsed(in+time.Second/2))
	case stream.Ended:
		return t.Red.Apply("⨯ ended")
	}
	return t.Grey.Apply("◌ connecting")
}

// rate returns the messages a second in the last minute.
func (s *status) rate(now time.Time) float64 {
	return float64(s.recent.Sum(now, time.Minute)) / 60
}

// chooseUnit sets the unit of the rate. About one message a second it stays the
// one that it is.
func (s *status) chooseUnit(now time.Time) {
	switch rate := s.rate(now); {
	case rate >= 2:
		s.minute = false
	case rate < 0.5:
		s.minute = true
	}
}

// alert returns what is wrong, or nothing.
func (s *status) alert(t *theme.Theme) sentence {
	switch {
	case s.ended != nil:
		return sentence{t.Red, "✗ " + cells.Clean(s.ended.Error(), maxNotice)}
	case s.away() && s.link.Cause != "":
		return sentence{t.Amber, cells.Clean(s.link.Cause, maxNotice)}
	case s.records && s.recording.Err != nil:
		return sentence{t.Amber, "◐ " + cells.Clean(s.recording.Err.Error()+"; the stream goes on", maxNotice)}
	case s.stats.Degraded != "":
		return sentence{t.Amber, "◐ " + cells.Clean(s.stats.Degraded, maxNotice)}
	}
	return sentence{}
}
