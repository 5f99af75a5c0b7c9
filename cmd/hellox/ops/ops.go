package ops

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Health is what a role tells about itself. A nil function means that the role has
// nothing to tell there.
type Health struct {
	// Ready returns why the role does not do its work yet or any more, or nil.
	Ready func() error
	// Degraded returns one sentence about what the role cannot do now, or "". It
	// stays ready: a role that is degraded must still be reached.
	Degraded func() string
}

func (h Health) ready() (degraded string, err error) {
	if h.Ready != nil {
		err = h.Ready()
	}
	if h.Degraded != nil {
		degraded = h.Degraded()
	}
	return degraded, err
}

// NewRegistry returns a registry for a role, with the metrics of the process and of Go.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Serve answers /healthz, /readyz and /metrics on address until ctx ends.
// With an empty address it only waits.
func Serve(ctx context.Context, address string, h Health, metrics *prometheus.Registry) error {
	if address == "" {
		<-ctx.Done()
		return nil
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, nil, "") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		degraded, err := h.ready()
		answer(w, err, degraded)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	server := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	select {
	case err = <-served:
		return err
	case <-ctx.Done():
	}
	server.Close()
	if err = <-served; errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// answer writes {"status":"ok"}, {"status":"degraded","detail":…} or, with
// 503, {"status":"failing","detail":…}.
func answer(w http.ResponseWriter, err error, degraded string) {
	type body struct {
		Status string `json:"status"`
		Detail string `json:"detail,omitempty"`
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	b := body{Status: "ok"}
	switch {
	case err != nil:
		w.WriteHeader(http.StatusServiceUnavailable)
		b = body{"failing", err.Error()}
	case degraded != "":
		b = body{"degraded", degraded}
	}
	json.NewEncoder(w).Encode(b)
}
