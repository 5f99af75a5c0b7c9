package broker

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"
)

// ownerACL lets two users use the same topics.
const ownerACL = "read alice x/#\nwrite alice x/#\nread bob x/#\nwrite bob x/#\n"

// TestOneOwnerFillsTheStore has one user fill many sessions, each smaller than the one
// of another user: it loses its own, and the log says why.
func TestOneOwnerFillsTheStore(t *testing.T) {
	for _, shared := range []bool{false, true} {
		t.Run(fmt.Sprintf("shared %v", shared), func(t *testing.T) {
			w := newWalled(t, ownerACL)
			w.stop()
			w.options.StoreLimit = 16 << 20
			w.start()
			topicFilter := func(topic string) string {
				if shared {
					return "$share/g/" + topic
				}
				return topic
			}
			keep := func(user, id, topic string) {
				c := w.connect(hello{id: id, keep: true}.as(user))
				c.subscribe(1, topicFilter(topic))
				c.disconnect()
			}
			keep("alice", "al", "x/alice")
			const many = 14
			for n := range many {
				keep("bob", fmt.Sprint("b", n), fmt.Sprint("x/bob/", n))
			}
			payload := strings.Repeat("x", 50_000)
			alice := w.connect(hello{}.as("alice"))
			const waits = 30
			for range waits {
				alice.publish("x/alice", payload, 1, false)
			}
			bob := w.connect(hello{}.as("bob"))
			for n := range 400 {
				bob.publish(fmt.Sprint("x/bob/", n%many), payload, 1, false)
			}
			w.stop()
			w.start() // whose they are is known after a restart
			c := w.connect(hello{id: "al", keep: true}.as("alice"))
			for range waits {
				if g := c.take(); g.topic != "x/alice" {
					t.Fatalf("got %s", g.topic)
				}
			}
			wait(t, "the log says whose sessions made room", func() bool {
				return strings.Contains(w.said.String(), `of all users \"bob\" holds most of it`)
			})
			if log := w.said.String(); strings.Contains(log, "over its quota") || strings.Contains(log, "client=al ") || strings.Contains(log, "x/alice") {
				t.Errorf("the log says %s", log)
			}
		})
	}
}

// TestOneOwnerHasAShare has one user use up its share of each limit. It is refused with
// the code of the limit, the log names the share, and another user still has its own.
func TestOneOwnerHasAShare(t *testing.T) {
	quota := packets.ErrQuotaExceeded.Code
	for _, k := range []struct {
		what   string
		limits Limits
		// use uses one more as a user, and returns the code of the answer.
		use func(w *walled, user string, n int) byte
	}{
		{"connections", Limits{Connections: 8}, func(w *walled, user string, n int) byte {
			_, code, _ := tryConnect(w.t, w.b.Addr(0), hello{id: fmt.Sprint(user, n), v5: true}.as(user))
			return code
		}},
		{"sessions", Limits{Sessions: 8}, func(w *walled, user string, n int) byte {
			c, code, _ := tryConnect(w.t, w.b.Addr(0), hello{id: fmt.Sprint(user, n), v5: true, keep: true}.as(user))
			c.c.Close()
			return code
		}},
		{"shared subscriptions", Limits{Shared: 8}, func(w *walled, user string, n int) byte {
			c := w.connect(hello{id: fmt.Sprint(user, n), v5: true, keep: true}.as(user))
			code := c.subscribe(1, fmt.Sprintf("$share/%s%d/x/#", user, n))[0]
			if code == 1 { // the QoS
				code = 0
			}
			return code
		}},
		{"members of a shared subscription", Limits{SharedMembers: 8}, func(w *walled, user string, n int) byte {
			c := w.connect(hello{id: fmt.Sprint(user, n), v5: true, keep: true}.as(user))
			code := c.subscribe(1, "$share/of all/x/#")[0]
			if code == 1 { // the QoS
				code = 0
			}
			return code
		}},
		{"unreleased messages at QoS 2", Limits{Unreleased: 8}, func(w *walled, user string, n int) byte {
			c := w.connect(hello{id: fmt.Sprint(user, n), v5: true, keep: true}.as(user))
			c.send(c.publishPacket("x/y", "z", 2, false, 1))
			return ackCode(c.expect(packets.Pubrec))
		}},
		{"retained messages", Limits{Retained: 8}, func(w *walled, user string, n int) byte {
			c := w.connect(hello{id: fmt.Sprint(user, n), v5: true}.as(user))
			c.send(c.publishPacket(fmt.Sprint("x/", user, n), "z", 1, true, 1))
			return ackCode(c.expect(packets.Puback))
		}},
		{"retained messages", Limits{RetainedBytes: 8000}, func(w *walled, user string, n int) byte {
			c := w.connect(hello{id: fmt.Sprint(user, n), v5: true}.as(user))
			c.send(c.publishPacket(fmt.Sprint("x/", user, n), strings.Repeat("z", 600), 1, true, 1))
			return ackCode(c.expect(packets.Puback))
		}},
	} {
		t.Run(k.what, func(t *testing.T) {
			w := newWalled(t, ownerACL)
			w.t = t
			w.stop()
			w.options.Limits = k.limits
			w.start()
			for n := range 2 {
				if code := k.use(w, "bob", n); code != 0 {
					t.Fatalf("%d: refused with %#x", n, code)
				}
			}
			if code := k.use(w, "bob", 2); code != quota {
				t.Fatalf("beyond the share: %#x, want %#x", code, quota)
			}
			if log := w.said.String(); !strings.Contains(log, `the user \"bob\" has its share of the broker's `+k.what+" (2") {
				t.Errorf("the log says %s", log)
			}
			for n := range 2 {
				if code := k.use(w, "alice", n); code != 0 {
					t.Fatalf("another user, %d: refused with %#x", n, code)
				}
			}
			if k.limits.Connections > 0 {
				return // no session of theirs is left
			}
			w.stop()
			w.start() // what each has is known after a restart
			if code := k.use(w, "bob", 3); code != quota {
				t.Fatalf("after a restart: %#x, want %#x", code, quota)
			}
		})
	}
}

