package broker

import (
	"container/list"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Listener accepts clients at one address.
type Listener struct {
	Net       net.Listener
	WebSocket bool
	TLS       *tls.Config // nil: plain
	// Open is for an address that only this machine's user reaches: any
	// client may publish and subscribe everything but $SYS.
	Open bool
}

const (
	minAcceptBackoff = 5 * time.Millisecond
	maxAcceptBackoff = time.Second
)

func closeAll(listeners []Listener) {
	for _, l := range listeners {
		l.Net.Close()
	}
}

// listen serves clients on l until it is closed.
func (b *Broker) listen(l Listener, g gate) error {
	var accepting net.Listener = &countingListener{Listener: l.Net, broker: b}
	if l.TLS != nil {
		accepting = tls.NewListener(accepting, l.TLS)
	}
	if l.WebSocket {
		return webSocketHandler{b, g}.serve(accepting)
	}
	for {
		c, err := accepting.Accept()
		if err != nil {
			return err
		}
		if !b.startClient() {
			c.Close()
			continue
		}
		go func() {
			defer b.clients.Done()
			b.serve(newConn(c, b.shared, g, acceptedOf(c)))
		}()
	}
}

// A countingListener counts the connections that it accepts, and closes those
// beyond the limit and those that have not sent a CONNECT in time. It retries
// Accept after errors, such as too few file descriptors or a client that left
// before it was accepted: only closing it ends it.
type countingListener struct {
	net.Listener
	broker *Broker
}

func (s *countingListener) Accept() (net.Conn, error) {
	pause := minAcceptBackoff
	for {
		c, err := s.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		if err == nil {
			if counted := s.broker.accepted(c); counted != nil {
				return counted, nil
			}
			continue
		}
		s.broker.metrics.acceptErrors.Inc()
		if more, ok := s.broker.shared.refusals.take(refusalKey{kind: "accept"}); ok {
			s.broker.log.Warn("accept failed; trying again", "listen", s.Addr().String(), "cause", err, "more", more)
		}
		select {
		case <-time.After(pause):
		case <-s.broker.stop:
			return nil, net.ErrClosed
		}
		pause = min(2*pause, maxAcceptBackoff)
	}
}

// An acceptedConn is a connection from accept on: also one that speaks TLS or HTTP
// first, or nothing else, takes a file descriptor.
type acceptedConn struct {
	net.Conn
	broker *Broker
	at     time.Time
	timer  *time.Timer   // closes it; stopped when its CONNECT has come
	half   *list.Element // of Broker.halfOpen; guarded by it

	mu     sync.Mutex
	closed bool
}

// accepted counts a connection, or closes it and returns nil if there are too many.
func (b *Broker) accepted(c net.Conn) *acceptedConn {
	b.metrics.accepted.Inc()
	if n := b.connected.Add(1); n > int64(b.limits.Connections) {
		b.connected.Add(-1)
		b.shared.refused("", c.RemoteAddr().String(), refusal{kind: "connections", reason: fmt.Sprintf("the broker has its most connections (%d)", b.limits.Connections)})
		c.Close()
		return nil
	}
	b.metrics.connections.Inc()
	a := &acceptedConn{Conn: c, broker: b, at: b.now()}
	a.mu.Lock() // the timer's goroutine must see itself
	defer a.mu.Unlock()
	a.timer = time.AfterFunc(b.limits.Connect, func() { a.Close() })
	if oldest := b.halfOpen.add(a, b.limits.HalfOpen); oldest != nil {
		b.shared.refused("", oldest.RemoteAddr().String(), refusal{kind: "half open", reason: fmt.Sprintf("the broker has its most connections without a CONNECT (%d); this is the oldest", b.limits.HalfOpen)})
		oldest.Close()
	}
	return a
}

// A halfOpen holds the connections whose CONNECT has not come. They have no identity
// that could have a share of all connections: so beyond their limit the oldest is
// closed. A client that sends its CONNECT at once is let in, however many say nothing.
type halfOpen struct {
	mu  sync.Mutex
	all list.List // of *acceptedConn, the oldest first
}

// add adds a, and returns the oldest one if there are more than limit now.
func (h *halfOpen) add(a *acceptedConn, limit int) (oldest *acceptedConn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a.half = h.all.PushBack(a)
	if h.all.Len() > limit {
		oldest, _ = h.all.Remove(h.all.Front()).(*acceptedConn)
	}
	return oldest
}

// remove removes a, if it is there.
func (h *halfOpen) remove(a *acceptedConn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if a.half != nil {
		h.all.Remove(a.half)
	}
}

func (h *halfOpen) len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all.Len()
}

