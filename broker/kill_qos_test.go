package broker

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// TestKilledAtEachQoS kills the broker at random moments while publishers at QoS 0, 1
// and 2, whose sessions outlive their connections, send to a subscriber at QoS 2.
// Nothing acknowledged is lost, and nothing at QoS 2 comes twice. HELLOX_KILLS
// sets how often.
func TestKilledAtEachQoS(t *testing.T) {
	p := newProcess(t, t.TempDir())
	p.start(t)
	c := connect(t, p.addr, hello{id: "exact-sub", keep: true})
	c.subscribe(2, "exact/#")
	c.c.Close()
	ctx, stop := context.WithCancel(t.Context())
	sub := &exactReader{held: map[uint16]bool{}, got: map[string]int{}}
	rctx, rstop := context.WithCancel(t.Context())
	var reader, senders sync.WaitGroup
	reader.Go(func() { persist(rctx, t, p.addr, "exact-sub", sub.session) })
	var all []*exactSender
	for qos := range byte(3) {
		for i := range 3 {
			s := &exactSender{qos: qos, topic: fmt.Sprintf("exact/%d/%d", qos, i)}
			all = append(all, s)
			senders.Go(func() { persist(ctx, t, p.addr, strings.ReplaceAll(s.topic, "/", "-"), s.session) })
		}
	}
	for range fromEnv(t, "HELLOX_KILLS", 5) {
		before := sub.count()
		wait(t, "messages come", func() bool { return sub.count() > before+50 })
		time.Sleep(rand.N(300 * time.Millisecond)) // at any moment, not just after a message
		p.kill()
		p.start(t)
	}
	stop()
	senders.Wait()
	var acked, lost [3]int
	judge := func() (missing int) {
		acked, lost = [3]int{}, [3]int{}
		sub.mu.Lock()
		defer sub.mu.Unlock()
		for _, s := range all {
			acked[s.qos] += s.acked
			for n := range s.acked {
				if s.qos > 0 && sub.got[fmt.Sprintf("%s %d", s.topic, n)] == 0 {
					lost[s.qos]++
				}
			}
		}
		return lost[1] + lost[2]
	}
	for deadline := time.Now().Add(testTimeout); judge() > 0 && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	rstop()
	reader.Wait()
	doubled := [3]int{}
	for payload, n := range sub.got {
		doubled[payload[len("exact/")]-'0'] += n - 1
	}
	t.Logf("QoS 0: sent %d, doubled %d; QoS 1: acknowledged %d, lost %d, again %d; QoS 2: acknowledged %d, lost %d, doubled %d",
		acked[0], doubled[0], acked[1], lost[1], doubled[1], acked[2], lost[2], doubled[2])
	if acked[0]*acked[1]*acked[2] == 0 {
		t.Error("nothing was acknowledged: the test shows nothing")
	}
	if lost[1]+lost[2]+doubled[0]+doubled[2] > 0 {
		t.Error("something was lost, or came twice")
	}
}

// persist runs session over one connection after the other, with a session that
// outlives them, until ctx ends.
func persist(ctx context.Context, t testing.TB, addr net.Addr, id string, session func(ctx context.Context, c *client) error) {
	for ctx.Err() == nil {
		if conn, err := net.DialTimeout("tcp", addr.String(), time.Second); err == nil {
			stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) })
			c := &client{t: t, c: conn, r: bufio.NewReader(conn)}
			if c.trySend(hello{id: id, keep: true}.packet()) == nil {
				if p, err := c.readFor(ctx); err == nil && p.kind() == packets.Connack && p.body[1] == 0 {
					_ = session(ctx, c) // it ends with its connection
				}
			}
			stop()
			conn.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// An exactSender publishes numbered messages one after the other, and goes on with one
// over the next connection where the last one ended.
type exactSender struct {
	qos      byte
	topic    string
	acked    int  // messages acknowledged, or sent at QoS 0
	sent     bool // the next one was sent at least once
	received bool // it is acknowledged, and not released
}

func (s *exactSender) session(ctx context.Context, c *client) error {
	for ctx.Err() == nil {
		if err := s.step(ctx, c); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *exactSender) step(ctx context.Context, c *client) error {
	n := s.acked
	if s.received {
		n--
	}
	id := uint16(n%60000 + 1)
	if !s.received {
		packet := c.publishPacket(s.topic, fmt.Sprintf("%s %d", s.topic, n), s.qos, false, id)
		if s.sent && s.qos > 0 {
			packet[0] |= 8
		}
		s.sent = s.qos > 0
		if s.qos == 0 {
			s.acked++ // else it would be sent again
		}
		if err := c.trySend(packet); err != nil {
			return err
		}
		switch s.qos {
		case 0:
			time.Sleep(5 * time.Millisecond)
			return ctx.Err()
		case 1:
			if err := s.await(ctx, c, packets.Puback, id); err != nil {
				return err
			}
			s.acked, s.sent = s.acked+1, false
			return nil
		}
		if err := s.await(ctx, c, packets.Pubrec, id); err != nil {
			return err
		}
		s.acked, s.received = s.acked+1, true
	}
	if err := c.trySend(ackPacket(packets.Pubrel, id)); err != nil {
		return err
	}
	if err := s.await(ctx, c, packets.Pubcomp, id); err != nil {
		return err
	}
	s.received, s.sent = false, false
	return nil
}

func (s *exactSender) await(ctx context.Context, c *client, kind byte, id uint16) error {
	for {
		p, err := c.readFor(ctx)
		if err != nil {
			return err
		}
		if p.kind() == kind && binary.BigEndian.Uint16(p.body) == id {
			return nil
		}
	}
}

// An exactReader subscribes at QoS 2 and keeps packet IDs as the standard says: a
// message whose ID is not released yet is the same one again.
type exactReader struct {
	mu   sync.Mutex
	held map[uint16]bool
	got  map[string]int // payloads
}

func (r *exactReader) count() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for got := range maps.Values(r.got) {
		n += got
	}
	return n
}

func (r *exactReader) session(ctx context.Context, c *client) error {
	for {
		p, err := c.readFor(ctx)
		if err != nil {
			return err
		}
		switch p.kind() {
		case packets.Publish:
			g := c.parse(p)
			r.note(g)
			if kind := map[byte]byte{1: packets.Puback, 2: packets.Pubrec}[g.qos]; kind > 0 {
				err = c.trySend(ackPacket(kind, g.id))
			}
		case packets.Pubrel:
			id := binary.BigEndian.Uint16(p.body)
			r.mu.Lock()
			delete(r.held, id)
			r.mu.Unlock()
			err = c.trySend(ackPacket(packets.Pubcomp, id))
		}
		if err != nil {
			return err
		}
	}
}

func (r *exactReader) note(g got) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if g.qos == 2 {
		if r.held[g.id] {
			return
		}
		r.held[g.id] = true
	}
	r.got[g.payload]++
}
