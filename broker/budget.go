package broker

import "sync/atomic"

// A budget bounds the bytes that wait for clients that read slowly.
type budget struct {
	perClient int64 // a connection's most
	total     int64 // of all; beyond it, who holds more than a 16th of each is cut off
	used      atomic.Int64
}

const (
	clientBudget = 16 << 20
	totalBudget  = 64 << 20
)

// take counts n bytes to c. If that is too much, c is cut off and false
// returned.
func (b *budget) take(c *conn, n int) bool {
	own, all := c.pendingBytes.Add(int64(n)), b.used.Add(int64(n))
	if own <= b.perClient && (all <= b.total || own <= b.perClient/16) {
		return true
	}
	b.give(c, n)
	c.closeSlow("too much waits for it")
	return false
}

// give takes n bytes off again.
func (b *budget) give(c *conn, n int) {
	c.pendingBytes.Add(int64(-n))
	b.used.Add(int64(-n))
}
