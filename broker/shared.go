package broker

import (
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/dustin/go-humanize"

	"hellox/broker/journal"
	"hellox/broker/share"
)

// A sharedSub is a shared subscription ($share/NAME/FILTER) of the sessions that are
// its members. What is published for it at QoS 1 or 2 waits in the journal as for one
// session, until one member after the other takes some: it is with none before, so a
// member that is away, slow, or may not read it keeps it from no other one.
//
// Locks are taken in this order: session, router, sharedSub, then journal or conn.
type sharedSub struct {
	topicFilter string // $share/NAME/FILTER
	number      uint64 // identifies it in the journal
	hub         *sharedHub
	journal     *journal.Journal
	queue       *journal.Queue
	wake        chan struct{} // of capacity 1: there may be something to send
	stop        chan struct{} // closed by end
	start       sync.Once     // of run

	asked   map[*session]byte // the QoS that members asked for; guarded by router.mu
	stored  bool              // some asked for more than QoS 0; guarded by router.mu
	guarded bool              // publishers wait for a member when the store is full; guarded by router.mu

	mu      sync.Mutex
	joined  map[*session]struct{}
	present share.Ring[*session] // those of joined whose clients are there
	window  *share.Window[*session]
	cursor  uint64 // as told to the journal
	behind  int    // messages done since the journal was told
	ended   bool
}

// releaseEvery is after how many messages the journal is told which are done while an
// earlier one is not.
const releaseEvery = 250

// A sharedHub is what all shared subscriptions of a broker share.
type sharedHub struct {
	journal *journal.Journal
	metrics *metrics
	now     func() int64 // Unix seconds
	running sync.WaitGroup
	stop    chan struct{} // closed when no client is connected any more
}

// add returns a shared subscription without members. number identifies it in the
// journal; row is what the journal had of it.
func (h *sharedHub) add(number uint64, row *journal.SessionRow) *sharedSub {
	filter, _ := journal.SharedFilter(row.ID)
	p := &sharedSub{
		topicFilter: filter, number: number, hub: h, journal: h.journal,
		wake: make(chan struct{}, 1), stop: make(chan struct{}),
		asked: map[*session]byte{}, joined: map[*session]struct{}{}, cursor: row.Cursor,
	}
	var open []uint64
	for _, seq := range row.Sent.Open {
		if seq > row.Cursor {
			open = append(open, seq)
		}
	}
	p.window = share.NewWindow[*session](max(row.Cursor, row.Sent.Read), open)
	p.queue = h.journal.NewQueue(p, row.Cursor, true)
	h.journal.Listen(p.queue, p.wake)
	return p
}

// Number identifies the shared subscription in the journal.
func (p *sharedSub) Number() uint64 { return p.number }

// Row returns its row in the journal, or only its ID and number and false if it has
// ended.
func (p *sharedSub) Row() (journal.SessionRow, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return journal.SessionRow{ID: journal.SharedID(p.topicFilter), Number: p.number, Cursor: p.window.Cursor()}, !p.ended
}

// Sent returns which of its messages are not done. What is with a session that ends
// with its connection at QoS 2 counts as done: a crash ends it [MQTT-4.8.2-5]. What
// is with another one is in that one's row.
func (p *sharedSub) Sent() (journal.SentRow, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	open := p.window.Open(func(h share.Hold[*session]) bool { return h.QoS == 2 && !h.Member.stored })
	return journal.SentRow{Number: p.number, Cursor: p.window.Cursor(), Read: p.window.Read(), Open: open}, !p.ended
}

// came notes that the client of s, a member or one that was sent something, is there.
func (p *sharedSub) came(s *session) {
	p.start.Do(func() { p.hub.running.Go(p.run) })
	p.mu.Lock()
	if _, member := p.joined[s]; member {
		p.present.Add(s)
	}
	p.window.Again()
	p.mu.Unlock()
	p.wakeUp()
}

// left notes that the client of s is away: others get what it has not acknowledged,
// unless it comes back before.
func (p *sharedSub) left(s *session) {
	p.mu.Lock()
	p.present.Remove(s)
	p.window.Left(s)
	p.mu.Unlock()
	p.wakeUp()
}

// lost notes that s has ended, and reports whether messages ended with it.
func (p *sharedSub) lost(s *session) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	qos2 := p.window.Ended(s)
	p.advance()
	p.wakeUp()
	return qos2
}

func (p *sharedSub) wakeUp() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// end ends the subscription: it has no members. The caller holds the router's mu.
func (p *sharedSub) end() {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.journal.End(p.queue)
	p.journal.Save(p, nil)
	close(p.stop)
}

