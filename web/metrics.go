package web

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts requests and event streams.
type metrics struct {
	requests *prometheus.CounterVec // by route and status
	cut      prometheus.Counter
}

// newMetrics registers the metrics with r, unless it is nil. streams returns
// the number of open event streams.
func newMetrics(r prometheus.Registerer, streams func() float64) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "hellox_web_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"route", "status"}),
		cut: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "hellox_web_streams_cut_total", Help: "Event streams cut off because the client did not keep up.",
		}),
	}
	if r != nil {
		r.MustRegister(m.requests, m.cut, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "hellox_web_streams", Help: "Event streams open now.",
		}, streams))
	}
	return m
}

// count wraps the handler of a route and counts its answers.
func (m *metrics) count(route string, next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next(recorder, r)
		m.requests.WithLabelValues(route, strconv.Itoa(recorder.status)).Inc()
	})
}

// A statusWriter remembers the status that was written.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController flush and set deadlines.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
