package peer

import "net"

// OnlyMine returns a listener that closes, before a byte is read, each connection whose
// other end is not a socket of this user or of root. A connection that was closed at the
// other end already is no one's any more, and closed, too.
func OnlyMine(ln net.Listener) net.Listener {
	if !canTell() {
		return ln
	}
	return mine{ln}
}

// mine is a listener for this user.
type mine struct{ net.Listener }

// Accept returns the next connection of this user.
func (m mine) Accept() (net.Conn, error) {
	for {
		conn, err := m.Listener.Accept()
		if err != nil || isMine(conn) {
			return conn, err
		}
		if c, ok := conn.(*net.TCPConn); ok {
			_ = c.SetLinger(0) // a reset: a stranger must not take it for an empty answer
		}
		conn.Close()
	}
}
