package broker

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/mochi-mqtt/server/v2/packets"
)

// oddAttacks are what other brokers had let in, and mochi's server had not.
func oddAttacks() []attack {
	return []attack{
		{"a message at QoS 2 repeated without end", "Mosquitto CVE-2023-28366", func(a *arena) {
			const n = 5000
			spy := a.connect(a.open, hello{id: "spy"})
			spy.subscribe(0, "x")
			c := a.connect(a.open, hello{id: "pub"})
			for range n {
				c.send(c.publishPacket("x", "once", 2, false, 7))
				c.expect(packets.Pubrec)
			}
			if left := a.b.shared.budget.unreleased.Load(); left != 1 {
				a.t.Errorf("%d packet IDs are unreleased", left)
			}
			spy.message()
			spy.silent()
		}, func(a *arena) { a.releases() }},
		{"last wills that are refused, again and again", "Mosquitto CVE-2023-3592", func(a *arena) {
			for range 200 {
				a.refused(a.open, hello{id: "evil", v5: true, keep: true, willTopic: "$SYS/x", willDelay: 100}, 0x87)
			}
			if n := a.b.sessions.len(); n > 0 {
				a.t.Errorf("%d sessions are left", n)
			}
			wait(a.t, "nothing waits for them", func() bool { return len(a.b.connections()) == 0 && a.b.shared.budget.used.Load() == 0 })
		}, func(a *arena) { a.willArrives(a.open, "SYS/x") }},
		{"topics and topic filters of no length", "Mosquitto CVE-2021-34432", func(a *arena) {
			for _, v5 := range []bool{false, true} {
				for _, packet := range []func(*client) []byte{
					func(c *client) []byte { return c.publishPacket("", "x", 1, true, 1) },
					func(c *client) []byte { return c.subscribePacket(1, 1) },
					func(c *client) []byte { return frame(packets.Unsubscribe<<4|2, []byte{0, 1}) },
				} {
					c := a.connect(a.open, hello{id: "empty", v5: v5})
					c.send(packet(c))
					c.closed()
				}
				c := a.connect(a.open, hello{id: "empty", v5: v5})
				c.send(c.subscribePacket(1, 1, "")) // refused, or closed as malformed
				if p, err := c.read(testTimeout); err == nil && p.kind() == packets.Suback && p.body[len(p.body)-1] < 0x80 {
					a.t.Error("the empty topic filter is granted")
				}
			}
			if len(linesWith(a.said.String(), "panic")) > 0 {
				a.t.Errorf("the log: %s", a.said)
			}
		}, func(a *arena) {
			c := a.connect(a.open, hello{id: "short"})
			c.subscribe(0, "/")
			c.publish("/", "x", 1, false)
			if g := c.message(); g.topic != "/" {
				a.t.Errorf("got %+v", g)
			}
		}},
		{"user names that are no level of a topic", "Mosquitto CVE-2017-7650", func(a *arena) {
			w := a.wall()
			for _, name := range []string{"+", "#", "*", "alice/x", "al ice", "alice\x00", "", "$SYS"} {
				w.refused(hello{id: "x", user: name, password: "secret of " + name}, 4, 0xff)
				if name == "" || name == "#" {
					continue // its line is one of no user, or a comment
				}
				w.write(attackACL, append([]string{name}, walledUsers...)...)
				if err := w.files.Reload(); err == nil {
					a.t.Errorf("the user %q is taken", name)
				}
				w.write(attackACL, walledUsers...)
			}
		}, func(a *arena) { a.wall().published("alice", false, "mine/alice/x") }},
		pair("rights removed while a last will waits", "Mosquitto #3552", func(w *walled, _ bool) {
			spy := w.delayedWill()
			w.change(strings.Replace(attackACL, "write *     mine/%i/#\n", "", 1), walledUsers...)
			w.endMortal()
			spy.silent()
			w.change(attackACL, walledUsers...)
		}, func(w *walled, _ bool) {
			spy := w.delayedWill()
			w.endMortal()
			if g := spy.message(); g.topic != "mine/alice/will" {
				w.t.Errorf("got %+v", g)
			}
		}),
		{"a store that others can read", "Mosquitto CVE-2017-9868, NATS CVE-2026-33247", func(a *arena) {
			a.inFolder()
			if runtime.GOOS == "windows" {
				return // it has no such rights
			}
			info, err := os.Stat(a.options.Store)
			if err != nil || info.Mode().Perm()&0o077 != 0 {
				a.t.Errorf("the folder is %v (%v)", info.Mode(), err)
			}
		}, func(a *arena) {
			a.inFolder()
			a.stop()
			a.start()
			a.fetchSecret() // its own broker reads it
		}},
		{"a flood by one client", "anchors B3", func(a *arena) {
			var floods sync.WaitGroup
			defer floods.Wait()
			for n := range 2 {
				c := a.connect(a.open, hello{id: fmt.Sprint("flood", n)})
				c.subscribe(0, "flood/#")
				defer c.c.Close()
				floods.Go(func() {
					for c.trySend(c.publishPacket("flood/x", strings.Repeat("x", 1000), 0, false, 0)) == nil {
					}
				})
			}
			a.roundTrips(200)
		}, func(a *arena) { a.roundTrips(200) }},
		{"a WebSocket of another protocol, and a frame of text", "finding 3.3", func(a *arena) {
			host := a.webSocket()
			for _, protocol := range []string{"", "chat"} {
				ws, _, err := websocket.Dial(a.t.Context(), "ws://"+host, &websocket.DialOptions{Subprotocols: strings.Fields(protocol)})
				if err != nil {
					continue // refused at once
				}
				if _, _, err = ws.Read(a.t.Context()); err == nil {
					a.t.Errorf("a WebSocket of protocol %q is answered", protocol)
				}
				ws.CloseNow()
			}
			ws, _, err := websocket.Dial(a.t.Context(), "ws://"+host, &websocket.DialOptions{Subprotocols: []string{"mqtt"}})
			if err != nil {
				a.t.Fatal(err)
			}
			defer ws.CloseNow()
			_ = ws.Write(a.t.Context(), websocket.MessageText, hello{id: "text"}.packet())
			if _, _, err := ws.Read(a.t.Context()); err == nil {
				a.t.Error("a CONNECT in a frame of text is answered")
			}
		}, func(a *arena) { a.upgraded(a.webSocket(), "") }},
	}
}

