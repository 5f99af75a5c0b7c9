package broker

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/journal"
	"hellox/broker/retained"
	"hellox/broker/sharing"
	"hellox/stream"
)

// publish routes m: into the journal for sessions that outlive their connection,
// then to all others that subscribe to it. from is the publisher's connection,
// or nil for a last will. receipt is of a message at QoS 2 whose packet ID the
// journal has to know, or nil. On error m was not routed and must not be
// acknowledged. unretained says why m was routed and not retained, though it was to
// be; else it is nil.
func (b *Broker) publish(m *journal.Message, from *conn, receipt *journal.Receipt) (unretained *refusal, err error) {
	to := b.router.route(m.Topic)
	if m.Retain && receipt != nil {
		// What is retained must be on disk when the receipt is: the message is
		// not taken again.
		unretained = b.retain(m, from)
	}
	if m.QoS > 0 {
		if group := b.router.storedFor(to, m.Origin); group != nil {
			seq, err := b.journal.Append(m, group, waiterOf(from), receipt)
			if err != nil {
				return nil, err
			}
			from.wroteSeq(seq)
		} else if receipt != nil {
			from.wroteSeq(b.journal.Record(*receipt, from))
		}
	}
	if m.Retain && receipt == nil {
		unretained = b.retain(m, from)
	}
	b.deliver(m, to)
	return unretained, nil
}

// deliver sends m to the connected clients that do not get it through the journal.
func (b *Broker) deliver(m *journal.Message, to *route) {
	now := b.now().Unix()
	for i := range to.direct {
		to.direct[i].session.deliver(m, &to.direct[i], now)
	}
	if m.QoS > 0 {
		for _, p := range to.unstored {
			p.Deliver(m, now)
		}
		return
	}
	for i := range to.present {
		to.present[i].session.deliver(m, &to.present[i], now)
	}
	for _, p := range to.shared {
		p.Deliver(m, now)
	}
}

// retain retains m, or returns why not: then what was retained on its topic is gone,
// also from the disk.
func (b *Broker) retain(m *journal.Message, from *conn) (unretained *refusal) {
	if result := b.retained.Set(m); result != retained.Retained {
		b.metrics.retainedDenied.Inc()
		reason := fmt.Sprintf("delivered, but not retained: the broker has its most retained messages (%d, or %d bytes)", b.limits.Retained, b.limits.RetainedBytes)
		if result == retained.Share {
			reason = fmt.Sprintf("delivered, but not retained: the %s has its share of the broker's retained messages (%d, or %d bytes: a quarter)", named(m.Owner), b.retained.MaxOwned, b.retained.MaxOwnedBytes)
		}
		unretained = &refusal{"retained", m.Topic, reason, packets.ErrQuotaExceeded}
		if from != nil {
			from.tellRefusal(*unretained)
		} else {
			b.shared.refusals.add(m.Origin, "", *unretained)
		}
	}
	b.metrics.retainedCount.Set(float64(b.retained.Len()))
	from.wroteSeq(b.journal.Retain(m.Topic, m.Size(), waiterOf(from)))
	return unretained
}

// endSession ends a session that was removed from b.sessions. cause is empty if
// it ended with its connection.
func (b *Broker) endSession(s *session, cause string) {
	s.end(&b.router)
	if s.guarded {
		b.awaited.gone(s.id)
	}
	b.publishWill(s.takeWill())
	if s.stored {
		b.journal.Save(s, nil)
		if cause == "" {
			cause = "by its client"
		}
		b.metrics.sessionsEnded.WithLabelValues(cause).Inc()
		b.shared.refusals.say(slog.LevelInfo, "session ended", s.id, refusalKey{s.id, "session ended", cause}, "cause", cause)
	}
}

// routesLast is for how many seconds, and at most twice as many, a route is known that
// is not used.
const routesLast = 5

