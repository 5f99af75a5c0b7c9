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

// The policy of the event streams. The system call is what they cost, so after a
// write a client is not written to for a while: shortest while there is little to
// write to few clients, frameTime under load. A client that takes longer than
// writeTime for a write is cut off and resumes by Last-Event-ID. One that only
// falls behind the ring of recent events, as all do when a batch is larger than
// the ring, reads on in the history.
const (
	maxStreams = 512
	maxFrame   = 64 << 10 // bytes, and one event
	shortest   = 4 * time.Millisecond
	perStream  = 100 * time.Microsecond // added to shortest for each open stream
	perEvent   = 400 * time.Microsecond // and for each event of the write before: 50 writes a second of 2,000 events
	frameTime  = 50 * time.Millisecond
	burst      = 256 // events at once after which more are probably waiting
	writeTime  = 10 * time.Second
)

// An eventsHandler answers GET /api/events: Server-Sent Events, first what the
// history holds after the id that the client knows, then new events.
type eventsHandler struct {
	store   history.Store
	log     *slog.Logger
	metrics *metrics
	streams chan struct{} // one token for each open event stream; full: 503
	started atomic.Uint64 // event streams begun
	buffers sync.Pool     // of event streams, see sseWriter
	totals  *totals
	pods    *podNews

	mu     sync.Mutex
	open   map[uint64]context.CancelFunc // ends the stream of that number
	closed bool                          // no stream begins any more
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
	// The id that the client received last takes precedence over the one that
	// its address began with.
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
	// A client that leaves is not an error, nor is a server that closes. But a
	// write that took too long ends r's context as well.
	over := r.Context().Err() != nil || h.isClosed()
	if err != nil && (!over || errors.Is(err, os.ErrDeadlineExceeded)) {
		h.metrics.cut.Inc()
		h.log.Info("event stream cut off", "client", r.RemoteAddr, "cause", err)
	}
	return nil
}

// pause returns how long a stream is not written to after events: nothing to see for a
// person who watches a few messages, nothing to pay for a thousand clients.
func (h *eventsHandler) pause(events int) time.Duration {
	return min(frameTime, shortest+time.Duration(len(h.streams))*perStream+time.Duration(events-1)*perEvent)
}

// stream writes until the client leaves, takes too long, or the server closes.
func (h *eventsHandler) stream(w http.ResponseWriter, r *http.Request, sel history.Select, after int64) error {
	n := h.started.Add(1)
	ctx, leave := h.enter(r.Context(), n)
	defer leave()
	// Before the head is written: the client gets every event after that.
	follower := h.store.Follow(history.Follow{After: after, Select: sel, JSON: true})
	defer func() { _ = follower.Close() }()
	c := &sseWriter{w: w, control: http.NewResponseController(w), idle: &h.buffers, totals: h.totals, pods: h.pods, sender: sel.Sender, podsTold: h.pods.version(), pause: h.pause}
	if err := c.begin(n); err != nil {
		return err
	}
	return c.follow(ctx, follower)
}

// enter returns the context of stream n, which ends with its request or with
// close.
func (h *eventsHandler) enter(parent context.Context, n uint64) (ctx context.Context, leave func()) {
	ctx, cancel := context.WithCancel(parent)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		cancel()
	} else {
		h.open[n] = cancel
	}
	return ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.open, n)
		cancel()
	}
}

// close ends every stream.
func (h *eventsHandler) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, cancel := range h.open {
		cancel()
	}
}

func (h *eventsHandler) isClosed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed
}
