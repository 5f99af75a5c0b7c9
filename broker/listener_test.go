package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/go-cmp/cmp"
	"github.com/mochi-mqtt/server/v2/packets"
)

func TestParseListen(t *testing.T) {
	for raw, want := range map[string]Address{
		"mqtt://127.0.0.1:1883":    {HostPort: "127.0.0.1:1883"},
		"mqtt://localhost":         {HostPort: "localhost:1883"},
		"mqtts://:8883":            {HostPort: ":8883", TLS: true},
		"ws://[::1]:8080/mqtt":     {HostPort: "[::1]:8080", WebSocket: true},
		"wss://broker.example/x/y": {HostPort: "broker.example:443", WebSocket: true, TLS: true},
		"mqtt://127.0.0.1:0/":      {HostPort: "127.0.0.1:0"},
	} {
		got, err := ParseListen(raw)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v %s", raw, err, diff)
		}
	}
	for _, raw := range []string{"", "127.0.0.1:1883", "tcp://x", "mqtt://x/path", "mqtt://u:p@x", "ws://x?y", "mqtt://x:port"} {
		if got, err := ParseListen(raw); err == nil {
			t.Errorf("%q is taken as %+v", raw, got)
		}
	}
}

func TestBeyondLoopbackNeedsInsecure(t *testing.T) {
	l := listenLoopback(t)
	if _, err := New(Options{Listeners: []Listener{{Net: l}}}); err == nil || !strings.Contains(err.Error(), "--insecure") {
		t.Errorf("got %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is left open: %v", err)
	}
}

// web starts a broker with a WebSocket listener and returns its host.
func web(t *testing.T) string {
	b := start(t, Options{Listeners: []Listener{{Net: listenLoopback(t), Open: true, WebSocket: true}}})
	return b.Addr(0).String()
}

func TestWebSocket(t *testing.T) {
	host := web(t)
	for _, path := range []string{"", "/mqtt"} {
		got := make(chan string, 1)
		c := paho.NewClient(paho.NewClientOptions().AddBroker("ws://" + host + path).SetClientID("web").SetConnectTimeout(testTimeout))
		await(t, c.Connect())
		await(t, c.Subscribe("x", 1, func(_ paho.Client, m paho.Message) { got <- string(m.Payload()) }))
		payload := strings.Repeat("x", 100<<10)
		await(t, c.Publish("x", 1, false, payload))
		select {
		case g := <-got:
			if g != payload {
				t.Errorf("got %d bytes", len(g))
			}
		case <-time.After(testTimeout):
			t.Error("nothing came")
		}
		c.Disconnect(100)
	}
}

func await(t *testing.T, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(testTimeout) {
		t.Fatal("paho waits and waits")
	}
	if err := token.Error(); err != nil {
		t.Fatal(err)
	}
}

// A page of another site reaches loopback as well as its user does.
func TestWebSocketOrigin(t *testing.T) {
	host := web(t)
	for origin, want := range map[string]bool{"": true, "http://" + host: true, "https://evil.example": false, "http://localhost:3000": false, "null": false} {
		ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
		defer cancel()
		header := http.Header{}
		if origin != "" {
			header.Set("Origin", origin)
		}
		c, _, err := websocket.Dial(ctx, "ws://"+host, &websocket.DialOptions{HTTPHeader: header, Subprotocols: []string{"mqtt"}})
		if (err == nil) != want {
			t.Errorf("from origin %q: %v, want let in %v", origin, err, want)
		}
		if err == nil {
			c.CloseNow()
		}
	}
}