// run sends what waits to the members whose clients are there, until the
// subscription or the broker ends.
func (p *sharedSub) run() {
	for {
		p.mu.Lock()
		after := p.window.Begin()
		p.mu.Unlock()
		messages, upTo, err := p.journal.Fetch(p.queue, after)
		if err != nil {
			p.journal.Fail(fmt.Errorf("read the store for %q: %w", p.topicFilter, err))
			return
		}
		switch {
		case upTo == 0 && !p.sleep():
			return
		case upTo > 0 && !p.send(messages, upTo):
			return
		}
	}
}

// sleep waits until something has changed. It returns false if run must end.
func (p *sharedSub) sleep() bool {
	select {
	case <-p.wake:
		return true
	case <-p.stop:
		return false
	case <-p.hub.stop:
		return false
	}
}

// send sends messages, which are all up to a sequence number, until others come
// first. It returns false if run must end.
func (p *sharedSub) send(messages []*journal.Message, upTo uint64) bool {
	for _, m := range messages {
		for p.offer(m) == offerFull {
			if !p.sleep() {
				return false
			}
			if p.rewound() {
				return true
			}
		}
		if p.passed(m.Seq) {
			return true
		}
	}
	p.passed(upTo)
	return true
}

func (p *sharedSub) rewound() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.window.Rewound()
}

// passed notes that all messages up to seq were offered, and reports whether others
// come first now.
func (p *sharedSub) passed(seq uint64) (rewound bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.window.Passed(seq)
	p.advance()
	return p.window.Rewound()
}

// An offered is what has come of offering a message to a session.
type offered byte

const (
	offerSent  offered = iota // it was sent, or is done
	offerAway                 // there is no client, or the session is no member any more
	offerUnfit                // the client may not have it
	offerFull                 // there will be room for it later
)

// offer offers m to the member that was sent it before, if there is one, else to one
// after the other. It returns offerFull if it waits for one of them, else offerSent.
func (p *sharedSub) offer(m *journal.Message) (result offered) {
	defer func() {
		if panicked := recover(); panicked != nil { // one odd message must not end the process
			p.hub.metrics.panics.Inc()
			p.hub.metrics.log.Error("message given up after a panic", "subscription", p.topicFilter, "stack", string(debug.Stack()))
			p.done(m.Seq)
			result = offerSent
		}
	}()
	p.mu.Lock()
	was, wanted := p.window.Wanted(m.Seq)
	members, first := p.present.Turn()
	absent := len(p.joined) - len(members)
	p.mu.Unlock()
	if !wanted {
		return offerSent
	}
	now := p.hub.now()
	begun := was.Member != nil && was.QoS == 2
	if m.Expired(now) && !begun {
		p.done(m.Seq)
		return offerSent
	}
	result = offerAway
	if was.Member != nil {
		if result = was.Member.offerShared(p, m, now); result == offerSent || result == offerFull {
			return result
		}
	}
	if begun { // it waits for that one [MQTT-4.8.2-4], or was given up
		return offerSent
	}
	return p.offerInTurn(m, now, members, first, absent, was.Member, result)
}