// delayedWill has alice's client leave a last will that waits, until its session ends,
// and returns a reader of it.
func (w *walled) delayedWill() *client {
	w.t.Helper()
	spy := w.spy()
	w.connect(hello{id: "mortal", v5: true, keep: true, willTopic: "mine/alice/will", willDelay: 600}.as("alice")).c.Close()
	wait(w.t, "the will waits", func() bool {
		s := w.b.sessions.current("mortal")
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.will != nil
	})
	return spy
}

// endMortal ends the session of delayedWill, whose will is published then.
func (w *walled) endMortal() {
	w.t.Helper()
	w.connect(hello{id: "mortal"}.as("alice")).disconnect()
}

// inFolder has the broker make a store of its own, with a message in it.
func (a *arena) inFolder() {
	a.t.Helper()
	a.stop()
	a.options.Store = filepath.Join(a.options.Store, "own")
	a.start()
	a.queueSecret()
}

// roundTrips has a client send itself messages, and get each.
func (a *arena) roundTrips(n int) {
	a.t.Helper()
	c := a.connect(a.open, hello{id: "good"})
	c.subscribe(1, "good")
	began := time.Now()
	for i := range n {
		c.publish("good", fmt.Sprint(i), 1, false)
		if g := c.take(); g.payload != fmt.Sprint(i) {
			a.t.Fatalf("got %+v, want %d", g, i)
		}
	}
	c.silent()
	a.t.Logf("%d round trips in %v", n, time.Since(began))
}