// ackCode returns the reason code of a PUBACK or PUBREC.
func ackCode(p packet) byte {
	if len(p.body) < 3 {
		return 0
	}
	return p.body[2]
}

// TestShareComesBack has a user at its share give something up: there is room again. A
// client that takes its own connection over is let in.
func TestShareComesBack(t *testing.T) {
	w := newWalled(t, ownerACL)
	w.stop()
	w.options.Limits = Limits{Connections: 8, Shared: 8, Unreleased: 8}
	w.start()
	bob := w.connect(hello{id: "b0", v5: true}.as("bob"))
	bob.subscribe(1, "$share/a/x/#", "$share/b/x/#")
	for id := range uint16(2) {
		bob.send(bob.publishPacket("x/y", "z", 2, false, id+1))
		bob.expect(packets.Pubrec)
	}
	w.connect(hello{id: "b1"}.as("bob"))
	w.refused(hello{id: "b2", v5: true}.as("bob"), packets.ErrQuotaExceeded.Code)
	w.refused(hello{id: "b2"}.as("bob"), 3)
	w.connect(hello{id: "b1"}.as("bob")).disconnect()
	gone(t, w.b, "b1")
	wait(t, "the connection is given back", func() bool { return !w.b.connectedBy.full("bob", 8) })
	other := w.connect(hello{id: "b3", v5: true}.as("bob"))
	if code := other.subscribe(1, "$share/c/x/#")[0]; code != packets.ErrQuotaExceeded.Code {
		t.Errorf("a third shared subscription: %#x", code)
	}
	bob.disconnect()
	wait(t, "all is given back", func() bool {
		return !w.b.router.sharedBy.full("bob", 8) && !w.b.shared.budget.unreleasedBy.full("bob", 1)
	})
	if code := other.subscribe(1, "$share/c/x/#")[0]; code != 1 {
		t.Errorf("when there is room: %#x", code)
	}
}

// TestOneOwnerReadsSlowly has one user hold much by many connections, and another one
// more than each of them: of the first one connections are closed.
func TestOneOwnerReadsSlowly(t *testing.T) {
	w := newWalled(t, ownerACL)
	of := func(user, id string) *conn {
		w.connect(hello{id: id}.as(user))
		return connOf(t, w.b, id)
	}
	b := &w.b.shared.budget
	alice := of("alice", "al")
	if !b.take(alice, 12<<20) {
		t.Fatal("alice has no room")
	}
	var bob []*conn
	for n := range 7 {
		c := of("bob", fmt.Sprint("b", n))
		b.take(c, 8<<20)
		bob = append(bob, c)
	}
	if alice.isClosed() {
		t.Error("the connection that is largest by itself is closed")
	}
	open := 0
	for _, c := range bob {
		if !c.isClosed() {
			open++
		}
	}
	if open != 6 {
		t.Errorf("%d of 7 are open, want 6", open)
	}
	if log := w.said.String(); !strings.Contains(log, `most of it for those of the user \"bob\"`) {
		t.Errorf("the log says %s", log)
	}
	for _, c := range append(bob, alice) { // what was never sent
		b.give(c, int(c.pendingBytes.Load()))
	}
}