// offerInTurn offers m to the members that are there, from the first on; so many are
// absent. before was offered it, with that result.
func (p *sharedSub) offerInTurn(m *journal.Message, now int64, members []*session, first, absent int, before *session, result offered) offered {
	present, full := 0, 0
	for i := range members {
		s, got := members[(first+i)%len(members)], result
		if s != before {
			got = s.offerShared(p, m, now)
		}
		switch got {
		case offerSent:
			p.took(s, before != nil)
			return offerSent
		case offerFull:
			full++
		case offerAway:
			absent++
		case offerUnfit:
			present++
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case full > 0, present == 0, absent > 0 && p.window.Len() >= maxOutOfOrder:
		return offerFull
	case absent > 0: // one that is not here may have it
		p.window.Keep(m.Seq)
	default:
		p.window.Done(m.Seq)
	}
	return offerSent
}

// took notes that s had its turn.
func (p *sharedSub) took(s *session, another bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.present.Took(s)
	if another {
		p.hub.metrics.handedOver.Inc()
	}
}

// give notes that a message is sent to s. The caller holds s.mu.
func (p *sharedSub) give(seq uint64, s *session, qos byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.window.Give(seq, s, qos)
}

// giveBack notes that s, which was sent a message, will not have it.
func (p *sharedSub) giveBack(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.window.Return(seq)
}

// has reports whether s is the one that was sent a message that is not done.
func (p *sharedSub) has(s *session, seq uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	h, open := p.window.Holder(seq)
	return open && h.Member == s && !p.ended
}

// done notes that a message is acknowledged, or not sent any more.
func (p *sharedSub) done(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.window.Done(seq)
	p.advance()
}

// acknowledgedBy notes that s has a message, unless another one was sent it since.
func (p *sharedSub) acknowledgedBy(s *session, seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h, open := p.window.Holder(seq); open && h.Member == s {
		p.window.Done(seq)
		p.advance()
	}
}

// advance tells the journal what is done. The caller holds p.mu.
func (p *sharedSub) advance() {
	if to := p.window.Cursor(); to > p.cursor {
		p.cursor, p.behind = to, 0
		p.journal.Advanced(p.queue, to)
		return
	}
	if p.behind++; p.behind >= releaseEvery {
		p.release()
	}
}

// release tells the journal which messages beyond the cursor are not done. The caller
// holds p.mu. It returns how many bytes are held.
func (p *sharedSub) release() int64 {
	p.behind = 0
	open := p.window.Open(func(share.Hold[*session]) bool { return false })
	return p.journal.Release(p.queue, p.window.Read(), open)
}

// drop drops what waits, because it is too much; if nothing waits, what members do
// not acknowledge.
func (p *sharedSub) drop(o journal.Over) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if held := p.release(); held < max(o.Limit, o.Bytes/2) {
		return // what was done was most of it
	}
	last := p.journal.LastSeq()
	if !p.window.Drop(last, false) {
		p.window.Drop(last, true)
	}
	p.advance()
	p.release()
	p.hub.metrics.log.Warn("shared subscription over its quota: what waited for it is lost",
		"subscription", p.topicFilter, "waited", humanize.IBytes(uint64(o.Bytes)))
}

// deliver sends m at QoS 0 to the member whose turn it is, of those that are there.
func (p *sharedSub) deliver(m *journal.Message, now int64) {
	p.mu.Lock()
	members, first := p.present.Turn()
	p.mu.Unlock()
	for _, patient := range []bool{true, false} { // first those that have room
		for i := range members {
			if s := members[(first+i)%len(members)]; s.deliverShared(p, m, patient, now) {
				p.took(s, false)
				return
			}
		}
	}
}

// offerShared sends m over the session's connection, for a shared subscription. What
// an earlier connection was sent has the same packet ID again [MQTT-4.4.0-1].
func (s *session) offerShared(p *sharedSub, m *journal.Message, now int64) offered {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.conn
	if c == nil || s.ended {
		return offerAway
	}
	var again *inflightMessage
	at := 0
	for i := range s.sharedAgain {
		if o := &s.sharedAgain[i]; o.shared == p && o.seq == m.Seq {
			again, at = o, i
			break
		}
	}
	sub, member := s.subs[p.topicFilter]
	if again == nil && !member {
		return offerAway
	}
	t := newTarget(s, &sub)
	d := t.delivery(c, m)
	if again != nil {
		d.qos, d.dup = again.qos, true
	}
	switch {
	case !c.rights().MayReceive(m.Topic) || c.tooLarge(m, d):
		if again != nil {
			s.giveUpShared(c, at)
		}
		return offerUnfit
	case d.qos > 0 && s.inflight.full(c.receiveMaximum):
		s.starved = p.addTo(s.starved)
		return offerFull
	case !c.hasRoomOr(p):
		return offerFull
	case d.qos == 0:
		p.done(m.Seq)
		c.publish(m, d, now)
		return offerSent
	}
	var id uint16
	if again != nil {
		id = again.id
		s.removeAgain(at)
	}
	p.give(m.Seq, s, d.qos)
	d.id = s.inflight.add(inflightMessage{shared: p, seq: m.Seq, qos: d.qos}, id)
	if d.qos == 2 && !s.stored {
		c.publishWhen(s.journal.SaveSent(p), m, d, now)
		return offerSent
	}
	s.transmit(c, m, d, now)
	return offerSent
}

// addTo adds p to those that wait for room, once.
func (p *sharedSub) addTo(waiting []*sharedSub) []*sharedSub {
	for _, o := range waiting {
		if o == p {
			return waiting
		}
	}
	return append(waiting, p)
}

// removeAgain removes the message at an index from those of shared subscriptions
// that are to be sent again.
func (s *session) removeAgain(at int) {
	s.sharedAgain = append(s.sharedAgain[:at], s.sharedAgain[at+1:]...)
}

// giveUpShared gives up a message that was sent, and that the client may not have any
// more. At QoS 1 another member gets it.
func (s *session) giveUpShared(c *conn, at int) {
	o := s.sharedAgain[at]
	s.removeAgain(at)
	if o.qos == 2 {
		o.shared.done(o.seq)
	} else {
		o.shared.giveBack(o.seq)
	}
	s.forget(c, o)
}

