package main

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

// health is what a role tells of itself on its ops listener. What a role has
// nothing to tell of stays nil.
type health struct {
	// Ready tells why the role does not do its work yet or any more; no error: it does.
	Ready func() error
	// Alive tells why the process should be restarted; no error: it should not.
	Alive func() error
	// Degraded is one sentence of what the role cannot do now, or "". It
	// stays ready: a role that is degraded must still be reached.
	Degraded func() string
}

func (h health) alive() error {
	if h.Alive == nil {
		return nil
	}
	return h.Alive()
}

func (h health) ready() (degraded string, err error) {
	if h.Ready != nil {
		err = h.Ready()
	}
	if h.Degraded != nil {
		degraded = h.Degraded()
	}
	return degraded, err
}

// newRegistry makes a role's metrics with those of the process and of Go.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// serveOps answers /healthz, /readyz and /metrics on address until ctx ends.
// With an empty address it only waits.
func serveOps(ctx context.Context, address string, h health, metrics *prometheus.Registry) error {
	if address == "" {
		<-ctx.Done()
		return nil
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, h.alive(), "") })
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