func (a *acceptedConn) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.closed = true
		a.timer.Stop()
		a.broker.halfOpen.remove(a)
		a.broker.connected.Add(-1)
		a.broker.metrics.connections.Dec()
	}
	return a.Conn.Close()
}

// CloseWrite closes our side only.
func (a *acceptedConn) CloseWrite() error {
	if half, ok := a.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return a.Close()
}

// greeted notes that the CONNECT has come.
func (a *acceptedConn) greeted() {
	if a != nil {
		a.timer.Stop()
		a.broker.halfOpen.remove(a)
	}
}

// deadline returns when the CONNECT must have come, and have been answered.
func (a *acceptedConn) deadline() time.Time {
	if a == nil {
		return time.Now().Add(connectTimeout)
	}
	return a.at.Add(a.broker.limits.Connect)
}

// acceptedOf returns the acceptedConn below c, or nil.
func acceptedOf(c net.Conn) *acceptedConn {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	a, _ := c.(*acceptedConn)
	return a
}

// handshake is that of TLS, on a listener with it. One that fails is told in a
// sentence: what the client sees of it is often less.
func (b *Broker) handshake(c *conn) error {
	secure, ok := c.Conn.(*tls.Conn)
	if !ok {
		return nil
	}
	err := secure.Handshake() //nolint:noctx // the acceptedConn is closed in time
	if r, ok := handshakeRefusal(err); ok {
		b.shared.refused("", c.RemoteAddr().String(), r)
	}
	return err
}

// handshakeRefusal returns what is told of a handshake that failed. It returns false
// if the client left.
func handshakeRefusal(err error) (refusal, bool) {
	var (
		record tls.RecordHeaderError
		op     *net.OpError
		client *tls.CertificateVerificationError
	)
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed), errors.Is(err, syscall.ECONNRESET):
		return refusal{}, false
	case errors.As(err, &record):
		return refusal{kind: "no tls", reason: "the client does not speak TLS; this listener does"}, true
	case strings.Contains(err.Error(), "client offered only unsupported versions"):
		return refusal{kind: "tls version", reason: "the client speaks TLS 1.2 at most; this listener speaks TLS 1.3"}, true
	case strings.Contains(err.Error(), "client didn't provide a certificate"):
		return refusal{kind: "no certificate", reason: "the client shows no certificate; this listener asks for one"}, true
	case errors.As(err, &client):
		return refusal{kind: "client certificate", reason: badClient(client)}, true
	case errors.As(err, &op) && op.Op == "remote error":
		return refusal{kind: "tls not accepted", reason: "the client does not accept the TLS of this listener, such as its certificate: " + strings.TrimPrefix(op.Err.Error(), "tls: ")}, true
	}
	return refusal{kind: "tls", reason: "the TLS handshake failed: " + strings.TrimPrefix(err.Error(), "tls: ")}, true
}

// badClient returns why a client's certificate is refused, in one sentence.
func badClient(err *tls.CertificateVerificationError) string {
	var (
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
	)
	at := func(t time.Time) string { return t.UTC().Format(time.DateTime) + " UTC" }
	switch {
	case errors.As(err, &unknown):
		return "the client's certificate is not signed by an authority of --client-ca"
	case !errors.As(err, &invalid):
	case invalid.Reason == x509.Expired && time.Now().After(invalid.Cert.NotAfter):
		return "the client's certificate, or its authority's, was valid until " + at(invalid.Cert.NotAfter)
	case invalid.Reason == x509.Expired:
		return "the client's certificate, or its authority's, is valid from " + at(invalid.Cert.NotBefore)
	case invalid.Reason == x509.IncompatibleUsage:
		return "the client's certificate is not for a client (its extended key usage lacks clientAuth)"
	case invalid.Reason == x509.CANotAuthorizedForThisName:
		return "the client's certificate is for names that its authority may not sign for"
	case invalid.Reason == x509.TooManyIntermediates:
		return "the client's certificate is signed by an authority that may not be one"
	}
	return "the client's certificate is refused: " + strings.TrimPrefix(err.Err.Error(), "x509: ")
}