// deliverShared sends m at QoS 0 and reports whether it did; a patient message only
// if the connection has room.
func (s *session) deliverShared(p *sharedSub, m *journal.Message, patient bool, now int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.conn
	sub, member := s.subs[p.topicFilter]
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
func (s *session) eachShared(fn func(*sharedSub)) {
	var all []*sharedSub
	for _, p := range s.shared {
		all = append(all, p)
	}
	for _, list := range [][]inflightMessage{s.inflight.messages, s.sharedAgain} {
		for i := range list {
			if p := list[i].shared; p != nil {
				all = p.addTo(all)
			}
		}
	}
	for _, p := range all {
		fn(p)
	}
}

// restoreShared restores what the session was sent at QoS 2 for shared subscriptions
// before the broker's start.
func (s *session) restoreShared(messages []journal.SharedMessage, byNumber map[uint64]*sharedSub) {
	for _, m := range messages {
		p := byNumber[m.Share]
		switch {
		case m.Released && p != nil:
			p.done(m.Seq)
			fallthrough
		case m.Released, p == nil, !p.restore(m.Seq, s):
			// The client may hold the packet ID of one that is gone.
			s.inflight.add(inflightMessage{id: m.ID, qos: 2, released: true}, m.ID)
		default:
			s.sharedAgain = append(s.sharedAgain, inflightMessage{id: m.ID, shared: p, seq: m.Seq, qos: 2})
		}
	}
}

// restore notes that s was sent a message, and returns false if that is done.
func (p *sharedSub) restore(seq uint64, s *session) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.window.Restore(seq, s)
}

// addShared adds a shared subscription that has no node yet. The caller holds r.mu.
func (r *router) addShared(p *sharedSub) {
	if r.shared == nil {
		r.shared = map[string]*sharedSub{}
	}
	r.shared[p.topicFilter] = p
	p.hub.metrics.sharedCount.Set(float64(len(r.shared)))
}

// restore adds a shared subscription from the journal.
func (r *router) restore(p *sharedSub) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.addShared(p)
	n := r.node(share.Filter(p.topicFilter))
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
// r.mu.
func (r *router) join(p *sharedSub, s *session, qos byte) {
	p.asked[s] = qos
	p.mu.Lock()
	p.joined[s] = struct{}{}
	p.mu.Unlock()
	r.membersChanged(p)
}

// leave takes s out of p, and ends p if that was its last member. The caller holds
// r.mu.
func (r *router) leave(p *sharedSub, s *session) {
	delete(p.asked, s)
	p.mu.Lock()
	delete(p.joined, s)
	p.present.Remove(s)
	p.window.Again()
	p.mu.Unlock()
	if len(p.asked) > 0 {
		r.membersChanged(p)
		p.wakeUp()
		return
	}
	delete(r.shared, p.topicFilter)
	r.root.remove(share.Filter(p.topicFilter), true, func(n *node) {
		n.shared = slices.DeleteFunc(n.shared, func(o *sharedSub) bool { return o == p })
	})
	p.end()
	r.groups, r.known.members = nil, 0
	p.hub.metrics.sharedCount.Set(float64(len(r.shared)))
	p.hub.metrics.sharedMembers.DeleteLabelValues(p.topicFilter)
}

// membersChanged notes what the members of p ask for together. The caller holds r.mu.
func (r *router) membersChanged(p *sharedSub) {
	guarded := false
	p.stored = false
	for s, qos := range p.asked {
		p.stored = p.stored || qos > 0
		guarded = guarded || s.guarded
	}
	p.hub.metrics.sharedMembers.WithLabelValues(p.topicFilter).Set(float64(len(p.asked)))
	if guarded != p.guarded {
		p.guarded = guarded
		p.journal.Limit(p.queue, !guarded)
		r.groups, r.known.members = nil, 0 // whether they are guarded is in them
	}
}

// hasRoomFor returns why s may not become a member of a shared subscription, or "".
func (r *router) hasRoomFor(s *session, topicFilter string, l *Limits) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	p := r.shared[topicFilter]
	if p == nil {
		if len(r.shared) >= l.Shared {
			return fmt.Sprintf("the broker has its most shared subscriptions (%d)", l.Shared)
		}
		return ""
	}
	if _, member := p.asked[s]; !member && len(p.asked) >= l.SharedMembers {
		return fmt.Sprintf("the shared subscription has its most members (%d)", l.SharedMembers)
	}
	return ""
}
