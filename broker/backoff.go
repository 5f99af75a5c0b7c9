package broker

import (
	"errors"
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
