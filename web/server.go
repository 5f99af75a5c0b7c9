package web

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hellox/history"
	"hellox/stream"
	"hellox/web/origin"
)

// A Client publishes and asks broadcasters. [stream.Conn] is one.
type Client interface {
	// Publish returns once the broker has the message (QoS 0: once it is
	// sent).
	Publish(ctx context.Context, topic string, payload []byte, qos byte, retain bool) error
	// Ask sends a command to the broadcaster of that id and returns its
	// answer and the round trip.
	Ask(ctx context.Context, id string, cmd stream.Command) (stream.Answer, time.Duration, error)
}

// Options say what a Server shows and to whom.
type Options struct {
	Store  history.Store // what is shown; it stays the caller's to close
	Client Client        // nil: publish and command answer 503
	// Name is the installation's, as the page's first line shows it:
	// "kind-hellox · hellox". Nil or "": none. It may change.
	Name func() string
	// Hosts are Host headers to answer to beside localhost, 127.0.0.1 and
	// [::1] with any port: "name:port", or "name" for any port.
	Hosts   []string
	Log     *slog.Logger          // nil: slog's default
	Metrics prometheus.Registerer // nil: none
	Now     func() time.Time      // nil: time.Now
}

// A Server is the API and the page as one http.Handler. Close ends its event
// streams.
type Server struct {
	store    history.Store
	client   Client
	name     func() string
	now      func() time.Time
	log      *slog.Logger
	hub      *hub
	timeline timeline
	streams  chan struct{} // one token an open event stream; full: 503
	started  atomic.Uint64 // event streams begun
	buffers  sync.Pool     // of event streams, see sseWriter
	metrics  *metrics
	handler  http.Handler
}

// New returns a Server that reads opts.Store from now on. The caller closes it.
func New(opts Options) *Server {
	s := &Server{
		store:   opts.Store,
		client:  opts.Client,
		name:    opts.Name,
		now:     opts.Now,
		log:     opts.Log,
		streams: make(chan struct{}, maxStreams),
	}
	if s.name == nil {
		s.name = func() string { return "" }
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.metrics = newMetrics(opts.Metrics, func() float64 { return float64(len(s.streams)) })
	s.hub = newHub(opts.Store, s.log)
	policy := origin.Policy{Hosts: opts.Hosts, Refuse: problem, Log: s.log}
	s.handler = secured(policy.Wrap(s.mux()))
	return s
}

// ServeHTTP answers a request: the origin policy first, then the route.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close ends the event streams and waits for the Server's own reading of the
// Store to stop. Requests under way are not waited for.
func (s *Server) Close() { s.hub.close() }
