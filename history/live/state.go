package live

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/stats"
	"hellox/stream/track"
)

// State holds what a writable store keeps only in memory: sender states, rates
// and the broker link. It is given messages after they are stored, never before,
// and publishes them as events.
type State struct {
	hub *hub
	now func() time.Time

	mu        sync.Mutex
	senders   map[string]*senderState
	early     earlyPresences
	due       dueHeap
	all       stats.Meter
	totals    track.Totals
	newest    time.Time // Received of the newest message
	link      stream.Link
	linkAt    uint64 // position in the hub's ring at its last change
	reception stats.Reception
	changed   chan struct{} // holds an element when Tick is to be called though nothing came
	started   time.Time
	degraded  string             // of the history
	outage    bool               // of SetOutage: it is why degraded
	broker    stream.BrokerState // as it said last
}

// minRecheck is the shortest time between two checks of one sender.
const minRecheck = 10 * time.Millisecond

// NewState returns the State of a store whose newest message is last.
func NewState(last int64, now func() time.Time) *State {
	t := now()
	return &State{hub: newHub(last), now: now, senders: map[string]*senderState{}, early: earlyPresences{}, started: t,
		link: stream.Link{State: stream.Connecting, Since: t}, reception: stats.Reception{Ended: t}, changed: make(chan struct{}, 1)}
}

// LoadSender adds a sender as it was when the store was last open.
func (st *State) LoadSender(a *track.SenderState, c stats.Cadence) {
	st.mu.Lock()
	defer st.mu.Unlock()
	s := st.sender(a.Sender)
	s.counters, s.cadence = a.Counters, c
	s.meter.Declare(c.Min, c.Max)
	// The checkpoint may have been written while the messages it counts were
	// on their way to the disk.
	if a.LastSeen.After(c.Base) {
		s.cadence.Heard(a.LastSeen, c.Next, st.reception)
	}
	st.initState(s)
}

// Replay adds a message that was stored before the store was opened. heard
// reports whether its sender's cadence includes it already.
func (st *State) Replay(m *stream.Message, next time.Duration, heard bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if m.Retained {
		return
	}
	s := st.sender(m.Sender)
	interval := m.Delta
	if m.Received.Before(s.cadence.Changed) {
		interval = stream.None // of what it declared before
	}
	s.meter.Observe(m.Received, interval, m.Latency)
	s.recent.add(m.Delta)
	st.all.Observe(m.Received, m.DeltaAny, m.Latency)
	if !heard {
		s.cadence.Heard(m.Received, next, st.reception)
	}
}

// SetCounters sets the counters of a sender after all was replayed.
func (st *State) SetCounters(a *track.SenderState) {
	st.mu.Lock()
	defer st.mu.Unlock()
	s := st.sender(a.Sender)
	s.counters = a.Counters
	st.initState(s)
}

// initState sets a sender's state without publishing it.
func (st *State) initState(s *senderState) {
	now := st.now()
	s.state, _ = s.cadence.State(now, st.reception)
	st.reschedule(s, now)
}

// SetTotals sets the counts over all senders.
func (st *State) SetTotals(s track.State) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.totals, st.newest = s.Totals, s.Received
}

func (st *State) sender(name string) *senderState {
	s := st.senders[name]
	if s == nil {
		s = &senderState{name: name, heap: -1}
		st.senders[name] = s
	}
	return s
}

// Apply applies entries that are stored now and publishes what followers see of
// them: the messages, then the changes of state that they caused.
func (st *State) Apply(entries []track.Tracked, totals track.Totals) {
	encode := st.hub.encoded.Load() > 0
	events := make([]history.Event, 0, len(entries)+8)
	var touched []*senderState
	st.mu.Lock()
	defer st.mu.Unlock()
	st.totals = totals
	for i := range entries {
		e := &entries[i]
		if e.Outcome == track.Ignored && e.Presence == nil {
			continue
		}
		if e.Presence != nil && st.senders[e.Sender] == nil {
			st.early.add(e) // it has sent nothing yet: no sender of the stream
			continue
		}
		s := st.sender(e.Sender)
		if early, ok := st.early.take(e.Sender); ok {
			s.present(early, st.reception)
		}
		if !s.touched {
			s.touched = true
			touched = append(touched, s)
		}
		if e.Presence != nil {
			s.present(earlyPresence{*e.Presence, e.Arrived}, st.reception)
			continue
		}
		if e.Counters.Boot != s.counters.Boot {
			s.cadence.Started(e.Counters.Boot, e.Arrived, st.reception)
		}
		s.counters = e.Counters
		m := e.Message
		if m == nil {
			continue
		}
		st.newest = m.Received
		if !m.Retained {
			s.meter.Observe(e.Arrived, m.Delta, m.Latency)
			s.recent.add(m.Delta)
			st.all.Observe(e.Arrived, m.DeltaAny, m.Latency)
			s.cadence.Heard(e.Arrived, e.Next, st.reception)
		}
		event := history.Event{Message: m}
		if encode {
			event.JSON = m.AppendJSON(make([]byte, 0, 384+2*len(m.Payload)))
		}
		events = append(events, event)
	}
	now := st.now()
	messages := len(events)
	for _, s := range touched {
		s.touched = false
		events = st.check(s, now, events)
	}
	st.stampChanges(events, messages)
	st.hub.publish(events)
}

