package mqtt

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"hellox/stream"
	"hellox/stream/streamtest"
)

// webSocketHandler lets b speak MQTT over WebSockets at /mqtt.
func (b *testBroker) webSocketHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/mqtt" {
			http.NotFound(w, r)
			return
		}
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"mqtt"}})
		if err != nil {
			return
		}
		ws.SetReadLimit(-1)
		_ = b.Establish("ws", websocket.NetConn(r.Context(), ws, websocket.MessageBinary))
	})
}

// Every way to a broker carries messages both ways, small and large.
func TestTransports(t *testing.T) {
	b := startBroker(t)
	plain := httptest.NewServer(b.webSocketHandler())
	t.Cleanup(plain.Close)
	secure := httptest.NewUnstartedServer(b.webSocketHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // it is refused on purpose
	secure.StartTLS()
	t.Cleanup(secure.Close)
	overTLS := b.listenTLS(t, secure.TLS)
	authorities := x509.NewCertPool()
	authorities.AddCert(secure.Certificate())
	trust := &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12}

	address := func(s string) string { _, a, _ := strings.Cut(s, "://"); return a }
	for _, url := range []string{
		"mqtt://" + b.Addr,
		"mqtts://" + overTLS,
		"ws://" + address(plain.URL) + "/mqtt",
		"wss://" + address(secure.URL) + "/mqtt",
	} {
		t.Run(url[:strings.Index(url, ":")], func(t *testing.T) {
			broker, err := ParseBroker(url)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(broker.Scheme, "s") && broker.Scheme != "ws" {
				// Without the authority the certificate is not trusted.
				err := Subscribe(t.Context(), SubscribeOptions{Broker: broker, Topics: []string{"#"}, FailFast: true}, nil)
				if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "authority") || !strings.Contains(stream.Hint(err), "--ca") {
					t.Errorf("without the authority: %v (hint %q)", err, stream.Hint(err))
				}
			}
			broker.TLS = trust
			out := make(chan stream.Arrival, 10)
			tell, links := streamtest.LinkLog()
			streamtest.Background(t, func(ctx context.Context) error {
				return Subscribe(ctx, SubscribeOptions{Broker: broker, Topics: []string{"t"}, QoS: 1, Link: tell, FailFast: true}, out)
			})
			streamtest.AwaitLink(t, links, stream.Connected)
			c, err := Dial(t.Context(), DialOptions{Broker: broker})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			for _, size := range []int{1, 200 << 10} {
				payload := bytes.Repeat([]byte{0xab}, size)
				if err := c.Publish(t.Context(), "t", payload, 1, false); err != nil {
					t.Fatal(err)
				}
				if a := streamtest.Within(t, "the message", out); !bytes.Equal(a.Payload, payload) {
					t.Errorf("%d bytes arrived of %d", len(a.Payload), size)
				}
			}
		})
	}
	t.Run("no WebSocket there", func(t *testing.T) {
		_, err := Dial(t.Context(), DialOptions{Broker: Broker{Scheme: "ws", Host: address(plain.URL), Path: "/"}})
		if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), `it answers "404 Not Found" instead of opening a WebSocket`) ||
			!strings.Contains(stream.Hint(err), "ws://"+address(plain.URL)+"/mqtt") {
			t.Errorf("%v, hint %q", err, stream.Hint(err))
		}
	})
}

// A caller that gives up does not wait.
func TestConnectEndsWithItsContext(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") // accepts and sends nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	for _, scheme := range []string{"mqtt", "mqtts", "ws", "wss"} {
		t.Run(scheme, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			ended := make(chan error, 1)
			go func() {
				_, err := Dial(ctx, DialOptions{Broker: Broker{Scheme: scheme, Host: ln.Addr().String(), Path: ""}})
				ended <- err
			}()
			if err := streamtest.Within(t, "the end", ended); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
}
