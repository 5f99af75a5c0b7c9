package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"hellox/web/origin"
	"hellox/web/standby"
)

// writeTimeout is how long an answer may take to be written.
const writeTimeout = 30 * time.Second

// drainTime is how long requests in progress may take once ctx has ended.
const drainTime = 2 * time.Second

// Serve serves on ln and on the listener of opts.Login until ctx ends: then event
// streams end at once, requests in progress have two seconds, and Serve returns
// nil. It closes the listeners. ln may be nil if there is a Login. Until there is a
// Store, each request is answered with 503 (opts.Later).
func Serve(ctx context.Context, ln net.Listener, opts Options) error {
	p := &served{log: opts.Log}
	if p.log == nil {
		p.log = slog.Default()
	}
	defer p.close()
	group, ctx := errgroup.WithContext(ctx)
	if opts.Later == nil {
		p.show(New(opts))
	} else {
		p.wait(&opts)
		group.Go(func() error {
			select {
			case opts.Store = <-opts.Later.Store:
				p.show(New(opts))
			case <-ctx.Done():
			}
			return nil
		})
	}
	if ln != nil {
		group.Go(func() error { return p.serve(ctx, ln, &p.open) })
	}
	if opts.Login != nil {
		group.Go(func() error { return p.serve(ctx, opts.Login.Listener, &p.guarded) })
	}
	return group.Wait()
}

// served is what is served at a time: first why there is no Store, then a Server.
type served struct {
	log           *slog.Logger
	server        atomic.Pointer[Server] // nil: there is none yet
	open, guarded handler
}

// A handler passes requests to another one, which may be exchanged.
type handler struct{ now atomic.Pointer[http.Handler] }

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { (*h.now.Load()).ServeHTTP(w, r) }

// wait answers with why there is no Store. Beyond loopback, where nothing has been
// asked of the client, the cause is not named.
func (p *served) wait(opts *Options) {
	policy := origin.Policy{Hosts: opts.Hosts, Refuse: problem, Log: p.log}
	open := secured(policy.Wrap(standby.Handler(opts.Later.Why, problem)))
	p.open.now.Store(&open)
	if opts.Login != nil {
		policy.Hosts = opts.Login.Hosts
		guarded := secured(policy.Wrap(standby.Handler(standby.Unnamed, problem)))
		p.guarded.now.Store(&guarded)
	}
}

func (p *served) show(s *Server) {
	p.server.Store(s)
	p.open.now.Store(&s.handler)
	p.guarded.now.Store(&s.guarded)
}

// close ends the event streams.
func (p *served) close() {
	if s := p.server.Load(); s != nil {
		s.Close()
	}
}

func (p *served) serve(ctx context.Context, ln net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second, // event streams lift it
		WriteTimeout:      writeTimeout,     // event streams and exports set their own
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    4 * maxHeader,
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the page on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	p.close() // ends the event streams, which Shutdown would wait for
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		if err := server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			p.log.Warn("close the page's connections", "error", err)
		}
	}
	<-failed
	return nil
}