// Tick publishes the changes of state that time alone has brought, and returns
// when to be called again; the zero time if never.
func (st *State) Tick(now time.Time) (next time.Time) {
	st.mu.Lock()
	defer st.mu.Unlock()
	var events []history.Event
	for len(st.due) > 0 && !st.due[0].due.After(now) {
		events = st.check(st.due[0], now, events)
	}
	st.stampChanges(events, 0)
	st.hub.publish(events)
	if len(st.due) == 0 {
		return time.Time{}
	}
	return st.due[0].due
}

// check appends an event if s is in another state than last published.
func (st *State) check(s *senderState, now time.Time, events []history.Event) []history.Event {
	state, _ := s.cadence.State(now, st.reception)
	if state != s.state {
		s.state = state
		view := s.view(now, st.reception)
		events = append(events, st.encoded(history.Event{Sender: &view}, &view))
	}
	st.reschedule(s, now)
	return events
}

// encoded returns e with its JSON, once for all followers, if any wants it.
// A value that JSON does not know (a rate that is no number) has none.
func (st *State) encoded(e history.Event, v any) history.Event {
	if st.hub.encoded.Load() > 0 {
		if b, err := json.Marshal(v); err == nil {
			e.JSON = stream.EscapeJSON(b)
		}
	}
	return e
}

// reschedule finds when to check s again. A due time that has only moved further
// away stays where it is in the heap: the early check is cheap, and a message
// then costs no reordering.
func (st *State) reschedule(s *senderState, now time.Time) {
	due, ok := s.cadence.Due(now, st.reception)
	if ok && !due.After(now) {
		due = now.Add(minRecheck)
	}
	switch {
	case !ok:
		if s.heap >= 0 {
			st.due.remove(s)
		}
	case s.heap < 0:
		s.due = due
		st.due.push(s)
	case due.Before(s.due) || !s.due.After(now):
		s.due = due
		st.due.fix(s)
	}
}

// stampChanges notes at which position of the ring senders change: events[from:] are
// about to be published after those before them.
func (st *State) stampChanges(events []history.Event, from int) {
	end, _ := st.hub.position()
	for i := from; i < len(events); i++ {
		if v := events[i].Sender; v != nil {
			st.senders[v.Sender].changedAt = end + uint64(i)
		}
	}
}

// Forget removes senders that the tracker has forgotten.
func (st *State) Forget(names []string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, name := range names {
		if s := st.senders[name]; s != nil {
			if s.heap >= 0 {
				st.due.remove(s)
			}
			delete(st.senders, name)
		}
	}
}

// Cadence returns a copy of a sender's cadence, to be stored.
func (st *State) Cadence(name string) (c stats.Cadence) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if s := st.senders[name]; s != nil {
		c = s.cadence
	}
	return c
}

// Follow returns a Follower of the store from.
func (st *State) Follow(from Reader, q history.Follow) history.Follower {
	return follow(st.hub, st.changedSince, from, q)
}

// Close ends every follower.
func (st *State) Close() { st.hub.close() }

// changedSince returns, as events, the senders and the link that have changed at
// or after a position of the ring, as they are now.
func (st *State) changedSince(pos uint64) []history.Event {
	st.mu.Lock()
	defer st.mu.Unlock()
	var events []history.Event
	now := st.now()
	for _, s := range st.senders {
		if s.changedAt >= pos && s.changedAt > 0 {
			view := s.view(now, st.reception)
			events = append(events, history.Event{Sender: &view})
		}
	}
	slices.SortFunc(events, func(a, b history.Event) int { return cmp.Compare(a.Sender.Sender, b.Sender.Sender) })
	if st.linkAt >= pos && st.linkAt > 0 {
		link := st.link
		events = append(events, history.Event{Link: &link})
	}
	return events
}

