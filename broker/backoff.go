package broker

import (
	"context"
	"sync"
	"time"
)

// connectBackoff makes clients whose messages were refused wait before their next
// CONNACK, longer each time: two hundred that come back at once would
// otherwise spin, and keep those that would empty the store from doing so.
type connectBackoff struct {
	ctx context.Context // ends with the broker

	mu       sync.Mutex
	attempts map[string]int // by client id
}

const (
	minConnectBackoff = 100 * time.Millisecond
	maxConnectBackoff = 5 * time.Second
)

func (p *connectBackoff) refused(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.attempts == nil || len(p.attempts) > maxSessions { // of ever new ids
		p.attempts = map[string]int{}
	}
	p.attempts[c.id]++
}

// reset is called when messages are taken again.
func (p *connectBackoff) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.attempts)
}

// wait holds a client's CONNACK back; an error says that the broker ends.
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
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}
