package broker

import (
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/journal"
	"hellox/broker/sharing"
	"hellox/broker/wire"
	"hellox/stream"
)

// A session is an MQTT session: the subscriptions of a client id, what has been
// sent and not acknowledged, and, if it outlives its connection, its cursor in
// the journal.
//
// Locks are taken in this order: session, then journal or conn.
type session struct {
	id     string
	owner  string // the identity that created it
	number uint64 // in the order of creation; identifies it in the journal
	// stored says that the journal carries it: it was made to outlive its
	// connection, and stays so. Its present expiry counts only when its client has
	// left: one that resumes it for the last time, with expiry 0, gets what waits.
	stored bool

	journal *journal.Journal
	budget  *budget

	mu          sync.Mutex
	conn        *conn // nil while its client is away
	claim       *conn // the connection that takes the session over, until it is attached
	subs        map[string]journal.Subscription
	inflight    inflight
	queue       []queuedMessage // at QoS 1 or 2, not from the journal, waiting for room in inflight
	queuedBytes int             // bytes in queue
	wanted      []*wantedRetained
	retained    *retainedFeed // of conn, while wanted is not empty
	ended       bool

	// Of a session that outlives its connection:
	expiry     time.Duration       // how long it lasts after its client left; 0: it ends with the connection
	away       time.Time           // when its client left
	backlog    *journal.Queue      // what the journal stores for it
	cursor     uint64              // everything up to it is acknowledged, or is not for it
	read       uint64              // everything up to it has been sent over this connection, or is not for it
	done       map[uint64]struct{} // beyond cursor: acknowledged before an earlier one was
	redelivery []inflightMessage   // sent over an earlier connection and not acknowledged
	feeder     *feeder             // of conn

	received map[uint16]struct{} // packet IDs of messages taken at QoS 2 and not released

	shared      map[string]*sharing.Subscription // that it is a member of, by topic filter
	sharedAgain []inflightMessage                // of shared subscriptions, sent over an earlier connection and not acknowledged
	starved     []*sharing.Subscription          // that wait for room in inflight
	guarded     bool                             // publishers wait for it
	lost        []journal.Consumer               // shared subscriptions whose messages ended with it

	will  *will       // waits for its delay
	timer *time.Timer // of will

	connected bool // conn is not nil; guarded by router.mu
}

type queuedMessage struct {
	m *journal.Message
	d delivery
}

func newSession(id, owner string, number uint64, j *journal.Journal, b *budget) *session {
	return &session{
		id: id, owner: owner, number: number, journal: j, budget: b,
		subs: map[string]journal.Subscription{},
	}
}

// deliver sends a message that is not in the journal to the client, if connected.
func (s *session) deliver(m *journal.Message, t *target, now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.conn
	if c == nil || t.noLocal && m.Origin == s.id || m.Expired(now) {
		return
	}
	s.send(c, m, t.delivery(c, m), now)
}

// send sends a message that is not from the journal over c. The caller holds s.mu.
func (s *session) send(c *conn, m *journal.Message, d delivery, now int64) {
	if !c.rights().MayReceive(m.Topic) || c.tooLarge(m, d) {
		return
	}
	if d.qos == 0 {
		c.publish(m, d, now)
		return
	}
	if len(s.queue) == 0 && !s.inflight.full(c.receiveMaximum) {
		d.id = s.inflight.add(inflightMessage{transient: m, qos: d.qos}, 0)
		s.transmit(c, m, d, now)
		return
	}
	if !s.budget.take(c, m.Size()) {
		return // c has been closed
	}
	s.queue = append(s.queue, queuedMessage{m, d})
	s.queuedBytes += m.Size()
}

// transmit sends a message that is in flight over c. At QoS 2 its packet ID must be
// on disk before: after a crash the message is sent again with the same one, or
// the client would take it for another. The caller holds s.mu.
func (s *session) transmit(c *conn, m *journal.Message, d delivery, now int64) {
	if d.qos == 2 && s.stored {
		c.publishWhen(s.journal.SaveSent(s), m, d, now)
		return
	}
	c.publish(m, d, now)
}

var errAcknowledged = &wire.Error{Reason: "protocol violation: an acknowledgement of another QoS", Code: packets.ErrProtocolViolation}

// ack handles what ends the flow of a message at a QoS and came over c: a PUBACK, with
// its code, or a PUBCOMP.
func (s *session) ack(c *conn, id uint16, qos, code byte, now int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != c {
		return nil
	}
	switch o := s.inflight.get(id); {
	case o == nil:
	case o.qos != qos || qos == 2 && !o.released:
		return errAcknowledged
	default:
		s.finish(c, o, code, now)
	}
	return nil
}

