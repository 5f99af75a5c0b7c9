package sharing

import (
	"log/slog"
	"sync"

	"hellox/broker/journal"
	"hellox/broker/share"
)

// A Member is a session that shares a subscription. Its methods may be called from any
// goroutine, without the Subscription's lock.
type Member interface {
	// Offer sends a message of p at QoS 1 or 2, or returns why not. It calls Give
	// or Done.
	Offer(p *Subscription, m *journal.Message, now int64) Offered
	// Deliver sends a message of p at QoS 0 and reports whether it did; a patient
	// message only if the connection has room.
	Deliver(p *Subscription, m *journal.Message, patient bool, now int64) bool
	// DropAgain gives up what is to be sent again for p and is done, or with
	// another member.
	DropAgain(p *Subscription)
	// Stored reports whether the session outlives its connection.
	Stored() bool
	// Guarded reports whether publishers wait for the session when the store is
	// full.
	Guarded() bool
}

// A Hub is what all shared subscriptions of a broker share.
type Hub struct {
	Journal  *journal.Journal
	Log      *slog.Logger
	Now      func() int64 // Unix seconds
	MostKept int          // messages of one that wait, while later ones are sent, because no member that is there and has room may have them

	Panics, HandedOver Counter
	Lost               Counter // messages that are lost, where they can be counted
	Losses             Counter // times that what waits in the journal is lost: it is not counted there

	running sync.WaitGroup
	stop    chan struct{} // closed by Close
}

// A Counter is a metric.
type Counter interface {
	Inc()
	Add(n float64)
}

// Open prepares the hub for Close.
func (h *Hub) Open() *Hub {
	h.stop = make(chan struct{})
	return h
}

// Close ends what the subscriptions do. No client is connected any more.
func (h *Hub) Close() {
	close(h.stop)
	h.running.Wait()
}

// A Subscription is a shared subscription ($share/NAME/FILTER) of the sessions that are
// its members. What is published for it at QoS 1 or 2 waits in the journal as for one
// session, until one member after the other takes some: it is with none before, so a
// member that is away, slow, or may not read it keeps it from no other one.
//
// Locks are taken in this order: those of members, Subscription, then journal.
type Subscription struct {
	TopicFilter string // $share/NAME/FILTER
	Owner       string // the identity that made it; "": none, or it is not known
	Queue       *journal.Queue
	number      uint64 // identifies it in the journal
	hub         *Hub
	wake        chan struct{} // of capacity 1: there may be something to send
	stop        chan struct{} // closed by End
	start       sync.Once     // of run

	mu      sync.Mutex
	joined  map[Member]struct{}
	present share.Ring[Member] // those of joined whose clients are there
	window  *share.Window[Member]
	cursor  uint64 // as told to the journal
	behind  int    // messages done since the journal was told
	ended   bool
	spared  bool // publishers wait for a member when the store is full
	crowded bool // members hold too much of a subscription that publishers wait for
	dropped int  // kept messages that were lost

	roomMu sync.Mutex // the last one to be taken
	room   map[Member]struct{}
}

// releaseEvery is after how many messages the journal is told which are done while an
// earlier one is not.
const releaseEvery = 250

// New returns a shared subscription without members. number identifies it in the
// journal; row is what the journal had of it.
func (h *Hub) New(number uint64, row *journal.SessionRow) *Subscription {
	filter, _ := journal.SharedFilter(row.ID)
	p := &Subscription{
		TopicFilter: filter, number: number, Owner: row.Owner, hub: h,
		wake: make(chan struct{}, 1), stop: make(chan struct{}),
		joined: map[Member]struct{}{}, cursor: row.Cursor,
	}
	var open []uint64
	for _, seq := range row.Sent.Open {
		if seq > row.Cursor {
			open = append(open, seq)
		}
	}
	p.window = share.NewWindow[Member](max(row.Cursor, row.Sent.Read), open, row.Sent.Done)
	p.Queue = h.Journal.NewQueue(p, p.Owner, row.Cursor, true)
	h.Journal.Listen(p.Queue, p.wake)
	return p
}

// Number identifies the shared subscription in the journal.
func (p *Subscription) Number() uint64 { return p.number }

// Row returns its row in the journal, or only its ID and number and false if it has
// ended.
func (p *Subscription) Row() (journal.SessionRow, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return journal.SessionRow{ID: journal.SharedID(p.TopicFilter), Owner: p.Owner, Number: p.number, Cursor: p.window.Cursor()}, !p.ended
}

