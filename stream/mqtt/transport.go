package mqtt

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// dialTimeout bounds the attempt at one host, from the name look-up to CONNACK.
const dialTimeout = 10 * time.Second

// unackedLimit is how long the kernel goes on with a peer that acknowledges nothing.
const unackedLimit = 30 * time.Second

// dial opens the network connection to b within limit: TCP, TLS or a WebSocket over either.
// small asks the kernel for small buffers, for a fleet of clients in one
// process.
func dial(ctx context.Context, b Broker, limit time.Duration, small bool) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	// The kernel notices a peer that vanished, also where no keep alive of
	// MQTT is asked for. Linux gives up at the first probe that is due after unackedLimit,
	// whatever the count: until then it has sent three, since one may be lost.
	d := &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: unackedLimit / 2, Interval: unackedLimit / 6, Count: 3},
		Control:         limitUnacknowledged,
	}
	at := &progress{}
	open := func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dialWithRetry(ctx, func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, network, addr) })
		if err == nil {
			at.connected(b.Scheme)
		}
		if tcp, ok := conn.(*net.TCPConn); ok && small {
			_ = tcp.SetReadBuffer(fleetBuffer)
			_ = tcp.SetWriteBuffer(fleetBuffer)
		}
		return conn, err
	}
	conn, err := dialScheme(ctx, b, at, open)
	if err != nil {
		return nil, &stageError{at.stage(), err}
	}
	return conn, nil
}

// dialScheme opens what b's scheme asks for over a connection of open.
func dialScheme(ctx context.Context, b Broker, at *progress, open func(context.Context, string, string) (net.Conn, error)) (net.Conn, error) {
	secured := func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := open(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		secure := tls.Client(conn, tlsConfig(b))
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		at.secured()
		return secure, nil
	}
	switch b.Scheme {
	case "ws", "wss":
		return dialWebSocket(ctx, b, &http.Transport{DialContext: open, DialTLSContext: secured})
	case "mqtts":
		return secured(ctx, "tcp", b.Host)
	}
	return open(ctx, "tcp", b.Host)
}

// dialWithRetry calls connect until it succeeds, is refused, or ctx ends: it gives an
// attempt that gets no answer 1 s, then 2 s, 4 s and so on. A broker that is
// replaced in a cluster leaves for a moment a way that leads to a pod which is
// gone. The kernel asks there again and again; a new connection finds the new pod.
func dialWithRetry(ctx context.Context, connect func(context.Context) (net.Conn, error)) (net.Conn, error) {
	for limit := time.Second; ; limit *= 2 {
		attempt, cancel := context.WithTimeout(ctx, limit)
		conn, err := connect(attempt)
		unanswered := attempt.Err() != nil
		cancel()
		if err == nil || !unanswered || ctx.Err() != nil {
			return conn, err
		}
	}
}

// fleetBuffer is the kernel's buffer each way of one client of a fleet, in bytes.
const fleetBuffer = 4 << 10

// tlsConfig is b's, for b's host name.
func tlsConfig(b Broker) *tls.Config {
	c := b.TLS
	if c == nil {
		c = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if c.ServerName == "" {
		c = c.Clone()
		c.ServerName, _, _ = net.SplitHostPort(b.Host)
	}
	return c
}

func dialWebSocket(ctx context.Context, b Broker, transport *http.Transport) (net.Conn, error) {
	// A connection that became a WebSocket is no longer the transport's;
	// one that did not is closed here.
	defer transport.CloseIdleConnections()
	ws, answer, err := websocket.Dial(ctx, b.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a broker does not send us elsewhere
		}},
		Subprotocols: []string{"mqtt"},
	})
	if err != nil {
		return nil, upgradeError(answer, err)
	}
	// One WebSocket message may hold many packets; it is streamed, never held.
	ws.SetReadLimit(-1)
	return &webSocketConn{websocket.NetConn(context.WithoutCancel(ctx), ws, websocket.MessageBinary), ws}, nil
}

type webSocketConn struct {
	net.Conn
	ws *websocket.Conn
}

// Close does not wait for the peer's close frame: the DISCONNECT of MQTT is sent. It
// stops the timers of the deadlines, which would hold the connection until the last.
func (c *webSocketConn) Close() error {
	_ = c.SetDeadline(time.Time{}) // it only stops them
	return c.ws.CloseNow()
}