// TestWebSocketHalfClose has the broker's side of a WebSocket closed, as after a refusal:
// the client reads the end, and what it sends is read.
func TestWebSocketHalfClose(t *testing.T) {
	b := start(t, Options{Listeners: []Listener{
		{Net: listenLoopback(t), Open: true}, {Net: listenLoopback(t), Open: true, WebSocket: true},
	}})
	spy := connect(t, b.Addr(0), hello{id: "spy"})
	spy.subscribe(0, "x")
	c := dial(t, b.Addr(1))
	c.upgrade()
	c.send(webSocketFrame(hello{id: "half"}.packet()))
	if _, err := io.ReadFull(c.r, make([]byte, 2+4)); err != nil { // the CONNACK in its frame
		t.Fatal(err)
	}
	half, ok := connOf(t, b, "half").Conn.(interface{ CloseWrite() error })
	if !ok {
		t.Fatal("a WebSocket is closed as a whole")
	}
	if err := half.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	_ = c.c.SetReadDeadline(time.Now().Add(testTimeout))
	if _, err := io.ReadAll(c.r); err != nil {
		t.Errorf("the client reads %v, not the end", err)
	}
	c.send(webSocketFrame(c.publishPacket("x", "y", 0, false, 0)))
	if g := spy.message(); g.payload != "y" {
		t.Errorf("got %+v", g)
	}
}

// A page that makes its own name resolve to this machine sends that name as its origin
// and as the host. Where clients have to say who they are it is no danger.
func TestWebSocketRebound(t *testing.T) {
	own := Options{Insecure: true}
	own.Listeners = []Listener{{Net: listenLoopback(t), Open: true, WebSocket: true}, {Net: listenLoopback(t), WebSocket: true}}
	b := start(t, own)
	users := newWalled(t, "read alice x\n")
	users.stop()
	users.options.Listeners = []Listener{{Net: listenLoopback(t), WebSocket: true}}
	asking := start(t, users.options)
	open, insecure, asked := b.Addr(0).String(), b.Addr(1).String(), asking.Addr(0).String()
	for _, tt := range []struct {
		addr, host string
		origin     bool
		want       int
	}{
		{open, "evil.example", true, http.StatusMisdirectedRequest},
		{open, "evil.example:1883", true, http.StatusMisdirectedRequest},
		{open, "127.0.0.1.evil.example", true, http.StatusMisdirectedRequest},
		{open, "localhost.evil.example", true, http.StatusMisdirectedRequest},
		{insecure, "evil.example", true, http.StatusMisdirectedRequest},
		{open, "evil.example", false, http.StatusSwitchingProtocols}, // no browser
		{open, "localhost:1883", true, http.StatusSwitchingProtocols},
		{open, "LOCALHOST.", true, http.StatusSwitchingProtocols},
		{open, "127.0.0.1:1883", true, http.StatusSwitchingProtocols},
		{open, "[::1]:1883", true, http.StatusSwitchingProtocols},
		{insecure, "192.0.2.7", true, http.StatusSwitchingProtocols},
		{asked, "broker.example", true, http.StatusSwitchingProtocols},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+tt.addr, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = tt.host
		for k, v := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "mqtt"} {
			r.Header.Set(k, v)
		}
		if tt.origin {
			r.Header.Set("Origin", "http://"+tt.host)
		}
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != tt.want {
			t.Errorf("host %q, origin %v: %d, want %d", tt.host, tt.origin, answer.StatusCode, tt.want)
		}
	}
}

func TestTLS(t *testing.T) {
	certified := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	defer certified.Close()
	client := certified.Client().Transport.(*http.Transport).TLSClientConfig
	b := start(t, Options{Listeners: []Listener{
		{Net: listenLoopback(t), Open: true, TLS: certified.TLS},
		{Net: listenLoopback(t), Open: true, TLS: certified.TLS, WebSocket: true},
	}})
	for i, scheme := range []string{"mqtts", "wss"} {
		c := paho.NewClient(paho.NewClientOptions().AddBroker(scheme + "://" + b.Addr(i).String()).
			SetClientID(scheme).SetTLSConfig(client).SetConnectTimeout(testTimeout))
		await(t, c.Connect())
		await(t, c.Publish("x", 1, false, "x"))
		c.Disconnect(100)
	}
	plain := dial(t, b.Addr(0))
	plain.send(hello{id: "plain"}.packet())
	plain.closed()
}

