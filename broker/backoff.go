package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// connectBackoff delays the CONNACK of clients whose messages were refused, longer
// each time: two hundred that reconnect at once would otherwise spin, and keep
// subscribers from emptying the store.
type connectBackoff struct {
	stop <-chan struct{} // closed when the broker begins to stop

	mu       sync.Mutex
	attempts map[string]int // by client id
}

const (
	minConnectBackoff = 100 * time.Millisecond
	maxConnectBackoff = 5 * time.Second
)

var errStopping = errors.New("the broker is stopping")

// refused notes that a message of c was refused.
func (p *connectBackoff) refused(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.attempts == nil || len(p.attempts) > maxSessions { // new ids must not fill it
		p.attempts = map[string]int{}
	}
	p.attempts[c.id]++
}

// reset ends all delays. It is called when messages are accepted again.
func (p *connectBackoff) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.attempts)
}

// wait delays a client's CONNACK. It returns an error if the broker stops.
func (p *connectBackoff) wait(c *conn) error {
	p.mu.Lock()
	n := p.attempts[c.id]
	p.mu.Unlock()
	if n == 0 {
		return nil
	}
	select {
	case <-time.After(min(minConnectBackoff<<min(n-1, 10), maxConnectBackoff)):
		return nil
	case <-p.stop:
		return errStopping
	}
}

// awaited are the sessions of Options.Backpressure: publishers wait while one of them has
// no subscription. What came then would be acknowledged and stored for none of them.
type awaited struct {
	log   *slog.Logger
	count atomic.Int64 // of missing

	mu      sync.Mutex
	missing map[string]struct{} // client IDs of those that have no subscription
	there   chan struct{}       // closed when none is missing
}

// awaitedTimeout is how long a message waits for the sessions. Then it is refused with the
// reason, and its client sends it again.
const awaitedTimeout = 3 * time.Second

func newAwaited(clientIDs []string, log *slog.Logger) *awaited {
	a := &awaited{log: log, missing: map[string]struct{}{}, there: make(chan struct{})}
	for _, id := range clientIDs {
		a.missing[id] = struct{}{}
	}
	a.count.Store(int64(len(a.missing)))
	return a
}

// subscribed notes that a client's session has a subscription, and reports whether
// that ended the wait.
func (a *awaited) subscribed(clientID string) (ended bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.missing[clientID]; !ok {
		return false
	}
	delete(a.missing, clientID)
	a.count.Store(int64(len(a.missing)))
	if len(a.missing) > 0 {
		return false
	}
	close(a.there)
	return true
}

// gone notes that one of the sessions has ended, or has no subscription any more.
func (a *awaited) gone(clientID string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.missing[clientID]; ok {
		return
	}
	if len(a.missing) == 0 {
		a.there = make(chan struct{})
	}
	a.missing[clientID] = struct{}{}
	a.count.Store(int64(len(a.missing)))
	a.log.Warn("publishers wait: a session that --backpressure names has ended or has no subscription", "client", clientID)
}

// names returns the client IDs of those that are missing, or "".
func (a *awaited) names() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return strings.Join(slices.Sorted(maps.Keys(a.missing)), ", ")
}

// wait waits for the sessions, and returns why they may not be waited for any longer.
func (a *awaited) wait(stop <-chan struct{}) error {
	if a.count.Load() == 0 {
		return nil
	}
	a.mu.Lock()
	there := a.there
	a.mu.Unlock()
	timeout := time.NewTimer(awaitedTimeout)
	defer timeout.Stop()
	select {
	case <-there:
		return nil
	case <-stop:
		return errStopping
	case <-timeout.C:
	}
	if names := a.names(); names != "" {
		return fmt.Errorf("nothing is acknowledged while %s has no subscription (--backpressure)", names)
	}
	return nil
}
