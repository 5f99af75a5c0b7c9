package broker

import (
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/prometheus/client_golang/prometheus"
)

// TestSharedSlowMember has one member that acknowledges nothing: the others get all but
// what it was sent, and it does not keep their messages on the disk.
func TestSharedSlowMember(t *testing.T) {
	b := start(t, Options{Store: t.TempDir(), StoreLimit: 16 << 20})
	slow := joined(t, b, 1, hello{id: "slow", v5: true, keep: true, receiveMaximum: 1})[0]
	others := joined(t, b, 1, hello{id: "b"}, hello{id: "c", keep: true})
	var taken atomic.Int64
	for _, c := range others {
		go func() {
			for {
				p, err := c.readNew(time.Minute)
				if err != nil {
					return
				}
				taken.Add(1)
				_ = c.trySend(ackPacket(packets.Puback, c.parse(p).id))
			}
		}()
	}
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	payload := strings.Repeat("x", 10_000)
	const messages, part = 3000, 100 // more than the store holds
	for range messages / part {
		for range part {
			pub.send(pub.publishPacket("x", payload, 1, false, pub.nextID()))
		}
		for range part {
			pub.expect(packets.Puback)
		}
	}
	wait(t, "the others have the rest", func() bool { return taken.Load() == messages-1 })
	slow.message()
	slow.silent()
	wait(t, "what they acknowledged is no longer stored", func() bool { return b.journal.Stats().Bytes <= 4<<20 && b.Degraded() == "" })
	slow.c.Close()
	wait(t, "they have its message as well", func() bool { return taken.Load() == messages })
}

// TestSharedOverQuota has more wait for a shared subscription than a session may hold:
// it is lost, with a line in the log, and the members' sessions live. With a member
// that publishers wait for nothing is lost.
func TestSharedOverQuota(t *testing.T) {
	for _, guarded := range []bool{false, true} {
		var said safeBuffer
		o := Options{Store: t.TempDir(), StoreLimit: 16 << 20, SessionQuota: 100_000, Log: slog.New(slog.NewTextHandler(&said, nil))}
		if guarded {
			o.Backpressure = []string{"a"}
		}
		b := start(t, o)
		for _, c := range joined(t, b, 1, hello{id: "a", keep: true}, hello{id: "b", keep: true}) {
			c.disconnect()
		}
		pub := connect(t, b.Addr(0), hello{id: "pub"})
		payload := strings.Repeat("x", 1000)
		dropped := func() bool { return strings.Contains(said.String(), "shared subscription over its quota") }
		for range 300 {
			if pub.publish("x", payload, 1, false); !guarded && dropped() {
				break // more could be dropped with the last one
			}
		}
		if !guarded {
			wait(t, "the log says so", dropped)
		}
		pub.publish("x", "last", 1, false)
		c, _, present := tryConnect(t, b.Addr(0), hello{id: "b", keep: true})
		if !present {
			t.Error("the member's session has ended")
		}
		n := 1
		for c.take().payload != "last" {
			n++
		}
		if guarded != (n == 301) {
			t.Errorf("guarded %v: %d messages came", guarded, n)
		}
		c.silent()
		times := len(linesWith(said.String(), "what waited for it is lost"))
		if lost, got := counted(t, b.metrics.sharedLost), counted(t, b.metrics.sharedLosses); lost != toldLost(said.String()) || got != times || (got == 0) != guarded {
			t.Errorf("guarded %v: %d messages are counted as lost, and %d times; the log tells of %d, and %d times", guarded, lost, got, toldLost(said.String()), times)
		}
	}
}

// TestSharedLimits holds the limits, and has nothing left when members end.
func TestSharedLimits(t *testing.T) {
	b := start(t, Options{Limits: Limits{Shared: 2, SharedMembers: 2}})
	a := connect(t, b.Addr(0), hello{id: "a", v5: true, keep: true})
	if codes := fmt.Sprintf("%x", a.subscribe(1, "$share/g/x", "$share/h/x", "$share/i/x")); codes != "010197" {
		t.Errorf("granted %s", codes)
	}
	joined(t, b, 1, hello{id: "b"})
	third := connect(t, b.Addr(0), hello{id: "c"})
	if code := third.subscribe(1, "$share/g/x")[0]; code != 0x80 {
		t.Errorf("granted %#x", code)
	}
	if code := a.subscribe(2, "$share/g/x")[0]; code != 2 {
		t.Errorf("a member's second SUBSCRIBE is granted %#x", code)
	}
	connect(t, b.Addr(0), hello{id: "a"}).disconnect()
	connect(t, b.Addr(0), hello{id: "b"}).disconnect()
	wait(t, "nothing is left", func() bool {
		b.router.mu.RLock()
		defer b.router.mu.RUnlock()
		return len(b.router.shared) == 0 && len(b.router.root.children) == 0
	})
}