// Serve ends although the disk does not answer; what it did not take is not
// acknowledged.
func TestShutdownWithDiskHeld(t *testing.T) {
	b, stop := startStop(t, Options{Store: t.TempDir()})
	away(t, b, "sub", "x")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	release := holdDisk()
	pub.send(pub.publishPacket("x", "x", 1, false, 1))
	pub.silent()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop()
	}()
	pub.closed()
	if len(pub.pending) > 0 {
		t.Errorf("got %x", pub.pending)
	}
	release()
	<-stopped
}

// A panic ends the connection that it happened in, and no other.
func TestPanicEndsOneConnection(t *testing.T) {
	b := start(t, Options{})
	other := connect(t, b.Addr(0), hello{id: "other"})
	odd := connect(t, b.Addr(0), hello{id: "odd"})
	s := b.sessions.current("odd")
	s.mu.Lock()
	s.subs = nil // as no code leaves it: to subscribe now panics
	s.mu.Unlock()
	odd.send(odd.subscribePacket(1, 0, "x"))
	odd.closed()
	other.publish("x", "x", 1, false)
	connect(t, b.Addr(0), hello{id: "odd"})
}

// Serve ends although clients are there, and tells those of MQTT 5 why.
func TestShutdown(t *testing.T) {
	b, stop := startStop(t, Options{Store: t.TempDir()})
	v5 := connect(t, b.Addr(0), hello{id: "v5", v5: true, keep: true})
	v3 := connect(t, b.Addr(0), hello{id: "v3", willTopic: "w"})
	silent := dial(t, b.Addr(0))
	if err := b.Ready(); err != nil {
		t.Error(err)
	}
	stop()
	if p, err := v5.read(testTimeout); err != nil || p.head != 0xE0 || p.body[0] != 0x8B {
		t.Errorf("got %+v, %v, want DISCONNECT for shutting down", p, err)
	}
	v3.closed()
	silent.closed()
	if b.Ready() == nil {
		t.Error("it is ready after its end")
	}
}

// TestIdleRequestsAreCounted has clients open connections to a WebSocket listener
// and say nothing, or part of a request: they take the place of others until the
// time for a CONNECT is over, not longer, and no more of them than the limit.
func TestIdleRequestsAreCounted(t *testing.T) {
	o := Options{
		Listeners: []Listener{{Net: listenLoopback(t), Open: true}, {Net: listenLoopback(t), Open: true, WebSocket: true}},
		Limits:    Limits{Connections: 10, HalfOpen: 10},
	}
	said := logged(&o)
	b := start(t, o)
	good := connect(t, b.Addr(0), hello{id: "good"})
	var idle []*client
	for i := range 30 {
		c := dial(t, b.Addr(1))
		if i%2 == 0 {
			c.send([]byte("GET / HTTP/1.1\r\nHost: x\r\n"))
		}
		idle = append(idle, c)
	}
	wait(t, "the limit is reached", func() bool { return b.connected.Load() == 10 })
	for _, c := range idle {
		if err := c.untilClosed(connectTimeout + 3*time.Second); err != nil {
			t.Error(err)
		}
	}
	good.publish("x", "x", 1, false)
	connect(t, b.Addr(0), hello{id: "next"}).disconnect()
	good.disconnect()
	wait(t, "all are gone", func() bool { return b.connected.Load() == 0 })
	if n := len(linesWith(said.String(), "most connections (10)")); n != 1 {
		t.Errorf("the log has %d lines about it", n)
	}
}

// A flakyListener fails to accept, and its connections panic when they write.
type flakyListener struct {
	net.Listener
	failures int
	panics   bool
}

func (l *flakyListener) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	c, err := l.Listener.Accept()
	if err == nil && l.panics {
		c = panicConn{c}
	}
	return c, err
}

type panicConn struct{ net.Conn }

func (panicConn) Write([]byte) (int, error) { panic("secret") }

