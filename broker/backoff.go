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

	"github.com/prometheus/client_golang/prometheus"
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
	log     *slog.Logger
	metric  prometheus.Gauge // count
	changed func()           // called when one comes or goes; it must not block
	count   atomic.Int64     // of missing

	mu      sync.Mutex
	missing map[string]struct{} // client IDs of those that have no subscription
	since   time.Time           // when the first of them was missed
	there   chan struct{}       // closed when none is missing
}

// awaitedTimeout is how long a message waits for the sessions. Then it is refused with the
// reason, and its client sends it again.
const awaitedTimeout = 3 * time.Second

// awaitedNews is how long a session has been missing when clients are told of it: a receiver
// that starts beside its broker is no news.
const awaitedNews = 10 * time.Second

func newAwaited(clientIDs []string, log *slog.Logger, metric prometheus.Gauge, changed func()) *awaited {
	a := &awaited{log: log, metric: metric, changed: changed, missing: map[string]struct{}{}, since: time.Now(), there: make(chan struct{})}
	for _, id := range clientIDs {
		a.missing[id] = struct{}{}
	}
	a.counted()
	return a
}

// counted notes how many are missing now. The caller holds a.mu, but newAwaited.
func (a *awaited) counted() {
	n := len(a.missing)
	a.count.Store(int64(n))
	a.metric.Set(float64(n))
	a.changed()
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
	a.counted()
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
		a.there, a.since = make(chan struct{}), time.Now()
	}
	a.missing[clientID] = struct{}{}
	a.counted()
	a.log.Warn("publishers wait: a session that --backpressure names has ended or has no subscription", "client", clientID)
}

// names returns the client IDs of those that are missing, or "".
func (a *awaited) names() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.list()
}

// list is names. The caller holds a.mu.
func (a *awaited) list() string { return strings.Join(slices.Sorted(maps.Keys(a.missing)), ", ") }

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
	if cause, _ := a.degraded(); cause != "" {
		return errors.New(cause)
	}
	return nil
}

// degraded returns why nothing is acknowledged, in one sentence, and since when; "" while
// no session is missing.
func (a *awaited) degraded() (cause string, since time.Time) {
	if a.count.Load() == 0 {
		return "", time.Time{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.missing) == 0 {
		return "", time.Time{}
	}
	return fmt.Sprintf("nothing is acknowledged while %s has no subscription (--backpressure)", a.list()), a.since
}
