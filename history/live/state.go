package live

import (
	"cmp"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/stats"
	"hellox/stream/track"
)

// A State is what a store that writes itself knows besides its messages: how
// each sender does at this moment, the rates, the link. It learns of entries
// after they are kept, never before, and publishes them as events.
type State struct {
	hub *Hub
	now func() time.Time

	mu       sync.Mutex
	senders  map[string]*sender
	due      dueHeap
	all      stats.Meter
	totals   track.Totals
	newest   time.Time // Received of the newest message
	link     stream.Link
	linkAt   uint64 // position in the hub's ring at its last change
	started  time.Time
	degraded string
}

// minLook is the shortest time between two looks at one sender.
const minLook = 10 * time.Millisecond

// A sender is one of a pulse's senders.
type sender struct {
	name      string
	standing  track.Counters
	meter     stats.Meter
	Cadence   stats.Cadence
	state     stream.State // as last published
	changedAt uint64       // position in the hub's ring at the last change
	due       time.Time    // when to look at it again; zero if never
	heap      int          // index in pulse.due; -1 if not there
	touched   bool         // by the batch being taken
}

// NewState returns the State of a store whose events h hands out.
func NewState(h *Hub, now func() time.Time) *State {
	t := now()
	return &State{hub: h, now: now, senders: map[string]*sender{}, started: t,
		link: stream.Link{State: stream.Connecting, Since: t}}
}

// Load adds a sender as it was when the store was last open.
func (p *State) Load(a *track.SenderState, c stats.Cadence) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.sender(a.Sender)
	s.standing, s.Cadence = a.Counters, c
	// The books may have been kept while the messages they count were on
	// their way to the disk.
	if a.LastLive.After(c.Base) {
		s.Cadence.Heard(a.LastLive, c.Expected())
	}
	p.settle(s)
}

// Replay learns of a message that was kept before the store was opened; heard
// tells whether its sender's cadence knows it already.
func (p *State) Replay(m *stream.Message, next time.Duration, heard bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m.Retained {
		return
	}
	s := p.sender(m.Sender)
	s.meter.Observe(m.Received, m.Delta, m.Latency)
	p.all.Observe(m.Received, m.DeltaAny, m.Latency)
	if !heard {
		s.Cadence.Heard(m.Received, next)
	}
}

// Account sets how a sender stands in the ledger after all was replayed.
func (p *State) Account(a *track.SenderState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.sender(a.Sender)
	s.standing = a.Counters
	p.settle(s)
}

// settle takes a sender's state as known to everybody.
func (p *State) settle(s *sender) {
	now := p.now()
	s.state, _ = s.Cadence.State(now)
	p.reschedule(s, now)
}

// Loaded sets the counts over all senders.
func (p *State) Loaded(s track.State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.totals, p.newest = s.Totals, s.Received
}

func (p *State) sender(name string) *sender {
	s := p.senders[name]
	if s == nil {
		s = &sender{name: name, heap: -1}
		p.senders[name] = s
	}
	return s
}

// Take learns of entries that are kept now, and publishes what followers see
// of them: the messages, then the changes of state that they caused.
func (p *State) Take(entries []track.Tracked, totals track.Totals) {
	encode := p.hub.followers.Load() > 0
	events := make([]history.Event, 0, len(entries)+8)
	var touched []*sender
	p.mu.Lock()
	defer p.mu.Unlock()
	p.totals = totals
	for i := range entries {
		e := &entries[i]
		if e.Outcome == track.Ignored && e.Presence == nil {
			continue
		}
		if e.Presence != nil && p.senders[e.Sender] == nil {
			continue // of somebody who has said nothing yet: no sender of the stream
		}
		s := p.sender(e.Sender)
		if !s.touched {
			s.touched = true
			touched = append(touched, s)
		}
		if e.Presence != nil {
			s.Cadence.Present(*e.Presence, e.Arrived)
			continue
		}
		if e.Counters.Boot != s.standing.Boot {
			s.Cadence.Present(stream.Presence{State: "here", Boot: e.Counters.Boot}, e.Arrived)
		}
		s.standing = e.Counters
		m := e.Message
		if m == nil {
			continue
		}
		p.newest = m.Received
		if !m.Retained {
			s.meter.Observe(e.Arrived, m.Delta, m.Latency)
			p.all.Observe(e.Arrived, m.DeltaAny, m.Latency)
			s.Cadence.Heard(e.Arrived, e.Next)
		}
		event := history.Event{Message: m}
		if encode {
			event.JSON = m.AppendJSON(make([]byte, 0, 384+2*len(m.Payload)))
		}
		events = append(events, event)
	}
	now := p.now()
	messages := len(events)
	for _, s := range touched {
		s.touched = false
		events = p.review(s, now, events)
	}
	p.mark(events, messages)
	p.hub.publish(events)
}

// Tick publishes the changes of state that time alone has brought, and tells
// when to look again; the zero time if never.
func (p *State) Tick(now time.Time) (next time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var events []history.Event
	for len(p.due) > 0 && !p.due[0].due.After(now) {
		events = p.review(p.due[0], now, events)
	}
	p.mark(events, 0)
	p.hub.publish(events)
	if len(p.due) == 0 {
		return time.Time{}
	}
	return p.due[0].due
}

