package broker

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/mochi-mqtt/server/v2/packets"

	"hellox/broker/wire"
)

// again is an attack that a test of its own holds off.
func again(name, source string, test func(*testing.T), control func(*arena)) attack {
	return attack{name, source, func(a *arena) {
		t, ok := a.t.(*testing.T)
		if !ok {
			a.t.Fatal("not in a test")
		}
		a.stop() // the test has a broker of its own
		test(t)
	}, control}
}

// protocolAttacks are findings about the protocol: a client that is right must not
// lose what it has.
func protocolAttacks() []attack {
	return []attack{
		again("a session that is resumed for the last time", "finding 2", TestResumeForTheLastTime, (*arena).resumes),
		again("a delayed will at a takeover", "finding 13", TestDelayedWillOfATakeover, (*arena).delayedWill),
		again("keep alive 1", "finding 15", TestKeepAlive, (*arena).pings),
		again("topics with $", "finding 16", TestDollarTopics, (*arena).plainTopics),
		again("a code that MQTT 3.1.1 does not have", "finding 17", TestInvalidConnects, (*arena).validConnects),
		{"3,000 unreleased messages of MQTT 3.1.1", "finding 8", func(a *arena) {
			const n = 3000
			c := a.connect(a.open, hello{id: "pub"})
			spy := a.connect(a.open, hello{id: "spy"})
			spy.subscribe(0, "x")
			for id := range uint16(n) {
				c.send(c.publishPacket("x", fmt.Sprint(id), 2, false, id+1))
			}
			for range n {
				c.expect(packets.Pubrec)
			}
			for id := range uint16(n) {
				c.release(id + 1)
			}
			for id := range n {
				if g := spy.message(); g.payload != fmt.Sprint(id) {
					a.t.Fatalf("got %+v, want %d", g, id)
				}
			}
			spy.silent()
		}, func(a *arena) {
			c := a.connect(a.open, hello{id: "pub", v5: true})
			for id := range uint16(receiveMaximum) {
				c.publish2("x", "", id+1, false)
			}
			c.send(c.publishPacket("x", "", 2, false, receiveMaximum+1)) // MQTT 5 has been told the limit
			if p := c.expect(packets.Disconnect); p.body[0] != packets.ErrReceiveMaximum.Code {
				a.t.Errorf("DISCONNECT %x", p.body)
			}
		}},
		{"a message at QoS 2 that is repeated across a crash", "finding 18", func(a *arena) {
			sub := a.connect(a.open, hello{id: "sub", keep: true})
			sub.subscribe(1, "x")
			c := a.connect(a.open, hello{id: "pub", keep: true})
			c.publish2("x", "once", 7, false)
			a.stop()
			a.start()
			c = a.connect(a.open, hello{id: "pub", keep: true})
			c.publish2("x", "once", 7, true)
			c.release(7)
			sub = a.connect(a.open, hello{id: "sub", keep: true})
			if g := sub.take(); g.payload != "once" {
				a.t.Errorf("got %+v", g)
			}
			sub.silent()
		}, func(a *arena) {
			sub := a.connect(a.open, hello{id: "sub"})
			sub.subscribe(1, "x")
			c := a.connect(a.open, hello{id: "pub", keep: true})
			for range 2 { // released, the ID is another message's
				c.publish2("x", "again", 7, false)
				c.release(7)
				if g := sub.take(); g.payload != "again" {
					a.t.Errorf("got %+v", g)
				}
			}
		}},
		{"a refusal that is not told", "finding 14", func(a *arena) {
			for _, v5 := range []bool{false, true} {
				c := a.connect(a.open, hello{id: "big", v5: v5})
				c.subscribe(0, "hellox/refused/big")
				_ = c.trySend(c.publishPacket("x", strings.Repeat("x", 400_000), 1, false, 1))
				if reason := c.readRefusal("big"); !strings.Contains(reason, fmt.Sprint(wire.MaxPacket)) {
					a.t.Errorf("the reason is %q", reason)
				}
				if v5 {
					if p := c.expect(packets.Disconnect); p.body[0] != packets.ErrPacketTooLarge.Code {
						a.t.Errorf("DISCONNECT %x", p.body)
					}
				}
				c.closed()
			}
			if len(linesWith(a.said.String(), "refused", "client=big")) == 0 {
				a.t.Error("the log does not have it")
			}
		}, func(a *arena) {
			c := a.connect(a.open, hello{id: "big"})
			c.subscribe(0, "hellox/refused/big")
			c.publish("x", strings.Repeat("x", 200_000), 1, false)
			c.silent()
		}},
		{"a password in the log, also of a user", "NATS CVE-2026-33216", func(a *arena) {
			w := a.wall()
			for _, password := range []string{"swordfish", "secret of bob"} {
				c, _, _ := tryConnect(a.t, w.b.Addr(0), hello{id: "x", user: "alice", password: password})
				c.closed()
			}
			w.connect(hello{}.as("alice")).disconnect()
			w.stop()
			for _, secret := range []string{"swordfish", "secret of", b64([]byte("swordfish"))} {
				if strings.Contains(w.said.String(), secret) {
					a.t.Errorf("the log has %q", secret)
				}
			}
		}, func(a *arena) {
			w := a.wall()
			w.refused(hello{id: "loud", user: "alice", password: "swordfish"}, 4)
			if len(linesWith(w.said.String(), "refused", "client=loud", "bad user name or password")) != 1 {
				a.t.Errorf("the log: %s", w.said)
			}
		}},
		{"an authentication method, or AUTH", "finding 4.3", func(a *arena) {
			h := hello{id: "auth", v5: true}.packet()
			i := bytes.Index(h, []byte{5, 2, 0, 0, 0}) // version, flags, keep alive, no properties
			props := append([]byte{0x15}, str(nil, "SCRAM")...)
			body := append(append(append([]byte{}, h[2:i+4]...), byte(len(props))), props...)
			c := dial(a.t, a.b.Addr(a.open))
			c.send(frame(packets.Connect<<4, append(body, h[i+5:]...)))
			if p := c.expect(packets.Connack); p.body[1] != packets.ErrBadAuthenticationMethod.Code {
				a.t.Errorf("CONNACK %x", p.body)
			}
			c.closed()
			c = a.connect(a.open, hello{id: "auth", v5: true})
			c.send([]byte{packets.Auth << 4, 0})
			c.closed()
		}, func(a *arena) { // with a password, which is no method
			a.connect(a.open, hello{id: "auth", v5: true, user: "u", password: "p"}).disconnect()
			a.wall().connect(hello{v5: true}.as("alice")).disconnect()
		}},
	}
}

