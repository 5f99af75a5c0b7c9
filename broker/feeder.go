package broker

import (
	"fmt"
	"time"

	"hellox/broker/journal"
	"hellox/broker/sharing"
	"hellox/stream"
)

// A feeder sends a session's messages from the journal to its client, in order:
// from the cursor on, as far as the client's Receive Maximum and the connection
// have room. attach starts it, removeConn stops it.
type feeder struct {
	session *session
	conn    *conn
	now     func() time.Time
	wake    chan struct{} // of capacity 1: there may be something to send
	stop    chan struct{} // closed by close
	done    chan struct{} // closed when run has ended
}

func newFeeder(s *session, c *conn, now func() time.Time) *feeder {
	return &feeder{
		session: s, conn: c, now: now,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
	}
}

// attach makes c the session's connection and starts its feeder. It returns
// false if another connection has claimed the session meanwhile.
func (s *session) attach(c *conn, r *router, now func() time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.claim != c || s.ended {
		return false
	}
	s.claim, s.conn = nil, c
	r.setConnected(s, true)
	defer s.eachShared(func(p *sharing.Subscription) { p.Came(s) })
	if !s.stored {
		return true
	}
	s.read = s.cursor
	s.sendUnfinished(c, now().Unix())
	f := newFeeder(s, c, now)
	s.feeder = f
	c.setFeeder(f)
	s.journal.Listen(s.backlog, f.wake)
	go f.run()
	return true
}

// sendUnfinished goes on with what an earlier connection left unfinished, with the
// same packet IDs [MQTT-4.4.0-1]. Messages from the journal are left to the feeder.
// The caller holds s.mu.
func (s *session) sendUnfinished(c *conn, now int64) {
	// What an interrupted redelivery had not reached yet follows what it had.
	unfinished := append(append(s.inflight.takeUnfinished(), s.redelivery...), s.sharedAgain...)
	s.redelivery, s.sharedAgain = nil, nil
	for _, o := range unfinished {
		s.inflight.reserve(o.id)
	}
	for _, o := range unfinished {
		switch {
		case o.released:
			s.inflight.add(o, o.id)
			_ = s.sendRelease(c, o.id, o.shared) // on an error c is closed, and the next one goes on
		case o.shared != nil && o.shared.Has(s, o.seq):
			s.sharedAgain = append(s.sharedAgain, o)
		case o.shared != nil: // another member has it
			s.forget(c, o)
		case o.transient == nil:
			s.redelivery = append(s.redelivery, o)
		case !c.rights().MayReceive(o.transient.Topic): // it was sent when the client still could
			s.forget(c, o)
		default:
			d := delivery{v5: c.v5, qos: o.qos, dup: true}
			d.id = s.inflight.add(o, o.id)
			s.transmit(c, o.transient, d, now)
		}
	}
}

// nextRedelivery returns the message to be sent again whose sequence number is seq,
// or nil. Those before it are not sent any more: they have expired, or the client
// may not read them.
func (s *session) nextRedelivery(c *conn, seq uint64) *inflightMessage {
	for len(s.redelivery) > 0 && s.redelivery[0].seq < seq {
		s.abandon(c)
	}
	if len(s.redelivery) > 0 && s.redelivery[0].seq == seq {
		return &s.redelivery[0]
	}
	return nil
}

// abandon gives up the next message to be sent again.
func (s *session) abandon(c *conn) {
	o := s.redelivery[0]
	s.redelivery = s.redelivery[1:]
	s.forget(c, o)
}

// forget gives up a message that was sent. At QoS 2 the client may have it, and
// keeps its packet ID until it is released.
func (s *session) forget(c *conn, o inflightMessage) {
	if o.qos < 2 {
		delete(s.inflight.reserved, o.id)
		return
	}
	if o.shared == nil {
		o.seq = 0
	}
	s.inflight.add(inflightMessage{qos: 2, released: true, shared: o.shared, seq: o.seq}, o.id)
	_ = s.sendRelease(c, o.id, o.shared) // on an error c is closed, and the next one goes on
}

// detach removes c from the session, and reports whether it was its connection.
func (s *session) detach(c *conn, r *router, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.claim == c {
		s.claim = nil
	}
	if s.conn != c {
		return false
	}
	s.dropQueue()
	s.conn, s.feeder, s.retained, s.away = nil, nil, nil, now
	r.setConnected(s, false)
	s.eachShared(func(p *sharing.Subscription) { p.Left(s) })
	if s.backlog != nil {
		s.journal.Listen(s.backlog, nil)
	}
	return true
}

