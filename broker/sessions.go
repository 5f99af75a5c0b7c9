package broker

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hellox/broker/journal"
	"hellox/broker/rights"
	"hellox/broker/sharing"
)

// sessions holds all sessions, by client id.
type sessions struct {
	journal *journal.Journal
	guarded map[string]bool // client ids of sessions that publishers wait for
	router  *router
	budget  *budget
	metrics *metrics
	limits  *Limits
	now     func() time.Time
	// anonymous has the identities of clients that are not asked who they are.
	anonymous []string

	mu         sync.Mutex
	byID       map[string]*session
	owned      tally         // sessions of byID
	lastNumber atomic.Uint64 // of sessions and shared subscriptions
}

// mayUse reports whether a client id is free or belongs to the same identity.
func (a *sessions) mayUse(id string, r *rights.Rights) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.byID[id]
	return r != nil && (s == nil || s.owner == r.Identity || a.unowned(s.owner))
}

// ownerOf returns the identity whose session a client ID has, or "".
func (a *sessions) ownerOf(id string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.byID[id]; s != nil {
		return s.owner
	}
	return ""
}

// unowned reports whether sessions of an owner belong to no client that can come:
// those from before the broker had users. Their client IDs were not protected, and
// the first client that may use one gets its session, as far as its rights go.
func (a *sessions) unowned(owner string) bool {
	return (owner == rights.Local || owner == rights.Anyone) && !slices.Contains(a.anonymous, owner)
}

// hasClient reports whether the client of an ID is connected.
func (a *sessions) hasClient(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.byID[id]
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn != nil
}

// waiting returns how many bytes of messages wait in the journal for the session of a
// client ID; also those that were sent and not acknowledged.
func (a *sessions) waiting(id string) int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.byID[id]
	if s == nil || s.backlog == nil {
		return 0
	}
	return a.journal.Waiting(s.backlog)
}

// hasRoomFor returns why a client, which has no session, may not create one, or "".
func (a *sessions) hasRoomFor(id, identity string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch most := a.limits.Sessions; {
	case a.byID[id] != nil:
		return ""
	case len(a.byID) >= most:
		return fmt.Sprintf("the broker has its most sessions (%d)", most)
	case a.owned.full(sharer(identity), most):
		return beyondShare(identity, "sessions", most)
	}
	return ""
}

// add adds a session. The caller holds a.mu.
func (a *sessions) add(s *session) {
	a.byID[s.id] = s
	a.owned.add(sharer(s.owner), 1)
	a.updateMetric()
}

// drop removes a session. The caller holds a.mu.
func (a *sessions) drop(s *session) {
	delete(a.byID, s.id)
	a.owned.add(sharer(s.owner), -1)
	a.updateMetric()
}

// claim returns the session for c, the connection that has it now, and the
// session that ends because c starts a new one. present reports whether the
// session existed before. Of two connections with one client id the later one
// wins, unless they are of different identities: then it gets none.
func (a *sessions) claim(c *conn, clean bool, expiry time.Duration) (s *session, old *conn, ended *session, present bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	me := c.rights().Identity
	if s = a.byID[c.id]; s != nil {
		if s.owner != me && !a.unowned(s.owner) {
			return nil, nil, nil, false
		}
		s.mu.Lock()
		old = s.conn
		keep := !clean && s.stored
		if keep {
			s.dropQueue()
			s.conn, s.feeder, s.retained = nil, nil, nil
			s.claim, s.expiry = c, expiry
			if s.owner != me {
				a.owned.add(sharer(s.owner), -1)
				a.owned.add(sharer(me), 1)
				s.budget.unreleasedBy.add(sharer(s.owner), -len(s.received))
				s.budget.unreleasedBy.add(sharer(me), len(s.received))
				a.journal.SetOwner(s.backlog, sharer(me))
				s.owner = me
			}
			a.router.setConnected(s, false)
			s.eachShared(func(p *sharing.Subscription) { p.Left(s) })
		}
		s.mu.Unlock()
		if keep {
			return s, old, nil, true
		}
		ended = s
		a.drop(ended)
	}
	s = newSession(c.id, me, a.lastNumber.Add(1), a.journal, a.budget)
	s.guarded = a.guarded[s.id]
	s.claim, s.expiry, s.stored = c, expiry, expiry > 0
	s.cursor = a.journal.LastSeq()
	if s.stored {
		s.backlog = a.journal.NewQueue(s, sharer(me), s.cursor, !s.guarded)
	}
	a.add(s)
	return s, old, ended, false
}

