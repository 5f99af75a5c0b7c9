package sqlite

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hellox/history"
)

// metrics are the Prometheus metrics of a Store.
type metrics struct {
	registry prometheus.Registerer // nil: not registered
	all      []prometheus.Collector
	commits  prometheus.Histogram
}

func newMetrics(registry prometheus.Registerer, s *Store) (*metrics, error) {
	m := &metrics{registry: registry, commits: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "hellox_history_commit_seconds",
		Help:    "Time that a batch of messages took until it was on the disk.",
		Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
	})}
	counter := func(name, help string, f func(history.Stats) float64) {
		m.all = append(m.all, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "hellox_history_" + name, Help: help},
			func() float64 { return f(s.state.Stats()) }))
	}
	gauge := func(name, help string, f func() float64) {
		m.all = append(m.all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "hellox_history_" + name, Help: help}, f))
	}
	m.all = append(m.all, m.commits)
	counter("received_total", "Arrivals of the stream, ever.", func(s history.Stats) float64 { return float64(s.Received) })
	counter("stored_total", "Messages stored, ever.", func(s history.Stats) float64 { return float64(s.Stored) })
	counter("duplicates_total", "Arrivals that had been stored before, ever.", func(s history.Stats) float64 { return float64(s.Duplicates) })
	counter("reordered_total", "Messages that came after a later one of their sender, ever.", func(s history.Stats) float64 { return float64(s.Reordered) })
	gauge("missed", "Sequence numbers that were jumped over and have not come since.", func() float64 { return float64(s.state.Stats().Missed) })
	gauge("evicted", "Messages that retention has deleted.", func() float64 { return float64(s.evicted.Load()) })
	gauge("damaged", "Stored messages found unreadable on the disk.", func() float64 { return float64(s.damage.count()) })
	gauge("bytes", "Size of the history on the disk.", func() float64 { return float64(s.size()) })
	gauge("degraded", "1 while nothing is acknowledged.", func() float64 {
		if s.state.Degraded() {
			return 1
		}
		return 0
	})
	if registry != nil {
		for _, c := range m.all {
			if err := registry.Register(c); err != nil {
				return nil, fmt.Errorf("register the history's metrics: %w", err)
			}
		}
	}
	return m, nil
}

// committed notes how long a batch took.
func (m *metrics) committed(d time.Duration) { m.commits.Observe(d.Seconds()) }

func (m *metrics) unregister() {
	if m.registry != nil {
		for _, c := range m.all {
			m.registry.Unregister(c)
		}
	}
}
