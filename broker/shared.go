package broker

import (
	"cmp"
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
	owner       string // the identity that made it; "": none, or it is not known
	hub         *sharedHub
	queue       *journal.Queue
	wake        chan struct{} // of capacity 1: there may be something to send
	stop        chan struct{} // closed by end
	start       sync.Once     // of run

	asked   map[*session]membership // by member; guarded by router.mu
	members tally                   // of asked
	stored  bool                    // some asked for more than QoS 0; guarded by router.mu
	guarded bool                    // publishers wait for a member when the store is full; guarded by router.mu

	mu      sync.Mutex
	joined  map[*session]struct{}
	present share.Ring[*session] // those of joined whose clients are there
	window  *share.Window[*session]
	cursor  uint64 // as told to the journal
	behind  int    // messages done since the journal was told
	ended   bool
	spared  bool // guarded, for those that do not hold router.mu
	crowded bool // members hold too much of a subscription that publishers wait for
	dropped int  // kept messages that were lost

	roomMu sync.Mutex // the last one to be taken
	room   map[*session]struct{}
}

// A membership is what a member asked for.
type membership struct {
	qos      byte
	identity string // of the member that shares limits with others, or ""
}

// maxKept is how many messages of a shared subscription wait, while later ones are
// sent, because no member that is there and has room may have them.
const maxKept = maxOutOfOrder

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
		topicFilter: filter, number: number, owner: row.Owner, hub: h,
		wake: make(chan struct{}, 1), stop: make(chan struct{}),
		asked: map[*session]membership{}, joined: map[*session]struct{}{}, cursor: row.Cursor,
	}
	var open []uint64
	for _, seq := range row.Sent.Open {
		if seq > row.Cursor {
			open = append(open, seq)
		}
	}
	p.window = share.NewWindow[*session](max(row.Cursor, row.Sent.Read), open, row.Sent.Done)
	p.queue = h.journal.NewQueue(p, p.owner, row.Cursor, true)
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
	return journal.SessionRow{ID: journal.SharedID(p.topicFilter), Owner: p.owner, Number: p.number, Cursor: p.window.Cursor()}, !p.ended
}

// Sent returns which of its messages are not done. What is with a session that ends
// with its connection at QoS 2 counts as done: a crash ends it [MQTT-4.8.2-5]. What
// is with another one is in that one's row.
func (p *sharedSub) Sent() (journal.SentRow, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	open := p.window.Open(func(h share.Hold[*session]) bool { return h.QoS == 2 && !h.Member.stored })
	return journal.SentRow{Number: p.number, Cursor: p.window.Cursor(), Done: p.window.Beyond(), Read: p.window.Read(), Open: open}, !p.ended
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
	p.roomFor(s)
}

// roomFor notes that s may have room.
func (p *sharedSub) roomFor(s *session) {
	p.roomMu.Lock()
	if p.room == nil {
		p.room = map[*session]struct{}{}
	}
	p.room[s] = struct{}{}
	p.roomMu.Unlock()
	p.wakeUp()
}

// noteRoom tells the window who may have room. The caller holds p.mu.
func (p *sharedSub) noteRoom() {
	p.roomMu.Lock()
	defer p.roomMu.Unlock()
	for s := range p.room {
		p.window.Room(s)
	}
	clear(p.room)
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
	p.hub.journal.End(p.queue)
	p.hub.journal.Save(p, nil)
	close(p.stop)
}

// run sends what waits to the members whose clients are there, until the
// subscription or the broker ends.
func (p *sharedSub) run() {
	for {
		after, next := p.begin()
		messages, upTo, err := p.hub.journal.Fetch(p.queue, after)
		if err != nil {
			p.hub.journal.Fail(fmt.Errorf("read the store for %q: %w", p.topicFilter, err))
			return
		}
		switch {
		case next > 0:
			p.sendNext(messages, next)
		case upTo == 0 && !p.sleep():
			return
		case upTo > 0 && !p.send(messages, upTo):
			return
		}
	}
}

