package broker

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are always counted, and registered if Options.Metrics is set.
type metrics struct {
	log            *slog.Logger
	connections    prometheus.Gauge
	accepted       prometheus.Counter
	acceptErrors   prometheus.Counter
	refusals       *prometheus.CounterVec // by reason
	received       *prometheus.CounterVec // by QoS
	delivered      *prometheus.CounterVec // by QoS
	deliveredQoS   [3]prometheus.Counter
	receivedQoS    [3]prometheus.Counter
	bytesOut       prometheus.Counter
	slowClients    prometheus.Counter
	sessionCount   prometheus.Gauge
	sessionsEnded  *prometheus.CounterVec // by reason
	retainedCount  prometheus.Gauge
	retainedDenied prometheus.Counter
	storeBytes     prometheus.Gauge
	isDegraded     prometheus.Gauge
	commits        prometheus.Histogram
	panics         prometheus.Counter
	unreleased     prometheus.Gauge
	subscriptions  prometheus.Gauge
	inflight       prometheus.Gauge
	sharedCount    prometheus.Gauge
	sharedMembers  *prometheus.GaugeVec // by topic filter
	handedOver     prometheus.Counter
	fullestSession prometheus.Gauge
	backpressure   prometheus.Gauge
	awaited        prometheus.Gauge
	halfOpen       prometheus.Gauge
	waitingBytes   prometheus.Gauge
	silentClients  prometheus.Counter
	sharedLosses   prometheus.Counter
	sharedLost     prometheus.Counter
}

func newMetrics(r prometheus.Registerer, log *slog.Logger) (*metrics, error) {
	const space = "hellox_broker_"
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: space + name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: space + name, Help: help})
	}
	counters := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: space + name, Help: help}, []string{label})
	}
	m := &metrics{
		log:            log,
		connections:    gauge("connections", "Open connections."),
		accepted:       counter("accepted_total", "Connections accepted."),
		acceptErrors:   counter("accept_errors_total", "Errors in accepting connections; each is retried."),
		refusals:       counters("refused_total", "Connections and packets refused.", "reason"),
		received:       counters("messages_received_total", "Messages received from publishers.", "qos"),
		delivered:      counters("messages_sent_total", "Messages sent to subscribers.", "qos"),
		bytesOut:       counter("sent_bytes_total", "Bytes written to clients."),
		slowClients:    counter("slow_clients_total", "Clients disconnected because they read too slowly."),
		sessionCount:   gauge("sessions", "Sessions of clients that are connected or may come back."),
		sessionsEnded:  counters("sessions_ended_total", "Sessions that outlived their connection and ended.", "reason"),
		retainedCount:  gauge("retained", "Retained messages."),
		retainedDenied: counter("retained_refused_total", "Messages delivered but not retained: the limit of retained messages is reached."),
		storeBytes:     gauge("store_bytes", "Bytes of messages stored for sessions."),
		isDegraded:     gauge("degraded", "1 while publishers get no acknowledgement."),
		panics:         counter("panics_total", "Connections closed by a panic in handling them."),
		subscriptions:  gauge("subscriptions", "Topic filters of sessions."),
		inflight:       gauge("inflight", "Messages sent to clients and not acknowledged."),
		sharedCount:    gauge("shared_subscriptions", "Shared subscriptions: different names and topic filters."),
		sharedMembers:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: space + "shared_members", Help: "Sessions that share a subscription."}, []string{"subscription"}),
		handedOver:     counter("shared_handed_over_total", "Messages of shared subscriptions that one member did not acknowledge and another was sent."),
		fullestSession: gauge("session_quota_used_ratio", "The part of its quota that waits for the session that is nearest to it; at 1 it ends."),
		backpressure:   gauge("backpressure_ratio", "The part of the journal that waits for the fullest session of --backpressure; at 1 publishers get no acknowledgement."),
		awaited:        gauge("awaited_sessions", "Sessions of --backpressure without a subscription: while there is one, publishers get no acknowledgement."),
		unreleased:     gauge("qos2_unreleased", "Messages taken at QoS 2 whose publishers have not released them."),
		halfOpen:       gauge("half_open", "Connections whose CONNECT has not come."),
		waitingBytes:   gauge("waiting_bytes", "Bytes that wait for clients that read slowly."),
		silentClients:  counter("silent_clients_total", "Clients disconnected because nothing, or no whole packet, came in time."),
		sharedLosses:   counter("shared_losses_total", "Times that all that waited for a shared subscription, and was with no member, was lost, because it was too much."),
		sharedLost:     counter("shared_lost_total", "Messages of shared subscriptions that were lost because members did not acknowledge too much, or because the most waited for members that were away or full."),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: space + "commit_seconds", Help: "Time to write and sync a batch.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
		}),
	}
	for qos, label := range []string{"0", "1", "2"} {
		m.receivedQoS[qos] = m.received.WithLabelValues(label)
		m.deliveredQoS[qos] = m.delivered.WithLabelValues(label)
	}
	if r == nil {
		return m, nil
	}
	return m, m.register(r)
}

func (m *metrics) register(r prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{
		m.connections, m.accepted, m.acceptErrors, m.refusals, m.received, m.delivered, m.bytesOut, m.slowClients,
		m.sessionCount, m.sessionsEnded, m.retainedCount, m.retainedDenied, m.storeBytes, m.isDegraded, m.commits, m.panics, m.unreleased, m.subscriptions, m.inflight,
		m.sharedCount, m.sharedMembers, m.handedOver,
		m.fullestSession, m.backpressure, m.awaited, m.halfOpen, m.waitingBytes, m.silentClients, m.sharedLosses, m.sharedLost,
	} {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}

func (m *metrics) refused(reason string) { m.refusals.WithLabelValues(reason).Inc() }
func (m *metrics) sent(qos byte)         { m.deliveredQoS[qos].Inc() }
func (m *metrics) sentBytes(n int)       { m.bytesOut.Add(float64(n)) }