// isError reports whether the code of an acknowledgement is that of an error.
func isError(code byte) bool { return code >= packets.ErrUnspecifiedError.Code }

// receivedBy handles a PUBREC that came over c: the client has the message, or,
// with the code of an error, does not want it. The PUBREL waits until that is on
// disk: after it the client would take the message for another.
func (s *session) receivedBy(c *conn, id uint16, code byte, now int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != c {
		return nil
	}
	o := s.inflight.get(id)
	switch {
	case o == nil && isError(code):
		return nil // there is nothing to release
	case o == nil && c.v5:
		return c.send(wire.AppendAckCode(nil, packets.Pubrel, id, packets.ErrPacketIdentifierNotFound.Code, "", 0))
	case o == nil:
		return c.send(wire.AppendAck(nil, packets.Pubrel, id))
	case o.qos != 2:
		return errAcknowledged
	case isError(code):
		s.finish(c, o, code, now)
		return nil
	}
	seq, shared := o.seq, o.shared
	s.inflight.release(o)
	s.acknowledged(shared, seq)
	return s.sendRelease(c, id, shared)
}

// sendRelease sends a PUBREL for a message of a shared subscription, which is on
// disk by then as one that is done, or of none. The caller holds s.mu.
func (s *session) sendRelease(c *conn, id uint16, p *sharing.Subscription) error {
	packet := wire.AppendAck(nil, packets.Pubrel, id)
	switch {
	case s.stored && p != nil:
		return c.sendWhen(s.journal.SaveSent(s, p), packet)
	case s.stored:
		return c.sendWhen(s.journal.SaveSent(s), packet)
	}
	return c.send(packet)
}

// finish ends the flow of a message, by an acknowledgement with that code, and goes on
// with others. The caller holds s.mu.
func (s *session) finish(c *conn, o *inflightMessage, code byte, now int64) {
	seq, shared, released, qos := o.seq, o.shared, o.released, o.qos
	s.inflight.remove(o)
	if !released {
		s.acknowledged(shared, seq)
	}
	s.saveFinished(shared, qos, isError(code))
	for len(s.queue) > 0 && !s.inflight.full(c.receiveMaximum) {
		q := s.queue[0]
		s.queue[0] = queuedMessage{}
		s.queue = s.queue[1:]
		s.queuedBytes -= q.m.Size()
		s.budget.give(c, q.m.Size())
		if q.m.Expired(now) || !c.rights().MayReceive(q.m.Topic) {
			continue
		}
		q.d.id = s.inflight.add(inflightMessage{transient: q.m, qos: q.d.qos}, 0)
		s.transmit(c, q.m, q.d, now)
	}
	s.wakeFeeder()
	for _, p := range s.starved {
		p.RoomFor(s)
	}
	s.starved = nil
}

// saveFinished writes that the flow of a message at a QoS has ended. If the client has
// declined it, that must be known after a crash, and no packet follows that could wait
// for it: sent again at QoS 2 it would be a new message [MQTT-4.3.3-9], and of a shared
// subscription no other member may get it [MQTT-4.8.2-6]. The caller holds s.mu.
func (s *session) saveFinished(shared *sharing.Subscription, qos byte, declined bool) {
	var rows []journal.Consumer
	if qos == 2 && s.stored {
		rows = append(rows, s)
	}
	if declined && shared != nil {
		rows = append(rows, shared)
	}
	switch {
	case len(rows) == 0:
	case declined:
		s.journal.SaveSent(rows...)
	default:
		s.journal.SentChanged(rows...)
	}
}

// acknowledged notes that the client has a message from the journal, of a shared
// subscription or its own, or will not get it. The caller holds s.mu, and has taken
// the message out of flight.
func (s *session) acknowledged(shared *sharing.Subscription, seq uint64) {
	if shared != nil {
		shared.AcknowledgedBy(s, seq)
		return
	}
	if seq == 0 || !s.stored {
		return
	}
	if first := s.inflight.firstJournaled(); first > 0 && first < seq {
		if s.done == nil {
			s.done = map[uint64]struct{}{}
		}
		s.done[seq] = struct{}{}
	}
	s.advance()
}

// advance moves the cursor as far as acknowledgements allow: to just before the
// oldest message that is not acknowledged. The caller holds s.mu.
func (s *session) advance() {
	to := s.read
	if seq := s.inflight.firstJournaled(); seq > 0 {
		to = seq - 1
	}
	if to <= s.cursor {
		return
	}
	s.cursor = to
	for seq := range s.done {
		if seq <= to {
			delete(s.done, seq)
		}
	}
	s.journal.Advanced(s.backlog, to)
}

// Number identifies the session in the journal.
func (s *session) Number() uint64 { return s.number }

