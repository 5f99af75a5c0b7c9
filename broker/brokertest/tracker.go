package brokertest

import (
	"net"
	"sync"

	"github.com/mochi-mqtt/server/v2/listeners"
)

// A connTracker closes the connections that mochi serves and waits for their
// end, before mochi is closed: it does not close one that comes meanwhile, and
// then waits for it for ever (mochi-mqtt/server#541).
type connTracker struct {
	*listeners.Net
	mu      sync.Mutex
	conns   []net.Conn
	closed  bool
	serving sync.WaitGroup
}

func (l *connTracker) Serve(establish listeners.EstablishFn) {
	l.Net.Serve(func(id string, conn net.Conn) error {
		if !l.enter(conn) {
			return conn.Close()
		}
		defer l.serving.Done()
		return establish(id, conn)
	})
}

// enter returns false if all is being closed.
func (l *connTracker) enter(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.conns = append(l.conns, conn)
		l.serving.Add(1)
	}
	return !l.closed
}

func (l *connTracker) closeAll() {
	l.mu.Lock()
	l.closed = true
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.mu.Unlock()
	l.serving.Wait()
}
