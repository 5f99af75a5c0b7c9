package broker

import (
	"fmt"
	"strings"
	"testing"
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
