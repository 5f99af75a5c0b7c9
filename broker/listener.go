package broker

import (
	"crypto/tls"
	"errors"
	"net"
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
	var accepting net.Listener = &retryListener{Listener: l.Net, broker: b}
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
			b.serve(newConn(c, b.shared, g, b.now()))
		}()
	}
}

// A retryListener retries Accept after errors, such as too few file descriptors
// or a client that left before it was accepted. Only closing it ends it.
type retryListener struct {
	net.Listener
	broker *Broker
}

func (s *retryListener) Accept() (net.Conn, error) {
	pause := minAcceptBackoff
	for {
		c, err := s.Listener.Accept()
		if err == nil || errors.Is(err, net.ErrClosed) {
			return c, err
		}
		s.broker.metrics.acceptErrors.Inc()
		s.broker.log.Warn("accept failed; trying again", "listen", s.Addr().String(), "cause", err)
		select {
		case <-time.After(pause):
		case <-s.broker.stop:
			return nil, net.ErrClosed
		}
		pause = min(2*pause, maxAcceptBackoff)
	}
}