// begin returns after which message run goes on, and that message if it is for one
// member that has room.
func (p *sharedSub) begin() (after, next uint64) {
	p.relieve()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noteRoom()
	after = p.window.Begin()
	if seq, _, ok := p.window.Next(); ok {
		return seq - 1, seq
	}
	return after, 0
}

// sendNext sends those of messages that wait for one member which has room; next is the
// first.
func (p *sharedSub) sendNext(messages []*journal.Message, next uint64) {
	for {
		p.mu.Lock()
		seq, s, ok := p.window.Next()
		rewound := p.window.Rewound()
		p.mu.Unlock()
		if !ok || rewound {
			return
		}
		i, found := slices.BinarySearchFunc(messages, seq, func(m *journal.Message, seq uint64) int { return cmp.Compare(m.Seq, seq) })
		switch {
		case found:
			p.offerNext(messages[i], s)
		case seq == next: // the store has lost it
			p.done(seq)
			s.dropAgain(p)
			return
		default:
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
		result := p.offer(m)
		for result == offerFull {
			if !p.sleep() {
				return false
			}
			if p.rewound() {
				return true
			}
			result = p.offer(m)
		}
		if result == offerLate {
			return true
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
	p.noteRoom()
	return p.window.Rewound()
}

// passed notes that all messages up to seq were offered, and reports whether others
// come first now.
func (p *sharedSub) passed(seq uint64) (rewound bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.window.Passed(seq)
	p.advance()
	p.noteRoom()
	return p.window.Rewound()
}

// An offered is what has come of offering a message to a session.
type offered byte

const (
	offerSent  offered = iota // it was sent, or is done
	offerAway                 // there is no client, or the session is no member any more
	offerUnfit                // the client may not have it
	offerFull                 // there will be room for it later
	offerLate                 // others are to be sent again before it [MQTT-4.6.0-1]
)

// survive is deferred: one odd message must not end the process.
func (p *sharedSub) survive(m *journal.Message, result *offered) {
	if panicked := recover(); panicked != nil {
		p.hub.metrics.panics.Inc()
		p.hub.metrics.log.Error("message given up after a panic", "subscription", p.topicFilter, "stack", string(debug.Stack()))
		p.done(m.Seq)
		*result = offerSent
	}
}

// offerNext offers s a message that waits for s.
func (p *sharedSub) offerNext(m *journal.Message, s *session) (result offered) {
	defer p.survive(m, &result)
	p.mu.Lock()
	h, _ := p.window.Holder(m.Seq)
	p.mu.Unlock()
	now := p.hub.now()
	if m.Expired(now) && h.QoS < 2 {
		p.done(m.Seq)
		s.dropAgain(p)
		return offerSent
	}
	result = s.offerShared(p, m, now)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch result {
	case offerSent:
		p.present.Took(s)
	case offerFull, offerAway:
		p.window.Full(s)
	case offerUnfit:
		p.window.Unfit(m.Seq, s)
		p.advance()
	}
	return result
}

// offer offers m to the member that was sent it before, if there is one, else to one
// after the other. It returns offerFull if it waits for one of them, offerLate if
// others come first, else offerSent.
func (p *sharedSub) offer(m *journal.Message) (result offered) {
	defer p.survive(m, &result)
	p.mu.Lock()
	was, wanted := p.window.Wanted(m.Seq)
	members, first := p.present.Turn()
	absent := len(p.joined) - len(members)
	p.mu.Unlock()
	if !wanted {
		return offerSent
	}
	now := p.hub.now()
	if m.Expired(now) {
		p.done(m.Seq)
		if was.Member != nil {
			was.Member.dropAgain(p)
		}
		return offerSent
	}
	result = offerAway
	if was.Member != nil {
		if result = p.offerTo(was.Member, m, now); result == offerSent || result == offerLate {
			return result
		}
	}
	return p.offerInTurn(m, now, members, first, absent, was.Member, result)
}

// offerInTurn offers m to the members that are there, from the first on; so many are
// absent. before was offered it, with that result.
func (p *sharedSub) offerInTurn(m *journal.Message, now int64, members []*session, first, absent int, before *session, result offered) offered {
	unfit, full := 0, []*session(nil)
	if before != nil && result == offerFull {
		full = append(full, before)
	}
	for i := range members {
		s, got := members[(first+i)%len(members)], result
		if s != before {
			got = p.offerTo(s, m, now)
		}
		switch got {
		case offerSent:
			p.took(s, before != nil)
			if before != nil {
				before.dropAgain(p)
			}
			return offerSent
		case offerLate:
			return offerLate
		case offerFull:
			if s != before {
				full = append(full, s)
			}
		case offerAway:
			absent++
		case offerUnfit:
			unfit++
		}
	}
	switch {
	case unfit == 0:
		return offerFull // so is each that follows
	case len(full) > 0 || absent > 0:
		return p.keep(m.Seq, full)
	}
	p.done(m.Seq)
	return offerSent
}

// offerTo offers m to s, but not before what waits for s.
func (p *sharedSub) offerTo(s *session, m *journal.Message, now int64) offered {
	p.mu.Lock()
	ahead := p.window.Ahead(m.Seq, s)
	p.mu.Unlock()
	if ahead {
		return offerFull
	}
	return s.offerShared(p, m, now)
}

// keep keeps a message for a member that is not here, or that has no room, while others
// get what they may have. Beyond maxKept the oldest one is lost, or, if publishers wait
// for a member, it returns offerFull.
func (p *sharedSub) keep(seq uint64, full []*session) offered {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, open := p.window.Holder(seq); !open && p.window.Free() >= maxKept {
		if p.spared {
			return offerFull
		}
		if p.window.DropOldest(); p.dropped%maxKept == 0 {
			p.hub.metrics.log.Warn("shared subscription keeps its most messages for members that are away: the oldest are lost",
				"subscription", p.topicFilter, "kept", maxKept)
		}
		p.dropped++
		p.hub.metrics.sharedLosses.Inc()
	}
	p.window.Keep(seq, full)
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
		p.hub.journal.Advanced(p.queue, to)
		return
	}
	if p.behind++; p.behind >= releaseEvery && p.release() > p.hub.journal.Quota() && p.spared {
		p.crowded = true
		p.wakeUp()
	}
}

// release tells the journal which messages beyond the cursor are not done. The caller
// holds p.mu. It returns how many bytes are held.
func (p *sharedSub) release() int64 {
	p.behind = 0
	open := p.window.Open(func(share.Hold[*session]) bool { return false })
	return p.hub.journal.Release(p.queue, p.window.Read(), open)
}

// drop drops what is too much: what members do not acknowledge, if that is most of it,
// else what waits.
func (p *sharedSub) drop(o journal.Over) {
	limit := max(o.Limit, o.Bytes/2)
	p.mu.Lock()
	held := p.release()
	p.mu.Unlock()
	if held < limit {
		return // what was done was most of it
	}
	if held = p.dropHeld(held/2, o, func(*session) bool { return false }); held < limit {
		return
	}
	p.mu.Lock()
	waited := p.window.DropFree(p.hub.journal.LastSeq())
	p.advance()
	p.release()
	p.mu.Unlock()
	if !waited {
		p.dropHeld(0, o, func(*session) bool { return false })
		return
	}
	p.lose("what waited for it is lost", o, "waited", humanize.IBytes(uint64(o.Bytes)))
}

// relieve drops what members hold, but those that publishers wait for, if it is more
// than a session may hold: it has no quota that ends it, and would fill the store.
func (p *sharedSub) relieve() {
	p.mu.Lock()
	crowded := p.crowded
	p.crowded = false
	p.mu.Unlock()
	if crowded {
		p.dropHeld(p.hub.journal.Quota(), journal.Over{Limit: p.hub.journal.Quota()}, func(s *session) bool { return s.guarded })
	}
}

// dropHeld drops the messages that members do not acknowledge, but those of members that
// are spared, if the journal holds more for them than most bytes. It returns how many
// it holds then. o says what is over.
func (p *sharedSub) dropHeld(most int64, o journal.Over, spared func(*session) bool) int64 {
	p.mu.Lock()
	open := p.window.Open(func(h share.Hold[*session]) bool { return h.Member == nil || spared(h.Member) })
	size := p.hub.journal.Held(p.queue, open)
	var from []*session
	if size > most {
		from = p.window.DropHeld(spared)
		p.advance()
		o.Bytes = size
		p.lose("what members did not acknowledge is lost", o, "members", len(from), "held", humanize.IBytes(uint64(size)))
	}
	held := p.release()
	p.mu.Unlock()
	for _, s := range from {
		s.dropAgain(p)
	}
	return held
}

// lose logs that messages are lost because of o.
func (p *sharedSub) lose(what string, o journal.Over, args ...any) {
	why := "over its quota"
	if o.Limit == 0 {
		why = "makes room in the store"
	}
	p.hub.metrics.sharedLosses.Inc()
	_, _, reason := overReason(o, "shared subscription")
	p.hub.metrics.log.Warn("shared subscription "+why+": "+what, append(args, "subscription", p.topicFilter, "reason", reason)...)
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
	again, at, begun := s.findAgain(p, m.Seq)
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
	case again != nil && p.hasRewound():
		return offerLate // another connection has come since
	case !c.rights().MayReceive(m.Topic) || c.tooLarge(m, d):
		if again != nil {
			s.giveUpShared(c, at)
		}
		return offerUnfit
	case d.qos > 0 && s.inflight.full(c.receiveMaximum-begun):
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
		s.sharedAgain = slices.Delete(s.sharedAgain, at, at+1)
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

// findAgain returns the message that is to be sent again, and its index, or nil and how
// many others are at QoS 2: they take room before new ones. The caller holds s.mu.
func (s *session) findAgain(p *sharedSub, seq uint64) (again *inflightMessage, at, begun int) {
	for i := range s.sharedAgain {
		switch o := &s.sharedAgain[i]; {
		case o.shared == p && o.seq == seq:
			return o, i, 0
		case o.qos == 2 && !o.shared.isOver():
			begun++
		}
	}
	return nil, 0, begun
}

// isOver reports whether end was called.
func (p *sharedSub) isOver() bool {
	select {
	case <-p.stop:
		return true
	default:
		return false
	}
}

// hasRewound reports whether what comes first may have changed since run has begun to
// send.
func (p *sharedSub) hasRewound() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.window.Rewound()
}

// dropAgain gives up what is to be sent again for p and is done, or with another
// member.
func (s *session) dropAgain(p *sharedSub) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		return // the next connection looks itself
	}
	var gone []inflightMessage
	s.sharedAgain = slices.DeleteFunc(s.sharedAgain, func(o inflightMessage) bool {
		if o.shared != p || p.has(s, o.seq) {
			return false
		}
		gone = append(gone, o)
		return true
	})
	for _, o := range gone {
		s.forget(s.conn, o)
	}
}

