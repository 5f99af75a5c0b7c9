package broker

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// TestKilled kills the broker while publishers and a receiver are at work:
// nothing acknowledged is lost, and everything is first seen in its order.
// HELLOX_KILLS sets how often.
func TestKilled(t *testing.T) {
	p := newProcess(t, t.TempDir())
	p.env = []string{"HELLOX_TEST_BACKPRESSURE=receiver"}
	p.start(t)
	l := startLoad(t, p.addr, 10, 20, 2*time.Millisecond)
	for i := range fromEnv(t, "HELLOX_KILLS", 10) {
		before := l.acked()
		wait(t, "messages are acknowledged", func() bool { return l.acked() > before+200 })
		time.Sleep(rand.N(400 * time.Millisecond)) // at any moment, not just after an acknowledgement
		if i%3 == 2 {
			l.receiver.cut()
		}
		p.kill()
		p.start(t)
	}
	l.verdict(t)
}

// TestSharedKilled kills the broker while publishers publish at QoS 1 and 2 for a group
// of three, whose members lose their connections as well: nothing acknowledged is
// lost, and what was published at QoS 2 comes once. HELLOX_KILLS sets how often.
func TestSharedKilled(t *testing.T) {
	p := newProcess(t, t.TempDir())
	p.start(t)
	g := &killedGroup{t: t, addr: p.addr, seen: map[string]int{}, acked: map[string]bool{}}
	ctx, cancel := context.WithCancel(t.Context())
	members, stop := context.WithCancel(t.Context())
	var publishers, others sync.WaitGroup
	defer func() { cancel(); stop(); publishers.Wait(); others.Wait() }()
	ready := make(chan struct{}, 3)
	for n := range 3 {
		others.Go(func() { g.member(members, fmt.Sprint("m", n), ready) })
	}
	for range 3 {
		<-ready
	}
	for qos := byte(1); qos <= 2; qos++ {
		for n := range 2 {
			publishers.Go(func() { g.publisher(ctx, fmt.Sprintf("p%d%d", qos, n), qos) })
		}
	}
	for range fromEnv(t, "HELLOX_KILLS", 8) {
		before := g.count()
		wait(t, "messages are acknowledged", func() bool { return g.count() > before+40 })
		time.Sleep(rand.N(100 * time.Millisecond)) // at any moment, not just after an acknowledgement
		p.kill()
		p.start(t)
	}
	cancel()
	publishers.Wait()
	wait(t, "everything has come", func() bool { return g.missing() == "" })
	stop()
	others.Wait()
	again := 0
	for payload, n := range g.seen {
		if n > 1 && strings.HasPrefix(payload, "p2") {
			t.Errorf("%s came %d times at QoS 2", payload, n)
		}
		again += n - 1
	}
	t.Logf("%d acknowledged, %d connections of members, %d at QoS 1 came again", len(g.acked), g.connects, again)
}

// A killedGroup is clients of a broker that is killed, and what they have.
type killedGroup struct {
	t    *testing.T
	addr net.Addr

	mu       sync.Mutex
	acked    map[string]bool
	seen     map[string]int
	connects int
}

func (g *killedGroup) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.acked)
}

// missing returns a message that was acknowledged and has not come.
func (g *killedGroup) missing() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	for payload := range g.acked {
		if g.seen[payload] == 0 {
			return payload
		}
	}
	return ""
}

// connect returns a connection of a session that lasts, or nil if there is none now.
func (g *killedGroup) connect(ctx context.Context, id string) (c *client, present bool) {
	conn, err := net.DialTimeout("tcp", g.addr.String(), time.Second)
	if err != nil {
		return nil, false
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	c = &client{t: g.t, c: conn, r: bufio.NewReader(conn)}
	if c.trySend(hello{id: id, keep: true}.packet()) == nil {
		if p, err := c.readNew(testTimeout); err == nil && p.kind() == packets.Connack && p.body[1] == 0 {
			return c, p.body[0] == 1
		}
	}
	conn.Close()
	return nil, false
}

// member receives as the standard says: at QoS 2 a packet ID that it has is not a
// second message, until it is released.
func (g *killedGroup) member(ctx context.Context, id string, ready chan<- struct{}) {
	has := map[uint16]bool{}
	for told := false; ctx.Err() == nil; {
		c, present := g.connect(ctx, id)
		if c == nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		if !present {
			clear(has)
			_ = c.trySend(c.subscribePacket(1, 2, "$share/g/x"))
		}
		g.mu.Lock()
		g.connects++
		g.mu.Unlock()
		for left := 20 + rand.IntN(100); left > 0; left-- { // then the connection is lost
			p, err := c.readNew(testTimeout)
			if err != nil {
				break
			}
			switch p.kind() {
			case packets.Suback:
				if !told {
					told = true
					ready <- struct{}{}
				}
			case packets.Publish:
				g.got(c, c.parse(p), has)
			case packets.Pubrel:
				id := binary.BigEndian.Uint16(p.body)
				delete(has, id)
				_ = c.trySend(ackPacket(packets.Pubcomp, id))
			}
		}
		c.c.Close()
	}
}

// got notes a message, and acknowledges it, but not always.
func (g *killedGroup) got(c *client, m got, has map[uint16]bool) {
	g.mu.Lock()
	if !has[m.id] {
		g.seen[m.payload]++
	}
	g.mu.Unlock()
	kind := packets.Puback
	if m.qos == 2 {
		has[m.id] = true
		kind = packets.Pubrec
	}
	if rand.IntN(50) > 0 {
		_ = c.trySend(ackPacket(kind, m.id))
	}
}

// publisher publishes one message after the other, each until it is acknowledged.
func (g *killedGroup) publisher(ctx context.Context, id string, qos byte) {
	var c *client
	for n := 0; ctx.Err() == nil; n++ {
		payload := fmt.Sprint(id, "-", n)
		packetID := uint16(n%60000 + 1)
		steps := []byte{packets.Puback}
		if qos == 2 {
			steps = []byte{packets.Pubrec, packets.Pubcomp}
		}
		again := false
		for len(steps) > 0 {
			if c == nil {
				if c, _ = g.connect(g.t.Context(), id); c == nil {
					time.Sleep(20 * time.Millisecond)
					continue
				}
			}
			packet := ackPacket(packets.Pubrel, packetID)
			if steps[0] != packets.Pubcomp {
				if packet = c.publishPacket("x", payload, qos, false, packetID); again {
					packet[0] |= 8
				}
			}
			again = true
			_ = c.trySend(packet)
			p, err := c.readNew(testTimeout)
			switch {
			case err != nil:
				c.c.Close()
				c = nil
			case p.kind() == steps[0] && binary.BigEndian.Uint16(p.body) == packetID:
				steps = steps[1:]
			}
		}
		g.mu.Lock()
		g.acked[payload] = true
		g.mu.Unlock()
	}
}