// review appends an event if s is in another state than last published.
func (p *State) review(s *sender, now time.Time, events []history.Event) []history.Event {
	state, _ := s.Cadence.State(now)
	if state != s.state {
		s.state = state
		view := s.view(now)
		events = append(events, p.encoded(history.Event{Sender: &view}, &view))
	}
	p.reschedule(s, now)
	return events
}

// encoded returns e with its JSON, once for all followers, if there are any.
// A value that JSON does not know (a rate that is no number) has none.
func (p *State) encoded(e history.Event, v any) history.Event {
	if p.hub.followers.Load() > 0 {
		if b, err := json.Marshal(v); err == nil {
			e.JSON = stream.EscapeJSON(b)
		}
	}
	return e
}

// reschedule finds when to look at s again. A due time that has only moved
// further away stays where it is in the heap: the early look is cheap, and a
// message then costs no sifting.
func (p *State) reschedule(s *sender, now time.Time) {
	due, ok := s.Cadence.Due(now)
	if ok && !due.After(now) {
		due = now.Add(minLook)
	}
	switch {
	case !ok:
		if s.heap >= 0 {
			p.due.remove(s)
		}
	case s.heap < 0:
		s.due = due
		p.due.push(s)
	case due.Before(s.due) || !s.due.After(now):
		s.due = due
		p.due.fix(s)
	}
}

// mark notes at which position of the ring senders change: events[from:] are
// about to be published after those before them.
func (p *State) mark(events []history.Event, from int) {
	end, _ := p.hub.position()
	for i := from; i < len(events); i++ {
		if v := events[i].Sender; v != nil {
			p.senders[v.Sender].changedAt = end + uint64(i)
		}
	}
}

// Forget drops senders that the ledger has forgotten.
func (p *State) Forget(names []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range names {
		if s := p.senders[name]; s != nil {
			if s.heap >= 0 {
				p.due.remove(s)
			}
			delete(p.senders, name)
		}
	}
}

// Cadence returns a copy of a sender's cadence, to be kept.
func (p *State) Cadence(name string) (c stats.Cadence) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.senders[name]; s != nil {
		c = s.Cadence
	}
	return c
}

// ChangedSince returns, as events, the senders and the link that have changed at
// or after a position of the ring, as they are now.
func (p *State) ChangedSince(pos uint64) []history.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	var events []history.Event
	now := p.now()
	for _, s := range p.senders {
		if s.changedAt >= pos && s.changedAt > 0 {
			view := s.view(now)
			events = append(events, history.Event{Sender: &view})
		}
	}
	slices.SortFunc(events, func(a, b history.Event) int { return cmp.Compare(a.Sender.Sender, b.Sender.Sender) })
	if p.linkAt >= pos && p.linkAt > 0 {
		link := p.link
		events = append(events, history.Event{Link: &link})
	}
	return events
}

// view is s as the API tells it.
func (s *sender) view(now time.Time) stream.Sender {
	state, since := s.Cadence.State(now)
	v := stream.Sender{Sender: s.name, Ours: s.standing.Ours, State: state, Since: since.UTC(),
		LastSeen: s.standing.LastSeen, LastID: s.standing.LastID, Boot: s.standing.Boot, Seq: s.standing.Seq,
		Color: s.standing.Color, ExpectedMS: stream.Millis(s.Cadence.Expected()),
		Messages: s.standing.Messages, Missed: s.standing.Missed, Reordered: s.standing.Reordered,
		Duplicates: s.standing.Duplicates, Rates: s.meter.Rates(now)}
	if spread, ok := s.meter.Spread(now); ok {
		v.IntervalMS = &spread
	}
	if quantile, ok := s.meter.Quantile(now); ok {
		v.LatencyMS = &quantile
	}
	return v
}

// Senders returns all senders, by name.
func (p *State) Senders() []stream.Sender {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	views := make([]stream.Sender, 0, len(p.senders))
	for _, s := range p.senders {
		views = append(views, s.view(now))
	}
	slices.SortFunc(views, func(a, b stream.Sender) int { return cmp.Compare(a.Sender, b.Sender) })
	return views
}

// Intervals returns the histogram of each sender that has one, by name.
func (p *State) Intervals() []history.Intervals {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	var all []history.Intervals
	for _, s := range p.senders {
		spread, ok := s.meter.Spread(now)
		if !ok {
			continue
		}
		step, counts := s.meter.Histogram(now)
		all = append(all, history.Intervals{Sender: s.name, StepMS: stream.Millis(step), Counts: counts,
			MinMS: spread.Min, MeanMS: spread.Mean, MaxMS: spread.Max})
	}
	slices.SortFunc(all, func(a, b history.Intervals) int { return cmp.Compare(a.Sender, b.Sender) })
	return all
}

// SetLink notes and publishes the state of the connection to the broker.
func (p *State) SetLink(l stream.Link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.link = l
	end, _ := p.hub.position()
	p.linkAt = end
	p.hub.publish([]history.Event{p.encoded(history.Event{Link: &l}, &l)})
}

// SetDegraded notes why nothing is acknowledged now; "" when all is well.
func (p *State) SetDegraded(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.degraded = why
}

// Stats fills in all that a pulse knows.
func (p *State) Stats() history.Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return history.Stats{Received: p.totals.Received, Stored: p.totals.Stored, Duplicates: p.totals.Duplicates,
		Missed: p.totals.Missed, Reordered: p.totals.Reordered, Senders: len(p.senders),
		Rates: p.all.Rates(p.now()), Newest: p.newest, Started: p.started, Link: p.link, Degraded: p.degraded}
}