// Sent returns which of its messages are not done. What is with a session that ends
// with its connection at QoS 2 counts as done: a crash ends it [MQTT-4.8.2-5]. What
// is with another one is in that one's row.
func (p *Subscription) Sent() (journal.SentRow, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	open := p.window.Open(func(h share.Hold[Member]) bool { return h.QoS == 2 && !h.Member.Stored() })
	return journal.SentRow{Number: p.number, Cursor: p.window.Cursor(), Done: p.window.Beyond(), Read: p.window.Read(), Open: open}, !p.ended
}

// Came notes that the client of s, a member or one that was sent something, is there.
func (p *Subscription) Came(s Member) {
	p.start.Do(func() { p.hub.running.Go(p.run) })
	p.mu.Lock()
	if _, member := p.joined[s]; member {
		p.present.Add(s)
	}
	p.window.Again()
	p.mu.Unlock()
	p.RoomFor(s)
}

// Join makes s a member.
func (p *Subscription) Join(s Member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.joined[s] = struct{}{}
}

// Leave takes s out of the members.
func (p *Subscription) Leave(s Member) {
	p.mu.Lock()
	delete(p.joined, s)
	p.present.Remove(s)
	p.window.Again()
	p.mu.Unlock()
	p.wakeUp()
}

// Spare says whether publishers wait for a member when the store is full. Groups of the
// journal that the subscription is in have to be made anew if that has changed.
func (p *Subscription) Spare(yes bool) {
	p.mu.Lock()
	p.spared = yes
	p.mu.Unlock()
	p.hub.Journal.Limit(p.Queue, !yes)
}

// RoomFor notes that s may have room.
func (p *Subscription) RoomFor(s Member) {
	p.roomMu.Lock()
	if p.room == nil {
		p.room = map[Member]struct{}{}
	}
	p.room[s] = struct{}{}
	p.roomMu.Unlock()
	p.wakeUp()
}

// noteRoom tells the window who may have room. The caller holds p.mu.
func (p *Subscription) noteRoom() {
	p.roomMu.Lock()
	defer p.roomMu.Unlock()
	for s := range p.room {
		p.window.Room(s)
	}
	clear(p.room)
}

// Left notes that the client of s is away: others get what it has not acknowledged,
// unless it comes back before.
func (p *Subscription) Left(s Member) {
	p.mu.Lock()
	p.present.Remove(s)
	p.window.Left(s)
	p.mu.Unlock()
	p.wakeUp()
}

// Lost notes that s has ended, and reports whether messages ended with it.
func (p *Subscription) Lost(s Member) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	qos2 := p.window.Ended(s)
	p.advance()
	p.wakeUp()
	return qos2
}

func (p *Subscription) wakeUp() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// End ends the subscription: it has no members. The caller holds the router's mu.
func (p *Subscription) End() {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.hub.Journal.End(p.Queue)
	p.hub.Journal.Save(p, nil)
	close(p.stop)
}

// took notes that s had its turn.
func (p *Subscription) took(s Member, another bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.present.Took(s)
	if another {
		p.hub.HandedOver.Inc()
	}
}

// Give notes that a message is sent to s.
func (p *Subscription) Give(seq uint64, s Member, qos byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.window.Give(seq, s, qos)
}

// GiveBack notes that s, which was sent a message, will not have it.
func (p *Subscription) GiveBack(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.window.Return(seq)
}

// Has reports whether s is the one that was sent a message that is not done.
func (p *Subscription) Has(s Member, seq uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	h, open := p.window.Holder(seq)
	return open && h.Member == s && !p.ended
}

// Done notes that a message is acknowledged, or not sent any more.
func (p *Subscription) Done(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.window.Done(seq)
	p.advance()
}

// AcknowledgedBy notes that s has a message, unless another one was sent it since.
func (p *Subscription) AcknowledgedBy(s Member, seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h, open := p.window.Holder(seq); open && h.Member == s {
		p.window.Done(seq)
		p.advance()
	}
}

// IsOver reports whether end was called.
func (p *Subscription) IsOver() bool {
	select {
	case <-p.stop:
		return true
	default:
		return false
	}
}

// HasRewound reports whether what comes first may have changed since run has begun to
// send.
func (p *Subscription) HasRewound() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.window.Rewound()
}

// Restore notes that s was sent a message, and returns false if that is done.
func (p *Subscription) Restore(seq uint64, s Member) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.window.Restore(seq, s)
}
