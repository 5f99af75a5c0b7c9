package broker

import (
	"fmt"
	"slices"

	"hellox/broker/journal"
	"hellox/broker/share"
	"hellox/broker/sharing"
)

// A sharedSub is a shared subscription and what its members asked for. Its fields are
// guarded by router.mu.
type sharedSub struct {
	*sharing.Subscription
	asked   map[*session]membership // by member
	members tally                   // of asked
	stored  bool                    // some asked for more than QoS 0
	guarded bool                    // publishers wait for a member when the store is full
}

func newSharedSub(p *sharing.Subscription) *sharedSub {
	return &sharedSub{Subscription: p, asked: map[*session]membership{}}
}

// A membership is what a member asked for.
type membership struct {
	qos      byte
	identity string // of the member that shares limits with others, or ""
}

// Offer sends m over the session's connection, for a shared subscription. What
// an earlier connection was sent has the same packet ID again [MQTT-4.4.0-1].
func (s *session) Offer(p *sharing.Subscription, m *journal.Message, now int64) sharing.Offered {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.conn
	if c == nil || s.ended {
		return sharing.Away
	}
	again, at, begun := s.findAgain(p, m.Seq)
	sub, member := s.subs[p.TopicFilter]
	if again == nil && !member {
		return sharing.Away
	}
	t := newTarget(s, &sub)
	d := t.delivery(c, m)
	if again != nil {
		d.qos, d.dup = again.qos, true
	}
	switch {
	case again != nil && p.HasRewound():
		return sharing.Late // another connection has come since
	case !c.rights().MayReceive(m.Topic) || c.tooLarge(m, d):
		if again != nil {
			s.giveUpShared(c, at)
		}
		return sharing.Unfit
	case d.qos > 0 && s.inflight.full(c.receiveMaximum-begun):
		s.starved = addOnce(s.starved, p)
		return sharing.Full
	case !c.hasRoomOr(p):
		return sharing.Full
	case d.qos == 0:
		p.Done(m.Seq)
		c.publish(m, d, now)
		return sharing.Sent
	}
	var id uint16
	if again != nil {
		id = again.id
		s.sharedAgain = slices.Delete(s.sharedAgain, at, at+1)
	}
	p.Give(m.Seq, s, d.qos)
	d.id = s.inflight.add(inflightMessage{shared: p, seq: m.Seq, qos: d.qos}, id)
	if d.qos == 2 && !s.stored {
		c.publishWhen(s.journal.SaveSent(p), m, d, now)
		return sharing.Sent
	}
	s.transmit(c, m, d, now)
	return sharing.Sent
}

// Stored reports whether the session outlives its connection.
func (s *session) Stored() bool { return s.stored }

// Guarded reports whether publishers wait for the session when the store is full.
func (s *session) Guarded() bool { return s.guarded }

// findAgain returns the message that is to be sent again, and its index, or nil and how
// many others are at QoS 2: they take room before new ones. The caller holds s.mu.
func (s *session) findAgain(p *sharing.Subscription, seq uint64) (again *inflightMessage, at, begun int) {
	for i := range s.sharedAgain {
		switch o := &s.sharedAgain[i]; {
		case o.shared == p && o.seq == seq:
			return o, i, 0
		case o.qos == 2 && !o.shared.IsOver():
			begun++
		}
	}
	return nil, 0, begun
}

// DropAgain gives up what is to be sent again for p and is done, or with another
// member.
func (s *session) DropAgain(p *sharing.Subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return // the next connection looks itself
	}
	var gone []inflightMessage
	s.sharedAgain = slices.DeleteFunc(s.sharedAgain, func(o inflightMessage) bool {
		if o.shared != p || p.Has(s, o.seq) {
			return false
		}
		gone = append(gone, o)
		return true
	})
	for _, o := range gone {
		s.forget(s.conn, o)
	}
}

// addOnce adds p to those that wait for room, unless it is there.
func addOnce(waiting []*sharing.Subscription, p *sharing.Subscription) []*sharing.Subscription {
	if slices.Contains(waiting, p) {
		return waiting
	}
	return append(waiting, p)
}

// giveUpShared gives up a message that was sent, and that the client may not have any
// more. At QoS 1 another member gets it.
func (s *session) giveUpShared(c *conn, at int) {
	o := s.sharedAgain[at]
	s.sharedAgain = slices.Delete(s.sharedAgain, at, at+1)
	if o.qos == 2 {
		o.shared.Done(o.seq)
	} else {
		o.shared.GiveBack(o.seq)
	}
	s.forget(c, o)
}

// Deliver sends m at QoS 0 and reports whether it did; a patient message only
// if the connection has room.
func (s *session) Deliver(p *sharing.Subscription, m *journal.Message, patient bool, now int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.conn
	sub, member := s.subs[p.TopicFilter]
	if c == nil || !member || s.ended {
		return false
	}
	t := newTarget(s, &sub)
	d := t.delivery(c, m)
	if d.qos > 0 || !c.rights().MayReceive(m.Topic) || c.tooLarge(m, d) || patient && !c.hasRoom() {
		return false
	}
	c.publish(m, d, now)
	return true
}