// TestSharedUnfit has a member that does not take large packets: another one gets them,
// also later.
func TestSharedUnfit(t *testing.T) {
	b := start(t, Options{})
	big := joined(t, b, 1, hello{id: "big", keep: true})[0]
	big.disconnect()
	small := dial(t, b.Addr(0))
	small.v5 = true
	small.send(raw5(2, "\x27\x00\x00\x00\x40", "small"))
	small.expect(packets.Connack)
	small.subscribe(1, "$share/g/x")
	pub := connect(t, b.Addr(0), hello{id: "pub"})
	large := strings.Repeat("x", 100)
	pub.publish("x", large, 1, false)
	pub.publish("x", "small", 1, false)
	if g := small.take(); g.payload != "small" {
		t.Errorf("got %+v", g)
	}
	small.silent()
	big = connect(t, b.Addr(0), hello{id: "big", keep: true})
	if g := big.take(); g.payload != large {
		t.Errorf("got %+v", g)
	}
	big.silent()
}

// TestSharedAbsentMembers has many members that are away, and holds their locks: what
// is sent to the one that is there asks none of them.
func TestSharedAbsentMembers(t *testing.T) {
	b := start(t, Options{Store: t.TempDir()})
	const away = 50
	for i := range away {
		joined(t, b, 1, hello{id: fmt.Sprint("away", i), keep: true})[0].disconnect()
		gone(t, b, fmt.Sprint("away", i))
	}
	c := joined(t, b, 1, hello{id: "here"})[0]
	for i := range away {
		s := b.sessions.current(fmt.Sprint("away", i))
		s.mu.Lock()
		defer s.mu.Unlock()
	}
	for qos := range byte(2) {
		publishAll(t, b, qos, 20)
		for i := range 20 {
			if g := c.take(); g.payload != fmt.Sprint(i) {
				t.Errorf("got %+v, want %d", g, i)
			}
		}
	}
}

// TestSharedFullHolder has a member come back that has room for less than it was sent:
// the other one gets what is published then, and at QoS 1 what that one has no room for.
// What was begun with it at QoS 2 is completed with it, in order.
func TestSharedFullHolder(t *testing.T) {
	for qos := byte(1); qos <= 2; qos++ {
		for _, takeover := range []bool{false, true} {
			t.Run(fmt.Sprintf("QoS %d, takeover %v", qos, takeover), func(t *testing.T) {
				b := start(t, Options{Store: t.TempDir()})
				h := hello{id: "slow", v5: true, keep: true, resume: true, receiveMaximum: 5}
				both := joined(t, b, qos, h, hello{id: "b"})
				slow, other := both[0], both[1]
				publishAll(t, b, qos, 10)
				held := make([]got, 5)
				for i := range held {
					held[i] = slow.message()
					other.take()
				}
				if !takeover {
					slow.c.Close()
					gone(t, b, "slow")
					if qos == 1 {
						for range held {
							other.take()
						}
						held = nil
					}
				}
				h.receiveMaximum = 1
				slow = connect(t, b.Addr(0), h)
				if qos == 2 {
					publishAll(t, b, qos, 10)
					for i := range 10 {
						if g := other.take(); g.payload != fmt.Sprint(i) {
							t.Errorf("the other one got %+v, want %d", g, i)
						}
					}
				} else if takeover {
					// All are given to the other one, in order, until the new connection is
					// there, which then gets one; if it comes late, none is left for it.
					var after []string
					for range len(held) - 1 {
						after = append(after, other.take().payload)
					}
					_, last := takeFrom(t, slow, other)
					after = append(after, last.payload)
					slices.Sort(after)
					for i, want := range held {
						if after[i] != want.payload {
							t.Fatalf("the two got %v, want those of %+v", after, held)
						}
					}
					held = nil
				}
				for _, want := range held {
					if g := slow.take(); g.payload != want.payload || qos == 2 && (g.id != want.id || !g.dup) {
						t.Errorf("got %+v, want %+v", g, want)
					}
				}
				publishAll(t, b, qos, 2)
				slow.take()
				other.take()
				slow.silent()
				other.silent()
				wait(t, "nothing is stored", func() bool { return b.journal.Stats().Batches == 0 })
			})
		}
	}
}

// takeFrom takes the next message of the client that gets one.
func takeFrom(t *testing.T, clients ...*client) (*client, got) {
	t.Helper()
	for began := time.Now(); time.Since(began) < testTimeout; {
		for _, c := range clients {
			if p, err := c.read(50 * time.Millisecond); err == nil && p.kind() == packets.Publish {
				c.pending = slices.Insert(c.pending, 0, p)
				return c, c.take()
			}
		}
	}
	t.Fatal("no client gets a message")
	panic("unreachable")
}

