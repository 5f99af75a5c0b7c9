package broker

import (
	"testing"

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