func (f *feeder) wakeUp() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// close stops the feeder and waits for its end.
func (f *feeder) close() {
	close(f.stop)
	<-f.done
}

func (f *feeder) run() {
	defer close(f.done)
	defer func() { f.conn.ended(recover()) }()
	for {
		messages, upTo, err := f.session.unread()
		if err != nil {
			f.session.journal.Fail(fmt.Errorf("read the store for session %q: %w", f.session.id, err))
			return
		}
		switch {
		case upTo == 0 && !f.sleep():
			return
		case upTo > 0 && !f.send(messages, upTo):
			return
		}
	}
}

// sleep waits until something has changed. It returns false if the feeder must end.
func (f *feeder) sleep() bool {
	select {
	case <-f.wake:
		return true
	case <-f.stop:
		return false
	}
}

// send sends messages of the session, which are all up to a sequence number. It
// returns false if the feeder must end.
func (f *feeder) send(messages []*journal.Message, upTo uint64) bool {
	for _, m := range messages {
		if !f.offer(func() (ok, gone bool) { return f.session.offer(f.conn, m, f.now().Unix()) }) {
			return false
		}
	}
	return f.session.sentUpTo(f.conn, upTo)
}

// offer calls fn, which offers one message, until there was room for it. It returns
// false if the feeder must end.
func (f *feeder) offer(fn func() (ok, gone bool)) bool {
	for {
		ok, gone := fn()
		if ok || gone {
			return !gone
		}
		if !f.sleep() {
			return false
		}
	}
}

// unread returns the next messages to send, as journal.Fetch does.
func (s *session) unread() (messages []*journal.Message, upTo uint64, err error) {
	s.mu.Lock()
	read := s.read
	s.mu.Unlock()
	return s.journal.Fetch(s.backlog, read)
}

// offer sends m over c, or skips it if it is not for the session. ok is false if
// there is no room now; gone reports that c is no longer the session's
// connection.
func (s *session) offer(c *conn, m *journal.Message, now int64) (ok, gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != c {
		return false, true
	}
	if m.Seq <= s.read {
		return true, false
	}
	if _, ok := s.done[m.Seq]; ok {
		s.read = m.Seq
		return true, false
	}
	t, wanted := s.matchSubscriptions(m)
	d := t.delivery(c, m)
	wanted = wanted && d.qos > 0 && !m.Expired(now)
	again := s.nextRedelivery(c, m.Seq)
	if again != nil {
		d.qos, d.dup = again.qos, true
		wanted = wanted || again.qos == 2 // what has begun is completed [MQTT-3.10.4-3]
	}
	if !wanted || !c.rights().MayReceive(m.Topic) || c.tooLarge(m, d) {
		s.read = m.Seq
		if again != nil {
			s.abandon(c)
		}
		return true, false
	}
	if s.inflight.full(c.receiveMaximum) || again == nil && len(s.done) >= maxOutOfOrder || !c.hasRoom() {
		return false, false
	}
	var id uint16
	if again != nil {
		id = again.id
		s.redelivery = s.redelivery[1:]
	}
	d.id = s.inflight.add(inflightMessage{seq: m.Seq, qos: d.qos}, id)
	s.read = m.Seq
	s.transmit(c, m, d, now)
	return true, false
}

// sentUpTo notes that all messages up to seq have been sent over c. It returns
// false if c is no longer the session's connection.
func (s *session) sentUpTo(c *conn, seq uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != c {
		return false
	}
	s.read = max(s.read, seq)
	s.advance()
	return true
}

// matchSubscriptions returns how the session's subscriptions ask for a message
// from the journal, and false if none matches. The caller holds s.mu.
func (s *session) matchSubscriptions(m *journal.Message) (t target, ok bool) {
	for _, sub := range s.subs {
		if sub.Since >= m.Seq || !stream.MatchTopic(sub.TopicFilter, m.Topic) {
			continue
		}
		if next := newTarget(s, &sub); ok {
			t.join(next)
		} else {
			t, ok = next, true
		}
	}
	return t, ok && !(t.noLocal && m.Origin == s.id)
}