// Row returns the session's row in the journal, or only its id and number and
// false if it has ended or ends with its connection.
func (s *session) Row() (journal.SessionRow, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || !s.stored {
		return journal.SessionRow{ID: s.id, Number: s.number, With: s.lost}, false
	}
	subs := make([]journal.Subscription, 0, len(s.subs))
	for _, sub := range s.subs {
		subs = append(subs, sub)
	}
	return journal.SessionRow{ID: s.id, Owner: s.owner, Number: s.number, Cursor: s.cursor, Expiry: s.expiry, Subscriptions: subs}, true
}

// Sent returns what the session has sent at QoS 2, and false if it has no row in
// the journal.
func (s *session) Sent() (journal.SentRow, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row := journal.SentRow{Number: s.number, Cursor: s.cursor}
	if s.ended || !s.stored {
		return row, false
	}
	for _, list := range [][]inflightMessage{s.inflight.messages, s.redelivery, s.sharedAgain} {
		for _, o := range list {
			switch {
			case o.qos != 2 || o.done:
			case o.shared != nil:
				row.Shared = append(row.Shared, journal.SharedMessage{ID: o.id, Share: o.shared.Number(), Seq: o.seq, Released: o.released})
			case o.released:
				row.Released = append(row.Released, o.id)
			default:
				row.Sent = append(row.Sent, journal.SentMessage{ID: o.id, Seq: o.seq})
			}
		}
	}
	for seq := range s.done {
		row.Done = append(row.Done, seq)
	}
	return row, true
}

// restoreSent restores what Sent returned before the broker's start.
func (s *session) restoreSent(row *journal.SentRow) {
	for _, id := range row.Released {
		s.inflight.add(inflightMessage{id: id, qos: 2, released: true}, id)
	}
	for _, m := range row.Sent {
		if m.Seq > s.cursor {
			s.redelivery = append(s.redelivery, inflightMessage{id: m.ID, seq: m.Seq, qos: 2})
			continue
		}
		// The message, a retained one, is gone; the client may hold its packet ID.
		s.inflight.add(inflightMessage{id: m.ID, qos: 2, released: true}, m.ID)
	}
	for _, seq := range row.Done {
		if seq > s.cursor {
			if s.done == nil {
				s.done = map[uint64]struct{}{}
			}
			s.done[seq] = struct{}{}
		}
	}
}

// wakeFeeder wakes the feeders. The caller holds s.mu.
func (s *session) wakeFeeder() {
	if s.feeder != nil {
		s.feeder.wakeUp()
	}
	if s.retained != nil {
		s.retained.wakeUp()
	}
}

// subscribe adds a subscription and reports whether its topic filter is new. A
// session that has ended, while its client's last packets were handled, gets none:
// the router would have it for ever.
func (s *session) subscribe(r *router, sub journal.Subscription) (isNew bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	old, existed := s.subs[sub.TopicFilter]
	if existed {
		sub.Since = old.Since
	}
	s.subs[sub.TopicFilter] = sub
	if p := r.add(s, sub); p != nil {
		if s.shared == nil {
			s.shared = map[string]*sharing.Subscription{}
		}
		s.shared[sub.TopicFilter] = p.Subscription
		if s.conn != nil {
			p.Came(s)
		}
	}
	return !existed
}

// unsubscribe removes a subscription and reports whether it existed.
func (s *session) unsubscribe(r *router, topicFilter string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.subs[topicFilter]; !ok {
		return false
	}
	delete(s.subs, topicFilter)
	delete(s.shared, topicFilter)
	s.dropWanted(topicFilter)
	r.remove(s, topicFilter)
	return true
}

// subscribesTo reports whether a topic filter of the session matches topic.
func (s *session) subscribesTo(topic string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for topicFilter := range s.subs {
		if stream.MatchTopic(topicFilter, topic) {
			return true
		}
	}
	return false
}

// takeWill removes and returns the will that waits for its delay, or nil.
func (s *session) takeWill() *will {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.will
	s.will = nil
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	return w
}

// end ends the session: it gets no more messages and releases its batches of the
// journal.
func (s *session) end(r *router) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.ended = true
	s.eachShared(func(p *sharing.Subscription) {
		if p.Lost(s) {
			s.lost = append(s.lost, p)
			s.journal.SentChanged(p)
		}
	})
	for topicFilter := range s.subs {
		r.remove(s, topicFilter)
	}
	s.dropQueue()
	if n := len(s.received); n > 0 {
		s.released(n)
		s.received = nil
	}
	if s.backlog != nil {
		s.journal.End(s.backlog)
		r.forgetGroups()
	}
	if s.timer != nil {
		s.timer.Stop()
	}
}

func (s *session) dropQueue() {
	if s.conn != nil {
		s.budget.give(s.conn, s.queuedBytes)
	}
	s.queue, s.queuedBytes = nil, 0
}
