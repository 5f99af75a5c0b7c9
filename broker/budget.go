package broker

import "sync/atomic"

// A budget limits what all clients together may hold.
type budget struct {
	used       atomic.Int64 // bytes that wait for clients that read slowly
	unreleased atomic.Int64 // messages taken at QoS 2 whose publishers have not released them
}

const (
	clientBudget = 16 << 20 // bytes of one connection
	totalBudget  = 64 << 20 // bytes of all; beyond it, a connection with more than a 16th of clientBudget is closed
)

// take counts n bytes as c's. If that is too much, it closes c and returns
// false.
func (b *budget) take(c *conn, n int) bool {
	own, all := c.pendingBytes.Add(int64(n)), b.used.Add(int64(n))
	if own <= clientBudget && (all <= totalBudget || own <= clientBudget/16) {
		return true
	}
	b.give(c, n)
	c.closeSlow("too much waits for it")
	return false
}

// give returns n bytes.
func (b *budget) give(c *conn, n int) {
	c.pendingBytes.Add(int64(-n))
	b.used.Add(int64(-n))
}
