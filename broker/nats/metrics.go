package nats

import (
	"github.com/nats-io/nats-server/v2/server"
	"github.com/prometheus/client_golang/prometheus"
)

const metricsSpace = "hellox_nats_"

// metrics are always counted, and registered if Options.Metrics is set.
type metrics struct {
	refused *prometheus.CounterVec // by reason
}

func newMetrics() *metrics {
	return &metrics{refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: metricsSpace + "refused_total", Help: "Clients that were not let in."}, []string{"reason"})}
}

// registerMetrics registers what the node counts, and what nats-server does when it is
// asked.
func registerMetrics(n *Node, r prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{n.metrics.refused, collector{n}} {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// A collector reads the counts of nats-server.
type collector struct{ node *Node }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(metricsSpace+name, help, labels, nil)
}

// ownConnections are those of the node to itself.
const ownConnections = 2

var (
	descConnections = desc("connections", "Open connections of clients.")
	descRoutes      = desc("routes", "Connections to the other nodes.")
	descReceived    = desc("received_total", "Messages received from clients and other nodes.")
	descSent        = desc("sent_total", "Messages sent to clients and other nodes.")
	descSlow        = desc("slow_clients_total", "Clients disconnected because they read too slowly.")
	descStore       = desc("store_bytes", "Bytes of streams on this node's disk.")
	descMessages    = desc("stream_messages", "Messages of a stream.", "stream")
	descBytes       = desc("stream_bytes", "Bytes of a stream.", "stream")
	descLeader      = desc("stream_leader", "1 if this node leads the stream.", "stream")
)

// Describe implements prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descConnections, descRoutes, descReceived, descSent, descSlow, descStore, descMessages, descBytes, descLeader} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v)
	}
	if v, err := c.node.server.Varz(nil); err == nil {
		gauge(descConnections, float64(max(v.Connections-ownConnections, 0)))
		gauge(descRoutes, float64(v.Routes))
		counter(descReceived, float64(v.InMsgs))
		counter(descSent, float64(v.OutMsgs))
		counter(descSlow, float64(v.SlowConsumers))
	}
	info, err := c.node.server.Jsz(&server.JSzOptions{Streams: true, Config: true})
	if err != nil {
		return // it is starting or ending
	}
	gauge(descStore, float64(info.Store))
	for _, account := range info.AccountDetails {
		for i := range account.Streams {
			s := &account.Streams[i]
			gauge(descMessages, float64(s.State.Msgs), s.Name)
			gauge(descBytes, float64(s.State.Bytes), s.Name)
			leads := s.Cluster == nil || s.Cluster.Leader == c.node.opts.Name
			gauge(descLeader, map[bool]float64{true: 1}[leads], s.Name)
		}
	}
}
