package broker

import (
	"time"

	"hellox/broker/journal"
)

// publish passes m on: into the journal for the sessions that outlive their
// connections, then to everybody else who asked for it. from is the
// publisher's connection, nil for a last will; scratch lends its memory for
// targets and may be nil. An error says that m was passed on to nobody and must
// not be acknowledged.
func (b *Broker) publish(m *journal.Message, from, scratch *conn) error {
	var targets []target
	if scratch != nil {
		targets = scratch.targets[:0]
	}
	targets = b.router.match(targets, m.Topic)
	if m.QoS > 0 {
		var to []journal.Consumer
		rest := targets[:0]
		for i := range targets {
			if t := &targets[i]; t.qos > 0 && t.session.usesJournal(m, t) {
				to = append(to, t.session)
			} else {
				rest = append(rest, *t)
			}
		}
		targets = rest
		if len(to) > 0 {
			seq, err := b.journal.Append(m, to, waiterOf(from))
			if err != nil {
				return err
			}
			from.wroteSeq(seq)
		}
	}
	if m.Retain {
		b.retain(m, from)
	}
	now := b.now().Unix()
	for i := range targets {
		targets[i].session.deliver(m, &targets[i], now)
	}
	if scratch != nil {
		scratch.targets = targets
	}
	return nil
}

func (b *Broker) retain(m *journal.Message, from *conn) {
	if !b.retained.set(m) {
		b.metrics.retainedDenied.Inc()
		b.log.Warn("message not retained, for there are too many", "client", m.Origin)
		return
	}
	b.metrics.retainedCount.Set(float64(b.retained.count()))
	from.wroteSeq(b.journal.Retain(m.Topic, waiterOf(from)))
}

// endSession puts away a session that is no longer in the register. why is
// empty if it ended with its connection.
func (b *Broker) endSession(s *session, why string) {
	s.end(&b.router)
	b.publishWill(s.takeWill())
	if s.isStored() {
		b.journal.Save(s, nil)
		if why == "" {
			why = "by its client"
		}
		b.metrics.sessionsEnded.WithLabelValues(why).Inc()
		b.log.Info("session ended", "client", s.id, "cause", why)
	}
}

// endExpired ends sessions whose clients do not come back, and what is
// retained no longer than its publisher said, until the broker stops.
func (b *Broker) endExpired() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			for _, s := range b.sessions.removeExpired() {
				b.endSession(s, "expired")
			}
			for _, topic := range b.retained.expire(b.now().Unix()) {
				b.journal.Retain(topic, nil)
			}
		case <-b.life.Done():
			return
		}
	}
}
