package broker

import (
	"context"
	"sync"
	"time"
)

// patience makes clients whose messages were refused wait before their next
// CONNACK, longer each time: two hundred that come back at once would
// otherwise spin, and keep those that would empty the store from doing so.
type patience struct {
	ctx context.Context // ends with the broker

	mu       sync.Mutex
	attempts map[string]int // by client id
}

const (
	firstWait = 100 * time.Millisecond
	lastWait  = 5 * time.Second
)

func (p *patience) refused(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.attempts == nil || len(p.attempts) > maxSessions { // of ever new ids
		p.attempts = map[string]int{}
	}
	p.attempts[c.id]++
}

// forget is called when messages are taken again.
func (p *patience) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.attempts)
}

// wait holds a client's CONNACK back; an error says that the broker ends.
func (p *patience) wait(c *conn) error {
	p.mu.Lock()
	n := p.attempts[c.id]
	p.mu.Unlock()
	if n == 0 {
		return nil
	}
	select {
	case <-time.After(min(firstWait<<min(n-1, 10), lastWait)):
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}