// TestAcceptErrors has accept fail, for a listener of either kind: it goes on, and
// says so in one line.
func TestAcceptErrors(t *testing.T) {
	for _, ws := range []bool{false, true} {
		o := Options{Listeners: []Listener{{Net: &flakyListener{Listener: listenLoopback(t), failures: 5}, Open: true, WebSocket: ws}}}
		said := logged(&o)
		b := start(t, o)
		if c := dial(t, b.Addr(0)); ws {
			fmt.Fprintf(c.c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			if line, err := c.r.ReadString('\n'); err != nil || !strings.Contains(line, "426") {
				t.Errorf("got %q (%v)", line, err)
			}
		} else {
			c.send(hello{id: "x"}.packet())
			c.expect(packets.Connack)
		}
		if n := len(linesWith(said.String(), "accept failed")); n != 1 {
			t.Errorf("the log has %d lines about it:\n%s", n, said)
		}
	}
}

// TestPanicOutsideTheReader has the goroutines panic that write to a client and that
// feed it from the journal: each ends its own connection alone, and what it
// panicked with is not in the log.
func TestPanicOutsideTheReader(t *testing.T) {
	flaky := &flakyListener{Listener: listenLoopback(t), panics: true}
	o := Options{Listeners: []Listener{{Net: listenLoopback(t), Open: true}, {Net: flaky, Open: true}}}
	said := logged(&o)
	b := start(t, o)
	other := connect(t, b.Addr(0), hello{id: "other"})
	c := dial(t, b.Addr(1))
	c.send(hello{id: "odd"}.packet())
	c.closed()

	fed := connect(t, b.Addr(0), hello{id: "fed", keep: true})
	fed.subscribe(1, "x")
	s := b.sessions.current("fed")
	s.mu.Lock()
	s.feeder.now = nil // as no code leaves it: to feed now panics
	s.mu.Unlock()
	other.publish("x", "x", 1, false)
	fed.closed()
	other.publish("y", "y", 1, false)
	if n := len(linesWith(said.String(), "connection ended by a panic")); n != 2 || strings.Contains(said.String(), "secret") {
		t.Errorf("%d panics; the log says\n%s", n, said)
	}
}

// TestHandshakeTold has clients that a listener with TLS cannot take: the log says
// why. The control is taken.
func TestHandshakeTold(t *testing.T) {
	t.Run("mqtts", func(t *testing.T) { handshakeTold(t, false) })
	t.Run("wss", func(t *testing.T) { handshakeTold(t, true) })
}

func handshakeTold(t *testing.T, webSocket bool) {
	server := httptest.NewUnstartedServer(nil) // for its certificate
	server.StartTLS()
	server.Close()
	certificates := server.TLS.Certificates
	said := &safeBuffer{}
	b, stop := startStop(t, Options{
		Listeners: []Listener{{Net: listenLoopback(t), WebSocket: webSocket, Open: true, TLS: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: certificates}}},
		Log:       slog.New(slog.NewTextHandler(said, nil)),
	})
	defer stop()
	address := b.Addr(0).String()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	for _, k := range []struct {
		config *tls.Config
		want   string
	}{
		{nil, "does not speak TLS; this listener does"},
		{&tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12}, "speaks TLS 1.2 at most; this listener speaks TLS 1.3"},
		{&tls.Config{RootCAs: x509.NewCertPool(), ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13}, "does not accept the TLS of this listener, such as its certificate"},
	} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		if k.config != nil {
			if err := tls.Client(c, k.config).Handshake(); err == nil {
				t.Errorf("the handshake is done, want %s", k.want)
			}
		} else {
			_, _ = c.Write(hello{id: "plain"}.packet())
		}
		for deadline := time.Now().Add(testTimeout); !strings.Contains(said.String(), k.want); {
			if time.Now().After(deadline) {
				t.Fatalf("the log does not have %q:\n%s", k.want, said.String())
			}
			time.Sleep(time.Millisecond)
		}
		c.Close()
	}
	c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if webSocket {
		_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
		answer := make([]byte, 4)
		if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "HTTP" {
			t.Errorf("the good client gets %q, %v", answer, err)
		}
		return
	}
	_, _ = c.Write(hello{id: "good"}.packet())
	answer := make([]byte, 4)
	if _, err := io.ReadFull(c, answer); err != nil || answer[3] != 0 {
		t.Errorf("the good client gets %x, %v", answer, err)
	}
}
