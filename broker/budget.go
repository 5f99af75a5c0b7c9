package broker

import (
	"sync"
	"sync/atomic"
)

// A budget limits what all clients together may hold.
type budget struct {
	used       atomic.Int64 // bytes that wait for clients that read slowly
	unreleased atomic.Int64 // messages taken at QoS 2 whose publishers have not released them

	open func() []*conn // returns all connections
	mu   sync.Mutex     // held while one is chosen to be closed
}

const (
	clientBudget = 16 << 20 // bytes of one connection
	totalBudget  = 64 << 20 // bytes of all; beyond it those that hold most are closed
)

// take counts n bytes as c's. If that is too much for one connection, or c is
// the one that holds most of what is too much in all, it closes c and returns
// false.
func (b *budget) take(c *conn, n int) bool {
	own, all := c.pendingBytes.Add(int64(n)), b.used.Add(int64(n))
	if own <= clientBudget && (all <= totalBudget || b.makeRoom(c)) {
		return true
	}
	b.give(c, n)
	if own > clientBudget {
		c.closeSlow("too much waits for it")
	}
	return false
}

// makeRoom closes the connections that hold most, until those that are left hold
// no more than all may. It returns false if c is closed.
func (b *budget) makeRoom(c *conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		var all, most int64
		var largest *conn
		for _, o := range b.open() {
			if o.isClosed() {
				continue // it gives back what it holds
			}
			held := o.pendingBytes.Load()
			if all += held; held > most {
				largest, most = o, held
			}
		}
		if all <= totalBudget || largest == nil {
			return !c.isClosed()
		}
		largest.closeSlow("too much waits for all clients together, and most of it for it")
	}
}

// scarce reports whether so much is used that feeders take less.
func (b *budget) scarce() bool { return b.used.Load() > totalBudget/2 }

// give returns n bytes.
func (b *budget) give(c *conn, n int) {
	c.pendingBytes.Add(int64(-n))
	b.used.Add(int64(-n))
}