// addTo adds p to those that wait for room, once.
func (p *sharedSub) addTo(waiting []*sharedSub) []*sharedSub {
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
	r.sharedBy.add(p.owner, 1)
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
// s.mu and r.mu.
func (r *router) join(p *sharedSub, s *session, qos byte) {
	if m, member := p.asked[s]; member {
		p.members.add(m.identity, -1)
	}
	m := membership{qos, sharer(s.owner)}
	p.asked[s] = m
	p.members.add(m.identity, 1)
	p.mu.Lock()
	p.joined[s] = struct{}{}
	p.mu.Unlock()
	r.membersChanged(p)
}

// leave takes s out of p, and ends p if that was its last member. The caller holds
// r.mu.
func (r *router) leave(p *sharedSub, s *session) {
	p.members.add(p.asked[s].identity, -1)
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
	r.sharedBy.add(p.owner, -1)
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
	for s, m := range p.asked {
		p.stored = p.stored || m.qos > 0
		guarded = guarded || s.guarded
	}
	p.hub.metrics.sharedMembers.WithLabelValues(p.topicFilter).Set(float64(len(p.asked)))
	if guarded != p.guarded {
		p.guarded = guarded
		p.mu.Lock()
		p.spared = guarded
		p.mu.Unlock()
		p.hub.journal.Limit(p.queue, !guarded)
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