// eachShared calls fn for the shared subscriptions that the session is a member of or
// was sent something for, each once. The caller holds s.mu.
func (s *session) eachShared(fn func(*sharing.Subscription)) {
	var all []*sharing.Subscription
	for _, p := range s.shared {
		all = append(all, p)
	}
	for _, list := range [][]inflightMessage{s.inflight.messages, s.sharedAgain} {
		for i := range list {
			if p := list[i].shared; p != nil {
				all = addOnce(all, p)
			}
		}
	}
	for _, p := range all {
		fn(p)
	}
}

// restoreShared restores what the session was sent at QoS 2 for shared subscriptions
// before the broker's start.
func (s *session) restoreShared(messages []journal.SharedMessage, byNumber map[uint64]*sharing.Subscription) {
	for _, m := range messages {
		p := byNumber[m.Share]
		switch {
		case m.Released && p != nil:
			p.Done(m.Seq)
			fallthrough
		case m.Released, p == nil, !p.Restore(m.Seq, s):
			// The client may hold the packet ID of one that is gone.
			s.inflight.add(inflightMessage{id: m.ID, qos: 2, released: true}, m.ID)
		default:
			s.sharedAgain = append(s.sharedAgain, inflightMessage{id: m.ID, shared: p, seq: m.Seq, qos: 2})
		}
	}
}

// addShared adds a shared subscription that has no node yet. The caller holds r.mu.
func (r *router) addShared(p *sharedSub) {
	if r.shared == nil {
		r.shared = map[string]*sharedSub{}
	}
	r.shared[p.TopicFilter] = p
	r.sharedBy.add(p.Owner, 1)
	r.metrics.sharedCount.Set(float64(len(r.shared)))
}

// restore adds a shared subscription from the journal.
func (r *router) restore(p *sharedSub) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.addShared(p)
	n := r.node(share.Filter(p.TopicFilter))
	n.shared = append(n.shared, p)
}

// endUnshared ends the shared subscriptions whose members all ended with the broker's
// last process.
func (r *router) endUnshared() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.shared {
		if len(p.asked) == 0 {
			r.leave(p, nil)
		}
	}
}

// join makes s a member of p, or changes the QoS that it asked for. The caller holds
// s.mu and r.mu.
func (r *router) join(p *sharedSub, s *session, qos byte) {
	if m, member := p.asked[s]; member {
		p.members.add(m.identity, -1)
	}
	m := membership{qos, sharer(s.owner)}
	p.asked[s] = m
	p.members.add(m.identity, 1)
	p.Join(s)
	r.membersChanged(p)
}

// leave takes s out of p, and ends p if that was its last member. The caller holds
// r.mu.
func (r *router) leave(p *sharedSub, s *session) {
	p.members.add(p.asked[s].identity, -1)
	delete(p.asked, s)
	if s != nil {
		p.Leave(s)
	}
	if len(p.asked) > 0 {
		r.membersChanged(p)
		return
	}
	delete(r.shared, p.TopicFilter)
	r.sharedBy.add(p.Owner, -1)
	r.root.remove(share.Filter(p.TopicFilter), true, func(n *node) {
		n.shared = slices.DeleteFunc(n.shared, func(o *sharedSub) bool { return o == p })
	})
	p.End()
	r.groups, r.known.members = nil, 0
	r.metrics.sharedCount.Set(float64(len(r.shared)))
	r.metrics.sharedMembers.DeleteLabelValues(p.TopicFilter)
}

// membersChanged notes what the members of p ask for together. The caller holds r.mu.
func (r *router) membersChanged(p *sharedSub) {
	guarded := false
	p.stored = false
	for s, m := range p.asked {
		p.stored = p.stored || m.qos > 0
		guarded = guarded || s.guarded
	}
	r.metrics.sharedMembers.WithLabelValues(p.TopicFilter).Set(float64(len(p.asked)))
	if guarded != p.guarded {
		p.guarded = guarded
		p.Spare(guarded)
		r.groups, r.known.members = nil, 0 // whether they are guarded is in them
	}
}

// hasRoomFor returns why s, of an identity, may not become a member of a shared
// subscription, or "".
func (r *router) hasRoomFor(s *session, identity, topicFilter string, l *Limits) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	p := r.shared[topicFilter]
	switch {
	case p == nil && len(r.shared) >= l.Shared:
		return fmt.Sprintf("the broker has its most shared subscriptions (%d)", l.Shared)
	case p == nil && r.sharedBy.full(sharer(identity), l.Shared):
		return beyondShare(identity, "shared subscriptions", l.Shared)
	case p == nil:
		return ""
	}
	if _, member := p.asked[s]; member {
		return ""
	}
	if len(p.asked) >= l.SharedMembers {
		return fmt.Sprintf("the shared subscription has its most members (%d)", l.SharedMembers)
	}
	if p.members.full(sharer(identity), l.SharedMembers) {
		return beyondShare(identity, "members of a shared subscription", l.SharedMembers)
	}
	return ""
}
