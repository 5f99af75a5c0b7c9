package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"hellox/history"
)

// The policy of the event streams. The system call is what they cost, so a
// client is written to at most once a frameTime; whoever takes longer than
// writeTime for a write is cut off and comes back by Last-Event-ID.
const (
	maxStreams   = 512
	maxFrame     = 64 << 10 // bytes, and one event
	frameTime    = 50 * time.Millisecond
	writeTime    = 10 * time.Second
	heartbeat    = 15 * time.Second
	catchUpLimit = 1000 // messages a page of the history
)

// errCut ends a stream whose client did not keep up.
var errCut = errors.New("the client did not keep up")

// An eventsHandler answers GET /api/events: Server-Sent Events, first what the
// history holds after the id that the client knows, then what comes.
type eventsHandler struct {
	store   history.Store
	hub     *hub
	log     *slog.Logger
	metrics *metrics
	streams chan struct{} // one token an open event stream; full: 503
	started atomic.Uint64 // event streams begun
	buffers sync.Pool     // of event streams, see sseWriter
}

func (h *eventsHandler) get(w http.ResponseWriter, r *http.Request) error {
	values, err := parameters(r, "after", "topic", "sender", "filter")
	if err != nil {
		return err
	}
	sel, err := selection(values)
	if err != nil {
		return err
	}
	after := history.Now
	// What the client got last says more than the address that it began with.
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		after, err = id("Last-Event-ID", last)
	} else if values.Has("after") {
		after, err = id("after", values.Get("after"))
	}
	if err != nil {
		return err
	}
	select {
	case h.streams <- struct{}{}:
		defer func() { <-h.streams }()
	default:
		w.Header().Set("Retry-After", "5")
		return &statusError{http.StatusServiceUnavailable, fmt.Sprintf("all %d event streams are in use", maxStreams)}
	}
	err = h.stream(w, r, sel, after)
	// Leaving is no failure, nor is being sent home. But a write that took too
	// long ends r's context as leaving does.
	over := r.Context().Err() != nil || h.hub.ctx.Err() != nil
	if err != nil && (!over || errors.Is(err, os.ErrDeadlineExceeded)) {
		h.metrics.cut.Inc()
		h.log.Info("event stream cut off", "client", r.RemoteAddr, "cause", err)
	}
	return nil
}

// stream writes until the client leaves, falls behind, or the hub closes.
func (h *eventsHandler) stream(w http.ResponseWriter, r *http.Request, sel history.Select, after int64) error {
	ring, leave := h.hub.join(sel)
	defer leave()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(h.hub.ctx, cancel)()

	c := &sseWriter{w: w, control: http.NewResponseController(w), idle: &h.buffers, last: after}
	// Before the head is written: what comes once the client has that is its.
	position := ring.position()
	if err := c.begin(h.started.Add(1)); err != nil {
		return err
	}
	if after != history.Now {
		if err := h.catchUp(ctx, c, sel); err != nil {
			return err
		}
		// Far behind, that took long. The rest is short.
		position = ring.position()
		if err := h.catchUp(ctx, c, sel); err != nil {
			return err
		}
	}
	return c.follow(ctx, ring, position)
}

// catchUp writes what the history holds after c.last.
func (h *eventsHandler) catchUp(ctx context.Context, c *sseWriter, sel history.Select) error {
	stats, err := h.store.Stats(ctx)
	if err != nil {
		return fmt.Errorf("read the history's bounds: %w", err)
	}
	if c.last > stats.LastID {
		// An id from the future is one of another history, which was here
		// before: there is nothing to resume.
		c.last = stats.LastID
	}
	if c.last+1 < stats.FirstID && c.last > 0 {
		c.buffer = append(c.buffer, evictedFrame(stats.FirstID-1)...)
	}
	for next := c.last; ; {
		page, err := h.store.Messages(ctx, history.Query{After: next, FromStart: next == 0, Select: sel, Limit: catchUpLimit})
		if err != nil {
			return fmt.Errorf("read the history after %d: %w", next, err)
		}
		for i := range page.Messages {
			m := &page.Messages[i]
			c.buffer = append(c.buffer, messageFrame(m.ID, nil, m.AppendJSON)...)
			c.last = m.ID
			if len(c.buffer) >= maxFrame {
				if err := c.flush(); err != nil {
					return err
				}
			}
		}
		if page.Next == 0 {
			return c.flush()
		}
		if len(page.Messages) == 0 {
			// A sparse filter: the next page may take as long.
			c.buffer = append(c.buffer, ":\n\n"...)
		}
		if err := c.flush(); err != nil {
			return err
		}
		next = page.Next
	}
}