// TestSharedHeldQuota has a member hold messages that are too much together, of a
// subscription with a quota and of one that publishers wait for: what it holds is lost,
// and the others lose nothing.
func TestSharedHeldQuota(t *testing.T) {
	for _, guarded := range []bool{false, true} {
		t.Run(fmt.Sprint("guarded ", guarded), func(t *testing.T) {
			o := Options{Store: t.TempDir(), StoreLimit: 16 << 20, SessionQuota: 1 << 20}
			said := logged(&o)
			if guarded {
				o.Backpressure = []string{"b"}
			}
			b := start(t, o)
			h := hello{id: "slow", v5: true, keep: true, resume: true, receiveMaximum: 100}
			both := joined(t, b, 2, h, hello{id: "b", keep: true})
			slow, other := both[0], both[1]
			pub := connect(t, b.Addr(0), hello{id: "pub"})
			publish := func(n int, payload string) {
				for i := range uint16(n) {
					pub.publish2("x", payload, i+1, false)
					pub.release(i + 1)
				}
			}
			large := strings.Repeat("x", 50_000)
			for range 10 {
				publish(2, large)
				slow.message()
				other.take()
			}
			h.receiveMaximum = 1
			slow = connect(t, b.Addr(0), h)
			slow.message()
			for range 1000 { // beyond what the store holds
				publish(1, large)
				if g := other.take(); len(g.payload) != len(large) {
					t.Fatalf("got %d bytes", len(g.payload))
				}
			}
			if b.Degraded() != "" {
				t.Error(b.Degraded())
			}
			// It has room again when it has released what is lost.
			h.receiveMaximum = 100
			slow = connect(t, b.Addr(0), h)
			publish(4, "new")
			for slow.take().payload != "new" {
			}
			for range 2 {
				other.take()
			}
			told, lost := toldLost(said.String()), counted(t, b.metrics.sharedLost)
			if times := counted(t, b.metrics.sharedLosses); lost == 0 || lost != told || times != 0 {
				t.Errorf("%d messages are counted as lost, and %d times; the log tells of %d", lost, times, told)
			}
		})
	}
}

// toldLost returns how many messages a log says that members held and lost.
func toldLost(log string) (told int) {
	for _, line := range linesWith(log, "what members did not acknowledge is lost") {
		_, after, _ := strings.Cut(line, " lost=")
		n, _ := strconv.Atoi(strings.Fields(after)[0])
		told += n
	}
	return told
}

// tiny connects a member of $share/g/x that takes packets of up to 64 bytes.
func tiny(t *testing.T, b *Broker) *client {
	small := dial(t, b.Addr(0))
	small.v5 = true
	small.send(raw5(2, "\x27\x00\x00\x00\x40", "small"))
	small.expect(packets.Connack)
	small.subscribe(1, "$share/g/x")
	return small
}

// TestSharedKept has more messages wait for a member that is away, or has no room, than
// are kept, all too large for the other one: it gets what fits.
func TestSharedKept(t *testing.T) {
	for _, away := range []bool{true, false} {
		t.Run(fmt.Sprint("away ", away), func(t *testing.T) {
			b := start(t, Options{Store: t.TempDir()})
			h := hello{id: "big", v5: true, keep: true, resume: true, receiveMaximum: 1}
			big := joined(t, b, 1, h)[0]
			small := tiny(t, b)
			large := strings.Repeat("x", 100)
			pub := connect(t, b.Addr(0), hello{id: "pub"})
			pub.publish("x", large, 1, false)
			held := big.message()
			if away {
				big.disconnect()
				gone(t, b, "big")
			}
			const more, part = maxOutOfOrder + 200, 100
			for i := range more / part {
				for j := range part {
					pub.send(pub.publishPacket("x", fmt.Sprint(i*part+j, large), 1, false, pub.nextID()))
				}
				for range part {
					pub.expect(packets.Puback)
				}
			}
			pub.publish("x", "small", 1, false)
			if g := small.take(); g.payload != "small" {
				t.Errorf("got %+v", g)
			}
			first := more - maxOutOfOrder
			if away {
				h.receiveMaximum = 0
				big = connect(t, b.Addr(0), h)
				if g := big.take(); g.payload != large {
					t.Errorf("got %+v", g)
				}
			} else {
				big.ack(held.id)
			}
			for i := first; i < more; i++ {
				if g := big.take(); g.payload != fmt.Sprint(i, large) {
					t.Fatalf("got %+v, want %d", g, i)
				}
			}
			small.silent()
			wait(t, "nothing is stored", func() bool { return b.journal.Stats().Batches == 0 })
			if lost, times := counted(t, b.metrics.sharedLost), counted(t, b.metrics.sharedLosses); lost != first || times != 0 {
				t.Errorf("%d messages are counted as lost, and %d times; %d were", lost, times, first)
			}
		})
	}
}

// counted returns the value of a counter.
func counted(t *testing.T, c prometheus.Counter) int {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(c)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return int(families[0].GetMetric()[0].GetCounter().GetValue())
}