// Senders returns all senders, by name.
func (st *State) Senders() []stream.Sender {
	st.mu.Lock()
	defer st.mu.Unlock()
	now := st.now()
	views := make([]stream.Sender, 0, len(st.senders))
	for _, s := range st.senders {
		views = append(views, s.view(now, st.reception))
	}
	slices.SortFunc(views, func(a, b stream.Sender) int { return cmp.Compare(a.Sender, b.Sender) })
	return views
}

// states counts the senders in each state now.
func (st *State) states(now time.Time) history.States {
	counts := history.States{}
	for _, s := range st.senders {
		state, _ := s.cadence.State(now, st.reception)
		counts[state]++
	}
	return counts
}

// Intervals returns the histogram of each sender that has one, by name.
func (st *State) Intervals() []history.Intervals {
	st.mu.Lock()
	defer st.mu.Unlock()
	now := st.now()
	var all []history.Intervals
	for _, s := range st.senders {
		spread, ok := s.meter.Spread(now)
		if !ok {
			continue
		}
		h, _ := s.meter.Histogram(now)
		all = append(all, history.NewIntervals(s.name, h, spread))
	}
	slices.SortFunc(all, func(a, b history.Intervals) int { return cmp.Compare(a.Sender, b.Sender) })
	return all
}

// SetLink sets and publishes the state of the connection to the broker, and what
// becomes of the senders with it.
func (st *State) SetLink(l stream.Link) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.link = l
	end, _ := st.hub.position()
	st.linkAt = end
	st.publishReception(l.Since, []history.Event{st.encoded(history.Event{Link: &l}, &l)})
}

// SetOutage sets why nothing can come and nothing is stored since then, although there may
// be a connection to the broker; "" when that is over. What became of the senders is not
// known meanwhile.
func (st *State) SetOutage(why string, since time.Time) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.degraded, st.outage = why, why != ""
	st.publishReception(since, nil)
}

// publishReception publishes events, and what becomes of the senders when messages can
// come from then on, or cannot any more. The caller holds st.mu.
func (st *State) publishReception(since time.Time, events []history.Event) {
	now := st.now()
	if since.IsZero() {
		since = now
	}
	switch can := st.link.State == stream.Connected && !st.outage; {
	case can && st.reception.Since.IsZero():
		st.reception.Since = since
	case !can && !st.reception.Since.IsZero():
		st.reception = stats.Reception{Ended: since}
	default:
		st.hub.publish(events)
		return
	}
	others := len(events)
	for _, name := range slices.Sorted(maps.Keys(st.senders)) {
		events = st.check(st.senders[name], now, events)
	}
	st.stampChanges(events, others)
	st.hub.publish(events)
	select {
	case st.changed <- struct{}{}:
	default: // it is to be called already
	}
}

// Changed returns a channel that is sent to when Tick is due sooner than it said.
func (st *State) Changed() <-chan struct{} { return st.changed }

// SetDegraded sets why nothing is acknowledged now; "" when all is well.
func (st *State) SetDegraded(why string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.degraded = why
}

// SetBroker sets what the broker says about itself.
func (st *State) SetBroker(s stream.BrokerState) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.broker = s
}

// Degraded reports whether the history stores nothing now.
func (st *State) Degraded() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.degraded != ""
}

// whyDegraded returns why nothing is acknowledged, and whose fault it is: the
// history's, or the broker's, whose state is known only while it is there. The
// caller holds st.mu.
func (st *State) whyDegraded() (why, by string) {
	text := []rune(strings.TrimSuffix(st.broker.Degraded, "."))
	if len(text) == 0 || st.link.State != stream.Connected {
		if st.degraded == "" {
			return "", ""
		}
		return st.degraded, history.DegradedByHistory
	}
	text[0] = unicode.ToUpper(text[0])
	if st.degraded == "" {
		return string(text) + ".", history.DegradedByBroker
	}
	return st.degraded + " " + string(text) + ".", history.DegradedByBoth
}

// Stats returns what State knows of history.Stats.
func (st *State) Stats() history.Stats {
	st.mu.Lock()
	defer st.mu.Unlock()
	why, by := st.whyDegraded()
	return history.Stats{Received: st.totals.Received, Stored: st.totals.Stored, Duplicates: st.totals.Duplicates,
		Missed: st.totals.Missed, Reordered: st.totals.Reordered, Senders: len(st.senders), States: st.states(st.now()), Paused: st.early.paused(),
		Rates: st.all.Rates(st.now()), Newest: st.newest, Started: st.started, Link: st.link, Degraded: why, DegradedBy: by}
}
