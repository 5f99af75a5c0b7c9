package broker

import "sync/atomic"

// A budget bounds the bytes that wait for clients that read slowly.
type budget struct {
	each int64 // a connection's most
	all  int64 // of all; beyond it, who holds more than a 16th of each is cut off
	held atomic.Int64
}

const (
	budgetEach = 16 << 20
	budgetAll  = 64 << 20
)

// take counts n bytes to c. If that is too much, c is cut off and false
// returned.
func (b *budget) take(c *conn, n int) bool {
	own, all := c.waiting.Add(int64(n)), b.held.Add(int64(n))
	if own <= b.each && (all <= b.all || own <= b.each/16) {
		return true
	}
	b.give(c, n)
	c.cutOff("too much waits for it")
	return false
}

// give takes n bytes off again.
func (b *budget) give(c *conn, n int) {
	c.waiting.Add(int64(-n))
	b.held.Add(int64(-n))
}