// loadAttacks try to make one client cost the others something.
func loadAttacks() []attack {
	return []attack{
		again("memory for sessions that have ended", "finding 1", TestEndedSessionsLeaveNothing, (*arena).manyFilters),
		again("one absent session that fills the store", "finding 3", TestSessionQuota, func(a *arena) { a.leaves(1) }),
		again("many absent sessions that fill the store", "finding 3", TestFullOfStrangers, func(a *arena) { a.leaves(30) }),
		again("a byte that waits beside a busy neighbour", "finding 4", TestAbsentSessionsHoldTheirOwn, (*arena).busy),
		again("32 MiB of retained messages that lock readers out", "findings 5, 9", TestRetainedReachAnyReader, (*arena).readsRetained),
		{"hundreds of absent sessions on one filter", "findings 10, 11", func(a *arena) {
			// Their number must not multiply what a publisher waits; the bound is
			// wide, for other tests run beside.
			alone := a.publishTime(100)
			for i := range 500 {
				away(a.t, a.b, fmt.Sprint("absent", i), "x/#")
			}
			if crowded := a.publishTime(100); crowded > 10*alone+2*time.Second {
				a.t.Errorf("100 messages take %v, without absent sessions %v", crowded, alone)
			}
			for _, i := range []int{0, 250, 499} {
				c := a.connect(a.open, hello{id: fmt.Sprint("absent", i), keep: true})
				for range 100 {
					c.take()
				}
				c.silent()
			}
		}, func(a *arena) {
			away(a.t, a.b, "absent", "x/#")
			a.publishTime(100)
			c := a.connect(a.open, hello{id: "absent", keep: true})
			for range 100 {
				c.take()
			}
			c.silent()
		}},
		again("a panic in one connection", "anchors B", TestPanicEndsOneConnection, (*arena).subscribesOn),
		{"HTTP connections that are idle after a request", "finding 7", func(a *arena) {
			host := a.webSocket()
			var idle []net.Conn
			for range 50 {
				c, err := net.Dial("tcp", host)
				if err != nil {
					a.t.Fatal(err)
				}
				defer c.Close()
				fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host)
				idle = append(idle, c)
			}
			for _, c := range idle {
				_ = c.SetReadDeadline(time.Now().Add(testTimeout))
				if _, err := io.Copy(io.Discard, c); err != nil {
					a.t.Fatalf("a connection is still open: %v", err)
				}
			}
		}, func(a *arena) { a.upgraded(a.webSocket(), "") }},
		{"half an HTTP request", "row 11 by WebSocket", func(a *arena) {
			host := a.webSocket()
			c, err := net.Dial("tcp", host)
			if err != nil {
				a.t.Fatal(err)
			}
			defer c.Close()
			fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\n", host)
			_ = c.SetReadDeadline(time.Now().Add(connectTimeout + testTimeout))
			if _, err := io.Copy(io.Discard, c); err != nil {
				a.t.Errorf("it is still open: %v", err)
			}
		}, func(a *arena) { a.upgraded(a.webSocket(), "") }},
		{"a WebSocket from a page of another site", "NATS CVE-2026-33219, websocket.go:50", func(a *arena) {
			host := a.webSocket()
			for _, origin := range []string{"http://evil.example", "null", "http://127.0.0.1:1"} {
				_, resp, err := websocket.Dial(a.t.Context(), "ws://"+host, &websocket.DialOptions{Subprotocols: []string{"mqtt"}, HTTPHeader: http.Header{"Origin": {origin}}})
				if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
					a.t.Errorf("origin %s: %v, %v", origin, resp, err)
				}
			}
		}, func(a *arena) {
			host := a.webSocket()
			a.upgraded(host, "http://"+host)
		}},
		{"a page whose own name was made to resolve to this machine", "DNS rebinding", func(a *arena) {
			host := a.webSocket()
			for _, name := range []string{"evil.example", "127.0.0.1.evil.example:1883"} {
				_, resp, err := websocket.Dial(a.t.Context(), "ws://"+host, &websocket.DialOptions{Host: name, Subprotocols: []string{"mqtt"}, HTTPHeader: http.Header{"Origin": {"http://" + name}}})
				if err == nil || resp == nil || resp.StatusCode != http.StatusMisdirectedRequest {
					a.t.Errorf("name %s: %v, %v", name, resp, err)
				}
			}
		}, func(a *arena) {
			host := a.webSocket()
			a.upgraded(host, "http://"+host)
		}},
		{"passwords tried by a flood", "issue 11", func(a *arena) {
			w := a.wall()
			w.connect(hello{}.as("alice")).disconnect()
			var flood []*client
			for i := range 200 {
				c := dial(a.t, w.b.Addr(0))
				_ = c.trySend(hello{id: fmt.Sprint("f", i), user: "alice", password: fmt.Sprint("guess", i)}.packet())
				flood = append(flood, c)
			}
			w.connect(hello{}.as("alice")).disconnect()
			for _, c := range flood {
				c.closed()
			}
		}, func(a *arena) { a.wall().connect(hello{}.as("alice")).disconnect() }},
		{"more connections than there may be", "anchors A6", func(a *arena) {
			a.stop()
			a.options.Limits.Connections = 20
			a.start()
			for i := range 40 {
				c := dial(a.t, a.b.Addr(a.open))
				_ = c.trySend(hello{id: fmt.Sprint("c", i)}.packet())
			}
			wait(a.t, "the others are refused", func() bool { return strings.Contains(a.said.String(), "most connections") })
			if n := len(a.b.connections()); n > 20 {
				a.t.Errorf("%d are open", n)
			}
		}, func(a *arena) {
			a.stop()
			a.options.Limits.Connections = 20
			a.start()
			for i := range 20 {
				a.connect(a.open, hello{id: fmt.Sprint("c", i)}).silent()
			}
		}},
		{"retained messages without end", "finding 3.3", func(a *arena) {
			c := a.connect(a.open, hello{id: "pub"})
			for i := range maxRetained + 100 {
				c.send(c.publishPacket(fmt.Sprint("r/", i), "x", 0, true, 0))
			}
			c.silent()
			if n := a.b.retained.Len(); n > maxRetained {
				a.t.Errorf("%d are retained", n)
			}
			if n := len(linesWith(a.said.String(), "not retained")); n == 0 || n > 3 {
				a.t.Errorf("%d lines of log", n)
			}
		}, func(a *arena) {
			c := a.connect(a.open, hello{id: "pub"})
			c.publish("r/x", "x", 1, true)
			c.subscribe(0, "r/#")
			if g := c.message(); g.payload != "x" {
				a.t.Errorf("got %+v", g)
			}
		}},
		{"goroutines and memory of silent connections", "server.go:406", func(a *arena) {
			before := runtime.NumGoroutine()
			for range 200 {
				c := dial(a.t, a.b.Addr(a.open))
				_ = c.trySend([]byte{packets.Connect << 4, 50, 0})
			}
			wait(a.t, "they are gone", func() bool { return len(a.b.connections()) == 0 && runtime.NumGoroutine() < before+400 })
		}, func(a *arena) {
			var all []*client
			for i := range 200 {
				all = append(all, a.connect(a.open, hello{id: fmt.Sprint("c", i)}))
			}
			for _, c := range all {
				c.silent() // it is still there
			}
		}},
	}
}