// setExpiry changes how long the session lasts. One that ends with its
// connection cannot be made to last (5, 3.14.2.2.2): then it returns false.
func (s *session) setExpiry(expiry time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.expiry == 0 {
		return expiry == 0
	}
	s.expiry = expiry
	return true
}

// removeIfEnded removes a session that ends with its connection, and reports
// whether it did.
func (a *sessions) removeIfEnded(s *session) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.expiry > 0 || s.conn != nil || s.claim != nil || a.byID[s.id] != s {
		return false
	}
	a.drop(s)
	return true
}

// removeExpired removes and returns the sessions whose clients have been away for
// too long.
func (a *sessions) removeExpired() []*session {
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	var over []*session
	var queues []*journal.Queue
	subscriptions, sent := 0, 0
	for _, s := range a.byID {
		s.mu.Lock()
		subscriptions += len(s.subs)
		sent += len(s.inflight.byID)
		if s.conn == nil && s.claim == nil && now.Sub(s.away) > s.expiry {
			over = append(over, s)
			a.drop(s)
		}
		if s.backlog != nil {
			queues = append(queues, s.backlog)
		}
		s.mu.Unlock()
	}
	quota, backpressure := a.journal.Shares(queues)
	a.metrics.fullestSession.Set(quota)
	a.metrics.backpressure.Set(backpressure)
	a.metrics.subscriptions.Set(float64(subscriptions))
	a.metrics.inflight.Set(float64(sent))
	return over
}

// remove removes a session, and reports whether it was there.
func (a *sessions) remove(s *session) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byID[s.id] != s {
		return false
	}
	a.drop(s)
	return true
}

func (a *sessions) len() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.byID)
}

func (a *sessions) updateMetric() { a.metrics.sessionCount.Set(float64(len(a.byID))) }

// numberTaken notes that a session or shared subscription has a number.
func (a *sessions) numberTaken(n uint64) { a.lastNumber.Store(max(a.lastNumber.Load(), n)) }

// restore adds a session from the journal.
func (a *sessions) restore(r journal.SessionRow) *session {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.numberTaken(r.Number)
	s := newSession(r.ID, r.Owner, r.Number, a.journal, a.budget)
	s.guarded = a.guarded[s.id]
	s.cursor, s.expiry, s.stored, s.away = r.Cursor, r.Expiry, true, a.now()
	s.restoreSent(&r.Sent)
	for _, id := range r.Received { // whatever the limits are now
		s.addReceived(id)
	}
	s.budget.unreleased.Add(int64(len(s.received)))
	s.budget.unreleasedBy.add(sharer(s.owner), len(s.received))
	s.backlog = a.journal.NewQueue(s, sharer(r.Owner), s.cursor, !s.guarded)
	a.add(s)
	return s
}

// hasReceived reports whether a message with this packet ID was taken at QoS 2 and
// not released.
func (s *session) hasReceived(id uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.received[id]
	return ok
}

// unreleased returns how many messages were taken at QoS 2 and not released.
func (s *session) unreleased() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.received)
}

// receiving notes that s takes a message with this packet ID. It returns why not, if
// the sessions together have too many, or those of its identity; else "".
func (a *sessions) receiving(s *session, id uint16) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return "" // its client is being disconnected
	}
	most := a.limits.Unreleased
	if !s.budget.unreleasedBy.take(sharer(s.owner), most) {
		return beyondShare(s.owner, "unreleased messages at QoS 2", most)
	}
	if s.budget.unreleased.Add(1) > int64(most) {
		s.released(1)
		return fmt.Sprintf("publishers have the most messages at QoS 2 unreleased (%d)", most)
	}
	s.addReceived(id)
	return ""
}

// addReceived notes a packet ID. The caller holds s.mu.
func (s *session) addReceived(id uint16) {
	if s.received == nil {
		s.received = map[uint16]struct{}{}
	}
	s.received[id] = struct{}{}
}

// released gives n messages back to the budget. The caller holds s.mu.
func (s *session) released(n int) {
	s.budget.unreleased.Add(int64(-n))
	s.budget.unreleasedBy.add(sharer(s.owner), -n)
}

// release notes that a packet ID is free, and reports whether it was not.
func (s *session) release(id uint16) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.received[id]
	if ok {
		delete(s.received, id)
		s.released(1)
	}
	return ok
}

// Withdraw notes that the message with this packet ID was not stored, and not
// acknowledged: it is not a second one when it comes again.
func (s *session) Withdraw(id uint16) { s.release(id) }
