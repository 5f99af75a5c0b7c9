package broker

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
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

// TestEndedSessionsLeaveNothing has many sessions with many long topic filters
// come and end. What they had in memory is free again.
func TestEndedSessionsLeaveNothing(t *testing.T) {
	b := start(t, Options{})
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	round := func(n int) {
		for i := range 50 {
			id := fmt.Sprintf("c%d-%d", n, i)
			var filters []string
			for f := range maxTopicFilters {
				filters = append(filters, fmt.Sprintf("%s/%d/%s", id, f, strings.Repeat("level-of-a-topic/", 13)))
			}
			for _, h := range []hello{{id: id, keep: true}, {id: id}} { // the second ends what the first left
				c := connect(t, b.Addr(0), h)
				if h.keep {
					if codes := c.subscribe(1, filters...); codes[0] != 1 {
						t.Fatalf("granted %#x", codes)
					}
				}
				c.disconnect()
			}
		}
	}
	round(0)
	wait(t, "the sessions end", func() bool { return b.sessions.len() == 0 })
	before := heap()
	round(1)
	wait(t, "the sessions end", func() bool { return b.sessions.len() == 0 })
	if grown := heap() - before; grown > 2<<20 {
		t.Errorf("%d bytes more are in use after 50 sessions with 50 topic filters each", grown)
	}
}

// TestRequestsAreNotKeptAlive asks a WebSocket listener for a page: the answer is
// the connection's end.
func TestRequestsAreNotKeptAlive(t *testing.T) {
	b := start(t, Options{Listeners: []Listener{{Net: listenLoopback(t), Open: true, WebSocket: true}}})
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