// publishTime returns how long a publisher waits for the PUBACKs of n messages, one
// after the other.
func (a *arena) publishTime(n int) time.Duration {
	a.t.Helper()
	c := a.connect(a.open, hello{id: "timed"})
	began := time.Now()
	for range n {
		c.publish("x/y", "x", 1, false)
	}
	return time.Since(began)
}

// webSocket starts a broker with a WebSocket listener and returns its address.
func (a *arena) webSocket() string {
	a.t.Helper()
	b, stop := startStop(a.t, Options{Listeners: []Listener{{Net: listenLoopback(a.t), Open: true, WebSocket: true}}})
	a.t.Cleanup(stop)
	return b.Addr(0).String()
}

// upgraded opens a WebSocket and connects.
func (a *arena) upgraded(host, origin string) {
	a.t.Helper()
	header := http.Header{}
	if origin != "" {
		header.Set("Origin", origin)
	}
	ws, _, err := websocket.Dial(a.t.Context(), "ws://"+host, &websocket.DialOptions{Subprotocols: []string{"mqtt"}, HTTPHeader: header})
	if err != nil {
		a.t.Fatal(err)
	}
	defer ws.CloseNow()
	if err := ws.Write(a.t.Context(), websocket.MessageBinary, hello{id: "ws"}.packet()); err != nil {
		a.t.Fatal(err)
	}
	if _, b, err := ws.Read(a.t.Context()); err != nil || len(b) != 4 || b[0] != packets.Connack<<4 || b[3] != 0 {
		a.t.Errorf("CONNACK %x, %v", b, err)
	}
}
