package broker

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// TestResumeForTheLastTime has a client of MQTT 5 resume its session without a
// Session Expiry: it gets what waits and what it has not acknowledged, and only
// then, when it leaves, the session ends.
func TestResumeForTheLastTime(t *testing.T) {
	b := start(t, Options{Store: t.TempDir()})
	c := connect(t, b.Addr(0), hello{id: "r", v5: true, keep: true})
	c.subscribe(1, "x")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	pub.publish("x", "unacknowledged", 1, false)
	c.message()
	c.c.Close()
	gone(t, b, "r")
	pub.publish("x", "waiting", 1, false)

	c, code, present := tryConnect(t, b.Addr(0), hello{id: "r", v5: true, resume: true})
	if code != 0 || !present {
		t.Fatalf("code %#x, session present %v", code, present)
	}
	for _, want := range []string{"unacknowledged", "waiting"} {
		if g := c.take(); g.payload != want {
			t.Errorf("got %+v, want %s", g, want)
		}
	}
	pub.publish("x", "live", 1, false)
	if g := c.take(); g.payload != "live" {
		t.Errorf("got %+v", g)
	}
	c.disconnect()
	wait(t, "the session ends", func() bool { return b.sessions.current("r") == nil })
	_, code, present = tryConnect(t, b.Addr(0), hello{id: "r", v5: true, resume: true})
	if code != packets.CodeSuccess.Code || present {
		t.Errorf("code %#x, session present %v after its end", code, present)
	}
}

// TestRequestsAreNotKeptAlive asks a WebSocket listener for a page: the answer is
// the connection's end, long before the time for a CONNECT is over.
func TestRequestsAreNotKeptAlive(t *testing.T) {
	b := start(t, Options{Listeners: []Listener{{Net: listenLoopback(t), Open: true, WebSocket: true}}, Limits: Limits{Connect: time.Hour}})
	c, err := net.Dial("tcp", b.Addr(0).String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(testTimeout))
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", b.Addr(0))
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if _, err := r.ReadByte(); err != io.EOF { //nolint:errorlint // the very same
		t.Errorf("the connection stays open: %v", err)
	}
}

// A deadlines is a connection that notes its read deadline.
type deadlines struct {
	net.Conn
	at time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error { d.at = t; return nil }
func (d *deadlines) SetDeadline(time.Time) error       { return nil }

// TestKeepAlive holds the deadline against one and a half times the keep alive,
// also where that is no whole second.
func TestKeepAlive(t *testing.T) {
	now := time.Now()
	for keepAlive, want := range map[time.Duration]time.Duration{
		time.Second: 1500 * time.Millisecond, 2 * time.Second: 3 * time.Second, 3 * time.Second: 4500 * time.Millisecond,
	} {
		d := &deadlines{}
		c := newConn(d, &shared{now: func() time.Time { return now }}, gate{}, nil)
		c.keepAlive = keepAlive
		if (&handler{conn: c}).renewDeadline(); d.at.Sub(now) != want {
			t.Errorf("the deadline is after %s, want %s", d.at.Sub(now), want)
		}
	}
}

// TestInvalidConnects has clients of MQTT 3.1.1 say what the standard forbids:
// they get its codes, or no answer where it has none.
func TestInvalidConnects(t *testing.T) {
	b := start(t, Options{})
	valid := hello{id: "x"}.packet()
	with := func(at int, v byte) []byte {
		p := append([]byte(nil), valid...)
		p[at] = v
		return p
	}
	for name, k := range map[string]struct {
		packet []byte
		code   int // -1: no answer
	}{
		"no ID and no clean session": {hello{keep: true}.packet(), 2},
		"level 6":                    {with(8, 6), 1},
		"level 2":                    {with(8, 2), 1},
		"another name":               {with(7, 'X'), -1},
		"reserved flag":              {with(9, 3), -1},
	} {
		c := dial(t, b.Addr(0))
		c.send(k.packet)
		p, err := c.read(testTimeout)
		if got := -1; k.code != got || err == nil {
			if err == nil {
				got = int(p.body[1])
			}
			if got != k.code {
				t.Errorf("%s: answered with %d, want %d", name, got, k.code)
			}
		}
		c.closed()
	}
}

// TestDelayedWillOfATakeover has a client with a delayed will come back over a
// new connection while the old one still stands: it was in time, and nothing is
// published.
func TestDelayedWillOfATakeover(t *testing.T) {
	b := start(t, Options{})
	spy := connect(t, b.Addr(0), hello{id: "spy"})
	spy.subscribe(0, "#")
	first := connect(t, b.Addr(0), hello{id: "c", v5: true, keep: true, willTopic: "will", willDelay: 3600})
	connect(t, b.Addr(0), hello{id: "c", v5: true, keep: true, resume: true})
	first.closed()
	spy.silent()
	// A clean start ends the session, and with it the delay.
	second := connect(t, b.Addr(0), hello{id: "d", v5: true, keep: true, willTopic: "will", willDelay: 3600})
	connect(t, b.Addr(0), hello{id: "d", v5: true, keep: true})
	second.closed()
	if g := spy.message(); g.topic != "will" || g.payload != "will of d" {
		t.Errorf("got %+v", g)
	}
}
