package sharing

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"slices"

	"hellox/broker/journal"
)

// run sends what waits to the members whose clients are there, until the
// subscription or the broker ends.
func (p *Subscription) run() {
	for {
		after, next := p.begin()
		messages, upTo, err := p.hub.Journal.Fetch(p.Queue, after)
		if err != nil {
			p.hub.Journal.Fail(fmt.Errorf("read the store for %q: %w", p.TopicFilter, err))
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
func (p *Subscription) begin() (after, next uint64) {
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
func (p *Subscription) sendNext(messages []*journal.Message, next uint64) {
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
			p.Done(seq)
			s.DropAgain(p)
			return
		default:
			return
		}
	}
}

// sleep waits until something has changed. It returns false if run must end.
func (p *Subscription) sleep() bool {
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
func (p *Subscription) send(messages []*journal.Message, upTo uint64) bool {
	for _, m := range messages {
		result := p.offer(m)
		for result == Full {
			if !p.sleep() {
				return false
			}
			if p.rewound() {
				return true
			}
			result = p.offer(m)
		}
		if result == Late {
			return true
		}
		if p.passed(m.Seq) {
			return true
		}
	}
	p.passed(upTo)
	return true
}

func (p *Subscription) rewound() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.noteRoom()
	return p.window.Rewound()
}

// passed notes that all messages up to seq were Offered, and reports whether others
// come first now.
func (p *Subscription) passed(seq uint64) (rewound bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.window.Passed(seq)
	p.advance()
	p.noteRoom()
	return p.window.Rewound()
}

// An Offered is what has come of offering a message to a session.
type Offered byte

// The values of Offered.
const (
	Sent  Offered = iota // it was sent, or is done
	Away                 // there is no client, or the session is no member any more
	Unfit                // the client may not have it
	Full                 // there will be room for it later
	Late                 // others are to be sent again before it [MQTT-4.6.0-1]
)

// survive is deferred: one odd message must not end the process.
func (p *Subscription) survive(m *journal.Message, result *Offered) {
	if panicked := recover(); panicked != nil {
		p.hub.Panics.Inc()
		p.hub.Log.Error("message given up after a panic", "subscription", p.TopicFilter, "stack", string(debug.Stack()))
		p.Done(m.Seq)
		*result = Sent
	}
}

// offerNext offers s a message that waits for s.
func (p *Subscription) offerNext(m *journal.Message, s Member) (result Offered) {
	defer p.survive(m, &result)
	p.mu.Lock()
	h, _ := p.window.Holder(m.Seq)
	p.mu.Unlock()
	now := p.hub.Now()
	if m.Expired(now) && h.QoS < 2 {
		p.Done(m.Seq)
		s.DropAgain(p)
		return Sent
	}
	result = s.Offer(p, m, now)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch result {
	case Sent:
		p.present.Took(s)
	case Full, Away:
		p.window.Full(s)
	case Unfit:
		p.window.Unfit(m.Seq, s)
		p.advance()
	}
	return result
}

// offer offers m to the member that was sent it before, if there is one, else to one
// after the other. It returns Full if it waits for one of them, Late if
// others come first, else Sent.
func (p *Subscription) offer(m *journal.Message) (result Offered) {
	defer p.survive(m, &result)
	p.mu.Lock()
	was, wanted := p.window.Wanted(m.Seq)
	members, first := p.present.Turn()
	absent := len(p.joined) - len(members)
	p.mu.Unlock()
	if !wanted {
		return Sent
	}
	now := p.hub.Now()
	if m.Expired(now) {
		p.Done(m.Seq)
		if was.Member != nil {
			was.Member.DropAgain(p)
		}
		return Sent
	}
	result = Away
	if was.Member != nil {
		if result = p.offerTo(was.Member, m, now); result == Sent || result == Late {
			return result
		}
	}
	return p.offerInTurn(m, now, members, first, absent, was.Member, result)
}

// offerInTurn offers m to the members that are there, from the first on; so many are
// absent. before was Offered it, with that result.
func (p *Subscription) offerInTurn(m *journal.Message, now int64, members []Member, first, absent int, before Member, result Offered) Offered {
	unfit, full := 0, []Member(nil)
	if before != nil && result == Full {
		full = append(full, before)
	}
	for i := range members {
		s, got := members[(first+i)%len(members)], result
		if s != before {
			got = p.offerTo(s, m, now)
		}
		switch got {
		case Sent:
			p.took(s, before != nil)
			if before != nil {
				before.DropAgain(p)
			}
			return Sent
		case Late:
			return Late
		case Full:
			if s != before {
				full = append(full, s)
			}
		case Away:
			absent++
		case Unfit:
			unfit++
		}
	}
	switch {
	case unfit == 0:
		return Full // so is each that follows
	case len(full) > 0 || absent > 0:
		return p.keep(m.Seq, full)
	}
	p.Done(m.Seq)
	return Sent
}

// offerTo offers m to s, but not before what waits for s.
func (p *Subscription) offerTo(s Member, m *journal.Message, now int64) Offered {
	p.mu.Lock()
	ahead := p.window.Ahead(m.Seq, s)
	p.mu.Unlock()
	if ahead {
		return Full
	}
	return s.Offer(p, m, now)
}

// Deliver sends m at QoS 0 to the member whose turn it is, of those that are there.
func (p *Subscription) Deliver(m *journal.Message, now int64) {
	p.mu.Lock()
	members, first := p.present.Turn()
	p.mu.Unlock()
	for _, patient := range []bool{true, false} { // first those that have room
		for i := range members {
			if s := members[(first+i)%len(members)]; s.Deliver(p, m, patient, now) {
				p.took(s, false)
				return
			}
		}
	}
}
