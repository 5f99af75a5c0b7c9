package broker

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
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

// A beginning is what publishers wait for: that each session of Options.Backpressure
// subscribes for the first time. What came before would be acknowledged and stored for
// none of them.
type beginning struct {
	mu      sync.Mutex
	missing map[string]struct{} // client IDs
	begun   chan struct{}       // closed when none is missing
}

// beginningTimeout is how long a message waits for the beginning. Then it is refused
// with the reason, and its client sends it again.
const beginningTimeout = 3 * time.Second

func newBeginning(clientIDs []string) *beginning {
	b := &beginning{missing: map[string]struct{}{}, begun: make(chan struct{})}
	for _, id := range clientIDs {
		b.missing[id] = struct{}{}
	}
	if len(b.missing) == 0 {
		close(b.begun)
	}
	return b
}

// subscribed notes that a client's session has a subscription, and reports whether
// that ended the wait.
func (b *beginning) subscribed(clientID string) (ended bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.missing[clientID]; !ok {
		return false
	}
	delete(b.missing, clientID)
	if len(b.missing) > 0 {
		return false
	}
	close(b.begun)
	return true
}

// wait waits for the beginning, and returns why it may not be waited for any longer.
func (b *beginning) wait(stop <-chan struct{}) error {
	select {
	case <-b.begun:
		return nil
	default:
	}
	timeout := time.NewTimer(beginningTimeout)
	defer timeout.Stop()
	select {
	case <-b.begun:
		return nil
	case <-stop:
		return errStopping
	case <-timeout.C:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.missing) == 0 {
		return nil
	}
	return fmt.Errorf("nothing is acknowledged before %s has subscribed for the first time (--backpressure)", strings.Join(slices.Sorted(maps.Keys(b.missing)), ", "))
}
