package broker

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// socketKey is the context key for the connection of a request.
type socketKey struct{}

// A webSocketHandler serves the clients of one WebSocket listener, on any path. A
// page of another origin is refused, and one that came by a name which anyone could
// have; a client that sends no Origin is not a browser.
type webSocketHandler struct {
	broker *Broker
	gate   gate
}

// serve serves clients on l until it is closed.
func (h webSocketHandler) serve(l net.Listener) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: h.broker.limits.Connect,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(h.broker.log.Handler(), slog.LevelDebug),
		ConnState:         h.handshakeTold,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, socketKey{}, c)
		},
	}
	// What is no WebSocket is answered once and closed.
	server.SetKeepAlivesEnabled(false)
	// Shutdown would wait for connections that were handed over to Broker.serve.
	defer server.Close()
	return server.Serve(l)
}

// handshakeTold tells of a TLS handshake that failed, as Broker.handshake does:
// net/http has it in a log of its own alone.
func (h webSocketHandler) handshakeTold(c net.Conn, state http.ConnState) {
	secure, ok := c.(*tls.Conn)
	if !ok || state != http.StateClosed {
		return
	}
	err := secure.Handshake() //nolint:noctx // it is done, and says how it ended
	if r, ok := handshakeRefusal(err); ok {
		h.broker.shared.refused("", c.RemoteAddr().String(), r)
	}
}

func (h webSocketHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b := h.broker
	if h.isRebound(r) {
		reason := "this listener does not answer to the name in the Host header; use localhost or an address"
		h.refused(r, reason)
		http.Error(w, reason, http.StatusMisdirectedRequest)
		return
	}
	// [MQTT-6.0.0-3]; clients in older browsers ask for mqttv3.1.
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"mqtt", "mqttv3.1"}})
	if err != nil {
		h.refused(r, err.Error())
		return // Accept has answered the client
	}
	if ws.Subprotocol() == "" {
		h.refused(r, "the subprotocol must be mqtt")
		ws.Close(websocket.StatusPolicyViolation, "the subprotocol must be mqtt")
		return
	}
	socket, _ := r.Context().Value(socketKey{}).(net.Conn)
	// The request's context ends with this handler, the connection with serve.
	conn := &webConn{Conn: websocket.NetConn(context.Background(), ws, websocket.MessageBinary), ws: ws, socket: socket, tls: r.TLS}
	if !b.startClient() {
		conn.Close()
		return
	}
	defer b.clients.Done()
	b.serve(newConn(conn, b.shared, h.gate, acceptedOf(socket)))
}

// isRebound reports whether a page may have sent r that made its own name resolve to
// this machine: then its origin is the host that it asks for. A certificate or a login
// stops it. On other listeners a page has to come by localhost or an address, which
// resolve to what they say.
func (h webSocketHandler) isRebound(r *http.Request) bool {
	if r.Header.Get("Origin") == "" || r.TLS != nil || h.gate.authority != nil {
		return false
	}
	host := (&url.URL{Host: r.Host}).Hostname()
	return !strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") && net.ParseIP(host) == nil
}

// refused counts and logs a request that is no connection of MQTT.
func (h webSocketHandler) refused(r *http.Request, reason string) {
	h.broker.shared.refused("", r.RemoteAddr, refusal{kind: "websocket", reason: reason})
}

// A webConn closes without waiting for the client's closing handshake.
type webConn struct {
	net.Conn
	ws     *websocket.Conn
	socket net.Conn             // below it
	tls    *tls.ConnectionState // nil without TLS

	mu     sync.Mutex
	closed bool // no deadline is set any more
}

// Close stops the timers of the deadlines as well: until the last one, half an hour
// later, they would hold the connection with its buffers.
func (c *webConn) Close() error {
	c.mu.Lock()
	c.closed = true
	_ = c.Conn.SetDeadline(time.Time{}) // it only stops them
	c.mu.Unlock()
	return c.ws.CloseNow()
}

// CloseWrite closes our side only, so that the client reads what was sent last.
func (c *webConn) CloseWrite() error {
	if half, ok := c.socket.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

func (c *webConn) SetDeadline(t time.Time) error { return c.set(c.Conn.SetDeadline, t) }

func (c *webConn) SetReadDeadline(t time.Time) error { return c.set(c.Conn.SetReadDeadline, t) }

func (c *webConn) SetWriteDeadline(t time.Time) error { return c.set(c.Conn.SetWriteDeadline, t) }

func (c *webConn) set(deadline func(time.Time) error, t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	return deadline(t)
}
