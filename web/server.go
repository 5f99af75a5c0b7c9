package web

import (
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"hellox/history"
	"hellox/stream"
	"hellox/web/origin"
	"hellox/web/pods"
	"hellox/web/standby"
)

// Options configures a Server.
type Options struct {
	Store history.Store // the caller closes it
	// Later is where the Store comes from that is not open yet. Nil: it is Store. Of Serve.
	Later  *Later
	Client Client // nil: publish and command answer 503
	// Retained reads what the broker retains. Nil: GET /api/retained answers 503.
	Retained EachRetained
	// Topics are the topic filters of what is stored. Nil: hello_world/#.
	Topics []string
	// Shared says that Store is that of several receivers, which store what the broker has
	// acknowledged: QoS 0 is not.
	Shared bool
	// Name returns the installation's name, which the page shows in its first
	// line: "kind-hellox · hellox". Nil or "": none. It may change.
	Name func() string
	// Hosts are Host headers to answer to beside localhost, 127.0.0.1 and
	// [::1] with any port: "name:port", or "name" for any port.
	Hosts []string
	// Login is how the page is reached beyond loopback. Nil: it is not.
	Login   *Login
	Log     *slog.Logger          // nil: slog's default
	Metrics prometheus.Registerer // nil: none
}

// A Later is a Store that is not open yet.
type Later struct {
	Store <-chan history.Store // hands it out once
	Why   standby.Why
}

// A Server is the API and the page as one http.Handler. Close ends its event
// streams.
type Server struct {
	events  *eventsHandler
	routes  []route
	handler http.Handler
	guarded http.Handler // for Options.Login; nil without
}

// New returns a Server of opts.Store. The caller closes it.
func New(opts Options) *Server {
	if opts.Name == nil {
		opts.Name = func() string { return "" }
	}
	if opts.Topics == nil {
		opts.Topics = []string{stream.TopicStream}
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	streams := make(chan struct{}, maxStreams)
	metrics := newMetrics(opts.Metrics, func() float64 { return float64(len(streams)) })
	events := &eventsHandler{store: opts.Store, log: opts.Log, metrics: metrics, streams: streams,
		totals: &totals{stats: statsHandler{opts.Store, opts.Name}},
		pods:   &podNews{store: opts.Store, known: new(pods.Known)}, open: map[uint64]history.Follower{}}
	api := routes(&opts, events)
	policy := origin.Policy{Hosts: opts.Hosts, Refuse: problem, Log: opts.Log}
	s := &Server{events: events, routes: api, handler: secured(policy.Wrap(mux(api, files(opts.Store), metrics, opts.Log)))}
	if opts.Login != nil {
		policy.Hosts = opts.Login.Hosts
		s.guarded = secured(policy.Wrap(guarded(opts.Login.Guard, mux(api, files(nil), metrics, opts.Log))))
	}
	return s
}

// ServeHTTP answers a request: the origin policy first, then the route.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close ends the event streams. Requests under way are not waited for.
func (s *Server) Close() { s.events.close() }
