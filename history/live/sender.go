package live

import (
	"math"
	"time"

	"hellox/stream"
	"hellox/stream/stats"
	"hellox/stream/track"
)

// senderState is what a State holds of one sender.
type senderState struct {
	name      string
	counters  track.Counters
	meter     stats.Meter
	cadence   stats.Cadence
	state     stream.State // as last published
	changedAt uint64       // position in the hub's ring at the last change
	due       time.Time    // when to check it again; zero if never
	heap      int          // index in State.due; -1 if not there
	touched   bool         // by the batch being taken
	recent    recent
}

// recent holds the newest intervals of a sender, for a spark line.
type recent struct {
	ms [14]float32
	n  int // intervals, ever
}

func (r *recent) add(interval time.Duration) {
	if interval == stream.None {
		return
	}
	r.ms[r.n%len(r.ms)] = float32(stream.Millis(interval))
	r.n++
}

// list returns them, oldest first.
func (r *recent) list() []float64 {
	var list []float64
	for i := max(0, r.n-len(r.ms)); i < r.n; i++ {
		list = append(list, math.Round(float64(r.ms[i%len(r.ms)])*1000)/1000)
	}
	return list
}

// view is s as the API shows it.
func (s *senderState) view(now time.Time, r stats.Reception) stream.Sender {
	state, since := s.cadence.State(now, r)
	v := stream.Sender{Sender: s.name, Ours: s.counters.Ours, State: state, Since: since.UTC(),
		LastSeen: s.counters.LastSeen, LastID: s.counters.LastID, Boot: s.counters.Boot, Seq: s.counters.Seq,
		Color: s.counters.Color, ExpectedMS: stream.Millis(s.cadence.Expected()),
		Messages: s.counters.Messages, Missed: s.counters.Missed, Reordered: s.counters.Reordered,
		Duplicates: s.counters.Duplicates, Rates: s.meter.Rates(now), RecentMS: s.recent.list()}
	if spread, ok := s.meter.Spread(now); ok {
		v.IntervalMS = &spread
	}
	if quantile, ok := s.meter.Quantile(now); ok {
		v.LatencyMS = &quantile
	}
	return v
}

// present takes note of a presence.
func (s *senderState) present(p earlyPresence, r stats.Reception) {
	s.cadence.Present(p.presence, p.arrived, r)
	s.meter.Declare(s.cadence.Min, s.cadence.Max)
}

// An earlyPresence is one that came before its broadcaster's first message.
type earlyPresence struct {
	presence stream.Presence
	arrived  time.Time
}

// earlyPresences are those of broadcasters that have sent nothing yet, by ID.
type earlyPresences map[string]earlyPresence

// maxEarly bounds them: any client can publish presences and send nothing.
const maxEarly = 10_000

func (all earlyPresences) add(e *track.Tracked) {
	_, known := all[e.Sender]
	switch {
	case e.Presence.State != "here":
		delete(all, e.Sender)
	case known || len(all) < maxEarly:
		all[e.Sender] = earlyPresence{*e.Presence, e.Arrived}
	}
}

// paused counts those that are paused, and send nothing until told to go on.
func (all earlyPresences) paused() (n int) {
	for _, p := range all {
		if p.presence.Paused {
			n++
		}
	}
	return n
}

// take returns and removes the one of a broadcaster.
func (all earlyPresences) take(id string) (earlyPresence, bool) {
	if len(all) == 0 {
		return earlyPresence{}, false // the usual case, for each message
	}
	p, ok := all[id]
	delete(all, id)
	return p, ok
}
