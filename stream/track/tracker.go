package track

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"hellox/stream"
)

// A Tracker gives arrivals their IDs and decides what is a message, what a
// duplicate, what was missed and what came out of order. It is not safe for
// concurrent use: the goroutine that appends owns it.
//
// A store keeps a Tracker across restarts as its State, its SenderStates and the
// messages after State.LastID, which Replay.
type Tracker struct {
	state     State
	senders   map[string]*SenderState
	changed   []*SenderState // since the last Changes
	forgotten []string       // since the last Changes
	bounds    bounds
}

// State is the part of a Tracker that belongs to no sender.
type State struct {
	LastID   int64     `json:"last_id"`
	Received time.Time `json:"received,omitzero"` // of the newest message
	Live     time.Time `json:"live,omitzero"`     // of the newest message that was not a retained one
	Totals   Totals    `json:"totals"`
}

// bounds keep a tracker's memory finite whatever arrives.
type bounds struct {
	senders int // at most so many sender states; the longest silent tenth goes first
	boots   int // of a sender
	spans   int // of a boot
}

// New returns a tracker that goes on from a stored State and SenderStates,
// which it owns from then on.
func New(s State, accounts []*SenderState) *Tracker {
	t := &Tracker{state: s, senders: make(map[string]*SenderState, len(accounts)),
		bounds: bounds{senders: 100_000, boots: 64, spans: 128}}
	for _, a := range accounts {
		t.senders[a.Sender] = a
	}
	return t
}

// State returns the state as it is now.
func (t *Tracker) State() State { return t.state }

// Changes returns the sender states that have changed since the last call, and the
// senders that were forgotten to keep memory bounded: the store deletes them.
func (t *Tracker) Changes() (changed []*SenderState, forgotten []string) {
	changed, forgotten = t.changed, t.forgotten
	for _, a := range changed {
		a.changed = false
	}
	t.changed, t.forgotten = nil, nil
	return slices.DeleteFunc(changed, func(a *SenderState) bool { return t.senders[a.Sender] != a }), forgotten
}

// Track decides about an arrival.
//
// The clock rule stands here and nowhere else: a message's Received is the
// later of its arrival and the message before it. It never falls, so a time
// finds its id by binary search, and a clock that is set back makes time stand
// still until it has passed that moment again.
func (t *Tracker) Track(a stream.Arrival) Tracked {
	if a.Superseded {
		return Tracked{Outcome: Ignored, Arrived: a.Received}
	}
	if !stream.InStream(a.Topic) {
		return ignored(a)
	}
	m := &stream.Message{Topic: a.Topic, Payload: a.Payload, QoS: a.QoS, Retained: a.Retained,
		Received: a.Received.UTC().Round(0), Sender: a.Topic, Delta: stream.None, DeltaAny: stream.None, Latency: stream.None}
	if m.Received.Before(t.state.Received) {
		m.Received = t.state.Received
	}
	h, ours := stream.ParseHello(a.Payload)
	if s := t.senders[h.Sender]; ours && s != nil && s.elsewhere(h.Boot, a.Topic) {
		h, ours = stream.Hello{}, false
	}
	if ours {
		m.SetHello(&h)
	}
	if s := t.senders[m.Sender]; m.Retained && s != nil && s.knows(m) {
		return Tracked{Outcome: Ignored, Arrived: a.Received}
	}
	t.state.Totals.Received++
	s := t.sender(m.Sender)
	e := Tracked{Sender: m.Sender, Arrived: a.Received, Next: h.Next}
	if t.count(s, m) {
		e.Outcome, e.Message = Stored, m
	} else {
		e.Outcome = Duplicate
		s.Duplicates++
		t.state.Totals.Duplicates++
	}
	e.Counters = s.Counters
	return e
}

// Replay enters a message that was stored after the State that the tracker was
// made from.
func (t *Tracker) Replay(m *stream.Message) {
	t.state.Totals.Received++
	t.state.LastID = m.ID - 1
	kept := *m
	t.count(t.sender(m.Sender), &kept)
}

