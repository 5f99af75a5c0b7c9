package broker

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/mochi-mqtt/server/v2/packets"
)

// dialWeb opens a WebSocket for a client.
func dialWeb(t testing.TB, host string) net.Conn {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), "ws://"+host, &websocket.DialOptions{Subprotocols: []string{"mqtt"}})
	if err != nil {
		t.Fatal(err)
	}
	return websocket.NetConn(t.Context(), ws, websocket.MessageBinary)
}

// over has a client connect over a connection that the test's end does not hold.
func over(t testing.TB, conn net.Conn, h hello) *client {
	t.Helper()
	c := &client{t: t, c: conn, r: bufio.NewReader(conn), v5: h.v5}
	c.send(h.packet())
	if p := c.expect(packets.Connack); p.body[1] != 0 {
		t.Fatalf("client %q is refused with code %#x", h.id, p.body[1])
	}
	return c
}

// TestHeapAfterEndedSessions has 600 sessions come and end, half of them by a clean
// start and half by DISCONNECT or, a second later, by their expiry. What the broker
// had in memory for them is free again.
func TestHeapAfterEndedSessions(t *testing.T) {
	const sessions, warmUp = 600, 60
	filters := func(c *client, id string) {
		all := make([]string, maxTopicFilters)
		for f := range all {
			all[f] = fmt.Sprintf("%s/%d/%s", id, f, strings.Repeat("level-of-a-topic/", 13))
		}
		if codes := c.subscribe(1, all...); codes[0] != 1 {
			c.t.Fatalf("granted %#x", codes)
		}
	}
	for _, k := range []struct {
		name     string
		listener int
		expiry   uint32 // seconds
		use      func(c *client, id string)
	}{
		{"50 topic filters each", 0, 1, filters},
		{"50 topic filters each, by WebSocket", 1, 0, filters},
		{"20 retained messages each, deleted by them", 0, 0, retainAndDelete},
		{"200 messages at QoS 2 each, never released", 0, 0, func(c *client, _ string) { neverRelease(c, 200) }},
	} {
		t.Run(k.name, func(t *testing.T) {
			b := start(t, Options{
				Listeners: []Listener{{Net: listenLoopback(t), Open: true}, {Net: listenLoopback(t), Open: true, WebSocket: true}},
				Log:       slog.New(slog.DiscardHandler), // the test's own would hold each line
			})
			round := func(n, sessions int) {
				for i := range sessions {
					h := hello{id: fmt.Sprintf("c%d-%d", n, i), keep: true, v5: i%2 == 1}
					c := comeOver(t, b, k.listener, h)
					k.use(c, h.id)
					leaveForGood(c, k.expiry)
					if h.keep = false; !h.v5 {
						leaveForGood(comeOver(t, b, k.listener, h), 0)
					}
				}
				wait(t, "the sessions end", func() bool { return b.sessions.len() == 0 && b.connected.Load() == 0 })
			}
			round(0, warmUp)
			before, after := heap(), int64(0)
			round(1, sessions)
			for range 100 { // what other tests and the clients had may take a moment
				b.router.rotate() // as it is every few seconds
				if after = heap(); after-before <= before/10 {
					return
				}
				time.Sleep(100 * time.Millisecond)
			}
			t.Errorf("after %d ended sessions %d bytes are in use, before %d", sessions, after, before)
		})
	}
}

// comeOver connects to a listener, by WebSocket if it is the second.
func comeOver(t testing.TB, b *Broker, listener int, h hello) *client {
	t.Helper()
	if listener == 1 {
		return over(t, dialWeb(t, b.Addr(1).String()), h)
	}
	conn, err := net.DialTimeout("tcp", b.Addr(0).String(), testTimeout)
	if err != nil {
		t.Fatal(err)
	}
	return over(t, conn, h)
}

// neverRelease publishes at QoS 2 with so many packet IDs, and leaves out each PUBREL.
func neverRelease(c *client, ids int) {
	var all []byte
	for id := range uint16(ids) {
		all = append(all, c.publishPacket("x", "", 2, false, id+1)...)
	}
	c.send(all)
	for range ids {
		c.expect(packets.Pubrec)
	}
}

// retainAndDelete has messages retained on topics that no other client uses.
func retainAndDelete(c *client, id string) {
	for _, payload := range []string{strings.Repeat("x", 100), ""} {
		for n := range 20 {
			c.send(c.publishPacket(fmt.Sprintf("%s/%d", id, n), payload, 0, true, 0))
		}
		c.silent()
	}
}

// leaveForGood disconnects. A client of MQTT 5 says for how many seconds more its
// session lasts.
func leaveForGood(c *client, expiry uint32) {
	packet := []byte{packets.Disconnect << 4, 0}
	if c.v5 {
		packet = frame(packets.Disconnect<<4, append([]byte{0, 5, 0x11}, binary.BigEndian.AppendUint32(nil, expiry)...))
	}
	c.send(packet)
	c.closed()
	c.c.Close()
}

// TestStackOfIdleClients has clients connect with TLS and then say nothing: the stacks of
// their goroutines shrink to 8 KiB. With a packet on each they stay at twice that.
func TestStackOfIdleClients(t *testing.T) {
	if testing.Short() {
		t.Skip("a short run is that of the race detector, whose stacks are larger")
	}
	const clients, most = 400, 12 << 10
	server := httptest.NewUnstartedServer(nil) // for its certificate
	server.StartTLS()
	server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	b := start(t, Options{Listeners: []Listener{{Net: listenLoopback(t), Open: true, TLS: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: server.TLS.Certificates}}}})
	before := stackInUse()
	for i := range clients {
		conn, err := tls.Dial("tcp", b.Addr(0).String(), &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		over(t, conn, hello{id: fmt.Sprint("idle", i)})
	}
	if each := (stackInUse() - before) / clients; each > most {
		t.Errorf("%d bytes of stack for each client, want at most %d", each, most)
	} else {
		t.Logf("%d bytes of stack for each client", each)
	}
}

// stackInUse returns the bytes of all stacks once the collector has shrunk what it can:
// by half each time.
func stackInUse() int {
	for range 5 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.StackInuse)
}