// endExpired ends expired logins and sessions and deletes expired retained messages,
// until the broker stops.
func (b *Broker) endExpired() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-tick.C:
			if n%routesLast == 0 {
				b.router.rotate()
			}
			b.endLogins()
			for _, s := range b.sessions.removeExpired() {
				b.endSession(s, "expired")
			}
			b.metrics.unreleased.Set(float64(b.shared.budget.unreleased.Load()))
			b.metrics.waitingBytes.Set(float64(b.shared.budget.used.Load()))
			b.metrics.halfOpen.Set(float64(b.halfOpen.len()))
			for _, topic := range b.retained.Expire(b.now().Unix()) {
				b.journal.Retain(topic, 0, nil)
			}
		case <-b.stop:
			return
		}
	}
}

// endLogins ends the connections whose logins are over: their clients connect again,
// each with a new token.
func (b *Broker) endLogins() {
	now := b.now()
	var over []*conn
	b.mu.Lock()
	for c := range b.open {
		if ends := c.ends.Load(); ends != 0 && now.UnixNano() >= ends {
			over = append(over, c)
		}
	}
	b.mu.Unlock()
	for _, c := range over {
		c.endLogin()
	}
}

// sessionsOver is called by the journal, which must not wait for it.
func (b *Broker) sessionsOver() {
	select {
	case b.over <- struct{}{}:
	default:
	}
}

// endOver ends the sessions that hold too much in the journal, until stop is
// closed: publishers may wait for it until their connections are closed.
func (b *Broker) endOver(stop <-chan struct{}) {
	for {
		for _, o := range b.journal.TakeOver() {
			switch c := o.Consumer.(type) {
			case *session:
				b.endOverQuota(c, o)
			case *sharing.Subscription:
				c.Drop(o)
			}
		}
		select {
		case <-b.over:
		case <-stop:
			return
		}
	}
}

// endOverQuota ends a session that holds too much, and disconnects its client: it
// learns at its next CONNECT that there is no session.
func (b *Broker) endOverQuota(s *session, o journal.Over) {
	cause, message := overReason(o)
	reason := o.Reason("session")
	if !b.sessions.remove(s) {
		return // it has ended otherwise
	}
	b.log.Warn("session "+message, "client", s.id, "waited", humanize.IBytes(uint64(o.Bytes)), "reason", reason)
	s.mu.Lock()
	c := s.conn
	s.mu.Unlock()
	b.endSession(s, cause)
	if c != nil {
		c.refuse(refusal{cause, "", reason, packets.ErrQuotaExceeded})
	}
}

// overReason says why what waits for a session is dropped: the cause of
// sessions_ended_total, and what the log says of the session.
func overReason(o journal.Over) (cause, message string) {
	if o.Limit > 0 {
		return "quota", "over its quota: what waited for it is lost"
	}
	return "store full", "ended to make room: what waited for it is lost"
}

// stateChanged is called by the journal, which must not wait for it.
func (b *Broker) stateChanged() {
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// tellState tells clients each change of Degraded, until the broker stops. That a session is
// missing which publishers wait for they are told after awaitedNews.
func (b *Broker) tellState() {
	told := false
	for {
		cause, since := b.journal.Degraded()
		missing, missed := b.awaited.degraded()
		b.metrics.isDegraded.Set(float64(min(1, len(cause)+len(missing))))
		var news <-chan time.Time
		if left := awaitedNews - time.Since(missed); cause == "" && missing != "" && left > 0 {
			news = time.After(left)
		} else if cause == "" {
			cause, since = missing, missed
		}
		if cause != "" || told {
			state := stream.BrokerState{Degraded: cause, Since: since.UTC()}
			told = cause != ""
			b.publishState(state)
		}
		select {
		case <-b.changed:
		case <-news:
		case <-b.stop:
			return
		}
	}
}

// publishState retains state on the broker's topic while it is degraded, and
// sends it, or nothing, to those who subscribe. It is kept in memory only: what
// it tells does not outlive the process, and the disk may be full.
func (b *Broker) publishState(state stream.BrokerState) {
	m := &journal.Message{Topic: stream.TopicBroker, Retain: true}
	if state.Degraded == "" {
		b.retained.Put(m.Topic, nil)
	} else {
		payload, err := json.Marshal(state)
		if err != nil {
			return // a text and a time are always encoded
		}
		m.Payload = payload
		b.retained.Put(m.Topic, m)
	}
	b.deliver(m, b.router.route(m.Topic))
}