// Skip counts a message that was stored after the State that the tracker was
// made from, and that cannot be read any more.
func (t *Tracker) Skip(id int64) {
	t.state.Totals.Received++
	t.state.Totals.Stored++
	t.state.LastID = id
}

// SkipTo gives the next message an ID above id: those up to it may have been given
// to messages that are lost.
func (t *Tracker) SkipTo(id int64) { t.state.LastID = max(t.state.LastID, id) }

// Touch marks the state of a sender, if it has one, as changed: something
// stored beside it has.
func (t *Tracker) Touch(sender string) {
	if t.senders[sender] != nil {
		t.sender(sender)
	}
}

// Senders calls f for every state. They stay the tracker's.
func (t *Tracker) Senders(f func(*SenderState)) {
	for _, a := range t.senders {
		f(a)
	}
}

// count counts a message for its sender and gives it its id, deltas and gap;
// false if it is a duplicate.
//
// A retained message tells a state of unknown age, not that its sender is alive
// or which numbers came before: it has no deltas and no gap, and nothing is
// measured from it.
func (t *Tracker) count(s *SenderState, m *stream.Message) bool {
	switch {
	case !m.Ours:
		s.LastPayload = payloadDigest(m.Payload)
	case m.Retained:
		addBoot(&s.Retained, m, t.bounds.boots).record(m.Seq, t.bounds.spans)
	default:
		b := addBoot(&s.Boots, m, t.bounds.boots)
		g := b.record(m.Seq, t.bounds.spans)
		if g.duplicate {
			return false
		}
		m.Missed, m.Reordered = g.missed, g.reordered
		s.Missed = addMissed(s.Missed, g)
		t.state.Totals.Missed = addMissed(t.state.Totals.Missed, g)
		if g.reordered {
			s.Reordered++
			t.state.Totals.Reordered++
		}
		if newest := s.Boots[len(s.Boots)-1]; newest == b {
			s.Boot, s.Seq = b.Boot, b.high()
		}
	}
	if m.Ours {
		s.Ours, s.Color = true, m.Color
		// What others sent on the topic is not its newest payload any more.
		if other := t.senders[m.Topic]; other != nil && other.LastPayload != (Digest{}) {
			t.sender(m.Topic).LastPayload = Digest{}
		}
	}
	t.state.LastID++
	t.state.Received = m.Received
	t.state.Totals.Stored++
	m.ID = t.state.LastID
	if !m.Retained {
		m.Delta, m.DeltaAny = since(s.LastSeen, m.Received), since(t.state.Live, m.Received)
		s.LastSeen, t.state.Live = m.Received, m.Received
	}
	s.Messages++
	s.LastID = m.ID
	return true
}

// since is in whole microseconds, as everybody sees it.
func since(from, to time.Time) time.Duration {
	if from.IsZero() {
		return stream.None
	}
	return to.Sub(from).Truncate(time.Microsecond)
}

// sender returns a sender's state, marked as changed.
func (t *Tracker) sender(sender string) *SenderState {
	a := t.senders[sender]
	if a == nil {
		if len(t.senders) >= t.bounds.senders {
			t.evict()
		}
		a = &SenderState{Sender: sender}
		t.senders[sender] = a
	}
	if !a.changed {
		a.changed = true
		t.changed = append(t.changed, a)
	}
	return a
}

// evict drops the tenth of the senders that has been silent the longest.
func (t *Tracker) evict() {
	all := make([]*SenderState, 0, len(t.senders))
	for _, a := range t.senders {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b *SenderState) int { return cmp.Compare(a.LastID, b.LastID) })
	for _, a := range all[:len(all)/10+1] {
		delete(t.senders, a.Sender)
		t.forgotten = append(t.forgotten, a.Sender)
	}
}

func ignored(a stream.Arrival) Tracked {
	e := Tracked{Outcome: Ignored, Arrived: a.Received}
	id, ok := stream.PresenceID(a.Topic)
	if !ok || !stream.ValidID(id) {
		return e
	}
	var p stream.Presence
	if json.Unmarshal(a.Payload, &p) == nil && p.State != "" {
		e.Sender, e.Presence = id, &p
	}
	return e
}
