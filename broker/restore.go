package broker

import (
	"errors"
	"fmt"
)

// openStore opens the journal and restores what it holds: sessions and what
// is retained.
func (b *Broker) openStore(folder string, limit int64) (err error) {
	b.journal, err = openJournal(journalOptions{
		folder: folder, limit: limit, retained: b.retained.get, healed: b.patience.forget,
		metrics: journalMetrics{bytes: b.metrics.storeBytes, degraded: b.metrics.isDegraded, commits: b.metrics.commits},
		log:     b.log,
	})
	if err != nil {
		return err
	}
	b.shared.journal = b.journal
	b.sessions.journal, b.sessions.metrics, b.sessions.now = b.journal, b.metrics, b.now
	b.sessions.budget = &b.shared.budget
	b.sessions.byID = map[string]*session{}
	err = b.journal.load(func(r sessionRow) consumer {
		s := b.sessions.restore(r)
		for _, sub := range r.subscriptions {
			s.subscribe(&b.router, sub)
		}
		return s
	}, func(m *message) { b.retained.set(m) })
	if err != nil {
		return errors.Join(fmt.Errorf("open the store %s: %w", folder, err), b.journal.close())
	}
	b.metrics.retainedCount.Set(float64(b.retained.count()))
	return nil
}
