package broker

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// A budget limits what all clients together may hold.
type budget struct {
	perClient int64 // most bytes of one connection
	// total is the most bytes of all; beyond it the largest connection is closed of the
	// identity that holds most. Used above it are, for a moment, one message of each
	// goroutine that sends, until it has closed one, and what connections that were
	// closed are writing, until the system call returns.
	total        int64
	used         atomic.Int64 // bytes that wait for clients that read slowly
	unreleased   atomic.Int64 // messages taken at QoS 2 whose publishers have not released them
	unreleasedBy tally        // unreleased

	open func() []*conn // returns all connections
	mu   sync.Mutex     // held while one is chosen to be closed
}

// take counts n bytes as c's. If that is too much for one connection, or c is
// the one that has to make room when it is too much in all, it closes c and returns
// false.
func (b *budget) take(c *conn, n int) bool {
	own, all := c.pendingBytes.Add(int64(n)), b.used.Add(int64(n))
	if own <= b.perClient && (all <= b.total || b.makeRoom(c)) {
		return true
	}
	b.give(c, n)
	if own > b.perClient {
		c.closeSlow("too much waits for it")
	}
	return false
}

// makeRoom closes connections, the largest of the identity that holds most, until
// those that are left hold no more than all may. One without an identity stands for
// itself. It returns false if c is closed.
func (b *budget) makeRoom(c *conn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		largest, all := b.largest()
		if all <= b.total || largest == nil {
			return !c.isClosed()
		}
		cause := "too much waits for all clients together, and most of it for it"
		if r := largest.rights(); r != nil && sharer(r.Identity) != "" {
			cause = fmt.Sprintf("too much waits for all clients together, and most of it for those of the %s", named(r.Identity))
		}
		largest.closeSlow(cause)
	}
}

// largest returns the connection that holds most, of those of the identity that holds
// most, and what all hold.
func (b *budget) largest() (largest *conn, all int64) {
	type holder struct {
		bytes, most int64
		largest     *conn
	}
	var most *holder
	byOwner := map[string]*holder{}
	for _, o := range b.open() {
		held := o.pendingBytes.Load()
		if held <= 0 || o.isClosed() {
			continue // it gives back what it holds
		}
		all += held
		who := &holder{}
		if r := o.rights(); r != nil && sharer(r.Identity) != "" {
			if byOwner[r.Identity] == nil {
				byOwner[r.Identity] = who
			}
			who = byOwner[r.Identity]
		}
		if who.bytes += held; held > who.most {
			who.largest, who.most = o, held
		}
		if most == nil || who.bytes > most.bytes {
			most = who
		}
	}
	if most == nil {
		return nil, all
	}
	return most.largest, all
}

// scarce reports whether so much is used that feeders take less.
func (b *budget) scarce() bool { return b.used.Load() > b.total/2 }

// give returns n bytes.
func (b *budget) give(c *conn, n int) {
	c.pendingBytes.Add(int64(-n))
	b.used.Add(int64(-n))
}
