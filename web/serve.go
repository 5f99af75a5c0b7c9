package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// writeTimeout is how long an answer may take to be written.
const writeTimeout = 30 * time.Second

// drainTime is how long requests in progress may take once ctx has ended.
const drainTime = 2 * time.Second

// Serve serves on ln and on the listener of opts.Login until ctx ends: then event
// streams end at once, requests in progress have two seconds, and Serve returns
// nil. It closes the listeners. ln may be nil if there is a Login.
func Serve(ctx context.Context, ln net.Listener, opts Options) error {
	s := New(opts)
	defer s.Close()
	group, ctx := errgroup.WithContext(ctx)
	if ln != nil {
		group.Go(func() error { return s.serve(ctx, ln, s.handler) })
	}
	if opts.Login != nil {
		group.Go(func() error { return s.serve(ctx, opts.Login.Listener, s.guarded) })
	}
	return group.Wait()
}

func (s *Server) serve(ctx context.Context, ln net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second, // event streams lift it
		WriteTimeout:      writeTimeout,     // event streams and exports set their own
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    4 * maxHeader,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the page on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	s.Close() // ends the event streams, which Shutdown would wait for
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		if err := server.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			s.log.Warn("close the page's connections", "error", err)
		}
	}
	<-failed
	return nil
}
