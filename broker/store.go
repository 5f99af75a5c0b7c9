package broker

import (
	"errors"

	"hellox/broker/journal"
	"hellox/broker/sharing"
	"hellox/stream"
)

// MinStoreLimit is the smallest Options.StoreLimit, in bytes.
const MinStoreLimit = journal.MinLimit

// openStore opens the journal and restores sessions and retained messages from
// it.
func (b *Broker) openStore(o Options) (err error) {
	b.retained.MaxMessages, b.retained.MaxBytes = b.limits.Retained, b.limits.RetainedBytes
	b.retained.MaxOwned, b.retained.MaxOwnedBytes = shareOf(b.limits.Retained), shareOf(b.limits.RetainedBytes)
	b.journal, err = journal.Open(journal.Options{
		Folder: o.Store, Limit: o.StoreLimit, Quota: o.SessionQuota, Over: b.sessionsOver, Retained: b.retained.Get, Recovered: b.backoff.reset, Changed: b.stateChanged,
		Metrics: journal.Metrics{Bytes: b.metrics.storeBytes, Degraded: b.metrics.isDegraded, Commits: b.metrics.commits},
		Log:     b.log,
	})
	if err != nil {
		return err
	}
	b.shared.journal = b.journal
	b.sessions.journal, b.sessions.metrics, b.sessions.limits, b.sessions.now = b.journal, b.metrics, &b.limits, b.now
	b.sessions.router = &b.router
	b.sessions.guarded = map[string]bool{}
	for _, id := range o.Backpressure {
		b.sessions.guarded[id] = true
	}
	b.awaited = newAwaited(o.Backpressure, b.log, b.metrics.awaited, b.stateChanged)
	b.sessions.budget = &b.shared.budget
	b.sessions.byID = map[string]*session{}
	for _, g := range b.gates {
		if g.fixed != nil {
			b.sessions.anonymous = append(b.sessions.anonymous, g.fixed.Identity)
		}
	}
	b.hub = (&sharing.Hub{
		Journal: b.journal, Log: b.log, Now: func() int64 { return b.now().Unix() }, MostKept: maxOutOfOrder,
		Panics: b.metrics.panics, Lost: b.metrics.sharedLost, Losses: b.metrics.sharedLosses, HandedOver: b.metrics.handedOver,
	}).Open()
	b.router.metrics = b.metrics
	b.router.share = func(topicFilter, owner string) *sharing.Subscription {
		p := b.hub.New(b.sessions.lastNumber.Add(1), &journal.SessionRow{ID: journal.SharedID(topicFilter), Owner: owner, Cursor: b.journal.LastSeq()})
		b.journal.Save(p, nil) // before anything can be published for it
		return p
	}
	if err := b.load(); err != nil {
		return errors.Join(journal.OpenError(o.Store, err), b.journal.Close())
	}
	n := b.retained.Len()
	b.metrics.retainedCount.Set(float64(n))
	if b.retained.Full() {
		b.log.Warn("the store holds as many retained messages as may be, or more: these stay, others are refused", "messages", n, "max_messages", b.limits.Retained, "max_bytes", b.limits.RetainedBytes)
	}
	return nil
}

// load restores sessions, shared subscriptions and retained messages.
func (b *Broker) load() error {
	sessions := map[*session]journal.SessionRow{}
	shared := map[uint64]*sharing.Subscription{}
	err := b.journal.Load(func(r journal.SessionRow) *journal.Queue {
		if _, ok := journal.SharedFilter(r.ID); ok {
			p := b.hub.New(r.Number, &r)
			b.sessions.numberTaken(r.Number)
			b.router.restore(newSharedSub(p))
			shared[r.Number] = p
			return p.Queue
		}
		s := b.sessions.restore(r)
		sessions[s] = r
		return s.backlog
	}, func(m *journal.Message) {
		if !stream.OwnedByBroker(m.Topic) { // stored when clients could still publish there
			b.retained.Put(m.Topic, m) // also beyond a limit, which was higher or none
		}
	})
	if err != nil {
		return err
	}
	// Now all shared subscriptions are there.
	for s, r := range sessions {
		for _, sub := range r.Subscriptions {
			s.subscribe(&b.router, sub)
			b.subscribed(s.id, sub.TopicFilter)
		}
		s.restoreShared(r.Sent.Shared, shared)
	}
	b.router.endUnshared()
	return nil
}

// subscribed notes that a client has subscribed, for which publishers may wait.
func (b *Broker) subscribed(clientID, topicFilter string) {
	if !isNotice(clientID, topicFilter) && b.awaited.subscribed(clientID) {
		b.log.Info("publishers wait no longer: each session that --backpressure names has a subscription")
		b.backoff.reset()
	}
}
