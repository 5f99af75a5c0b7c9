package broadcast

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count what the broadcasters of one process do, together: a
// label for each would be too many.
type metrics struct {
	published    prometheus.Counter
	acknowledged prometheus.Counter
	blocked      prometheus.Counter
	pending      prometheus.Gauge
	connected    prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "hellox", Subsystem: "broadcast", Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "hellox", Subsystem: "broadcast", Name: name, Help: help})
	}
	m := &metrics{
		published:    counter("published_total", "Messages published, each counted once however often it is sent."),
		acknowledged: counter("acknowledged_total", "Messages of QoS 1 and 2 that the broker has acknowledged."),
		blocked:      counter("held_total", "Times that nothing was published because too many messages waited for the broker."),
		pending:      gauge("waiting", "Messages that the broker has not acknowledged (of QoS 0: that were not sent)."),
		connected:    gauge("connected", "Broadcasters with a connection to the broker."),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.published, m.acknowledged, m.blocked, m.pending, m.connected} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}
