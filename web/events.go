package web

import (
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
	open   map[uint64]history.Follower // of the stream of that number; closing it ends the stream
	closed bool                        // no stream begins any more
}

func (h *eventsHandler) get(w http.ResponseWriter, r *http.Request) error {
	follow, err := following(r)
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
	c := h.stream(w, r, follow)
	h.ended(r, c.run())
	return nil
}

// following parses the parameters of GET /api/events.
func following(r *http.Request) (*history.Follow, error) {
	values, err := parameters(r, "after", "topic", "sender", "filter")
	if err != nil {
		return nil, err
	}
	sel, err := selection(values)
	if err != nil {
		return nil, err
	}
	after := history.Now
	// The id that the client received last takes precedence over the one that
	// its address began with.
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		after, err = id("Last-Event-ID", last)
	} else if values.Has("after") {
		after, err = id("after", values.Get("after"))
	}
	return &history.Follow{After: after, Select: sel, JSON: true}, err
}

// ended counts a stream that was cut off. A client that leaves is not an error, nor
// is a server that closes. But a write that took too long ends r's context as well.
func (h *eventsHandler) ended(r *http.Request, err error) {
	over := r.Context().Err() != nil || h.isClosed()
	if err != nil && (!over || errors.Is(err, os.ErrDeadlineExceeded)) {
		h.metrics.cut.Inc()
		h.log.Info("event stream cut off", "client", r.RemoteAddr, "cause", err)
	}
}

// pause returns how long a stream is not written to after events: nothing to see for a
// person who watches a few messages, nothing to pay for a thousand clients.
func (h *eventsHandler) pause(events int) time.Duration {
	return min(frameTime, shortest+time.Duration(len(h.streams))*perStream+time.Duration(events-1)*perEvent)
}

// stream begins the stream of one client, which run writes.
func (h *eventsHandler) stream(w http.ResponseWriter, r *http.Request, follow *history.Follow) *sseWriter {
	n := h.started.Add(1)
	// Before the head is written: the client gets every event after that.
	follower := h.store.Follow(*follow)
	h.enter(n, follower)
	return &sseWriter{number: n, w: w, control: http.NewResponseController(w), handler: h, from: follower, client: r.Context().Err,
		sender: follow.Sender, podsTold: h.pods.version()}
}

// enter makes close end stream n, at once if the server is closed.
func (h *eventsHandler) enter(n uint64, follower history.Follower) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open[n] = follower
	if h.closed {
		_ = follower.Close()
	}
}

func (h *eventsHandler) leave(n uint64, follower history.Follower) {
	h.mu.Lock()
	delete(h.open, n)
	h.mu.Unlock()
	_ = follower.Close()
}

// close ends every stream.
func (h *eventsHandler) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, follower := range h.open {
		_ = follower.Close()
	}
}

func (h *eventsHandler) isClosed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed
}
