package broker

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// A publisher sends numbered messages at QoS 1, some in flight, and sends
// what was not acknowledged again, in order, over the next connection. Its
// ledger is what the broker has acknowledged.
type publisher struct {
	topic    string
	inFlight int
	pace     time.Duration

	mu    sync.Mutex
	next  int // number of the next new message
	acked map[int]bool
	open  []int // sent and not acknowledged, in order
}

func (p *publisher) run(ctx context.Context, t testing.TB, addr net.Addr) {
	for ctx.Err() == nil {
		c, err := net.DialTimeout("tcp", addr.String(), time.Second)
		if err == nil {
			p.session(ctx, t, c)
			c.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// session publishes over one connection until it breaks.
func (p *publisher) session(ctx context.Context, t testing.TB, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) })
	defer stop()
	c := &client{t: t, c: conn, r: bufio.NewReader(conn)}
	if c.trySend(hello{id: strings.ReplaceAll(p.topic, "/", "-")}.packet()) != nil {
		return
	}
	if ack, err := c.readFor(ctx); err != nil || ack.kind() != packets.Connack {
		return
	}
	p.mu.Lock()
	again := append([]int(nil), p.open...)
	p.mu.Unlock()
	ids := map[uint16]int{}
	send := func(n int) error {
		id := uint16(n%60000 + 1)
		ids[id] = n
		return c.trySend(c.publishPacket(p.topic, strconv.Itoa(n), 1, false, id))
	}
	for _, n := range again {
		if send(n) != nil {
			return
		}
	}
	for {
		for ctx.Err() == nil {
			p.mu.Lock()
			full := len(p.open) >= p.inFlight
			n := p.next
			if !full {
				p.next++
				p.open = append(p.open, n)
			}
			p.mu.Unlock()
			if full {
				break
			}
			if send(n) != nil {
				return
			}
		}
		ack, err := c.readFor(ctx)
		if err != nil {
			return
		}
		if ack.kind() == packets.Puback {
			p.acknowledged(ids[binary.BigEndian.Uint16(ack.body)])
		}
		time.Sleep(p.pace)
	}
}

func (c *client) readFor(ctx context.Context) (packet, error) {
	if ctx.Err() != nil {
		return packet{}, ctx.Err()
	}
	return c.readNew(30 * time.Second)
}

func (p *publisher) acknowledged(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acked[n] = true
	for i, o := range p.open {
		if o == n {
			p.open = append(p.open[:i], p.open[i+1:]...)
			break
		}
	}
}

func (p *publisher) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.acked)
}

// A receiver has a session that outlives its connections. It subscribes at
// each connect, as paho's clients do, and acknowledges what it gets.
type receiver struct {
	mu          sync.Mutex
	seen        map[string]map[int]bool
	last        map[string]int
	again       int // messages that had been seen before
	disorder    int // messages seen first after a later one of the same topic
	resumed     int
	refused     int
	lostSession int
	conn        net.Conn
	paused      bool // it stays away
}

func (r *receiver) run(ctx context.Context, t testing.TB, addr net.Addr) {
	subscribed := false
	for ctx.Err() == nil {
		conn, err := net.DialTimeout("tcp", addr.String(), time.Second)
		r.mu.Lock()
		r.conn = conn
		if err == nil && r.paused {
			conn.Close()
			err = net.ErrClosed
		}
		r.mu.Unlock()
		if err == nil {
			r.session(ctx, t, conn, &subscribed)
			conn.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (r *receiver) session(ctx context.Context, t testing.TB, conn net.Conn, subscribed *bool) {
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Now()) })
	defer stop()
	c := &client{t: t, c: conn, r: bufio.NewReader(conn)}
	if c.trySend(hello{id: "receiver", keep: true}.packet()) != nil {
		return
	}
	ack, err := c.readFor(ctx)
	if err != nil || ack.kind() != packets.Connack {
		return
	}
	r.mu.Lock()
	switch {
	case *subscribed && ack.body[0]&1 == 1:
		r.resumed++
	case *subscribed:
		r.lostSession++
	}
	r.mu.Unlock()
	if c.trySend(c.subscribePacket(1, 1, "hello_world/#")) != nil {
		return
	}
	for {
		p, err := c.readFor(ctx)
		if err != nil {
			return
		}
		switch p.kind() {
		case packets.Suback:
			*subscribed = true
			if p.body[2] > 1 {
				r.mu.Lock()
				r.refused++
				r.mu.Unlock()
			}
		case packets.Publish:
			g := c.parse(p)
			r.note(g)
			if c.trySend(frame(packets.Puback<<4, binary.BigEndian.AppendUint16(nil, g.id))) != nil {
				return
			}
		}
	}
}

func (r *receiver) note(g got) {
	n, _ := strconv.Atoi(g.payload)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[g.topic] == nil {
		r.seen[g.topic] = map[int]bool{}
		r.last[g.topic] = -1
	}
	if r.seen[g.topic][n] {
		r.again++
		return
	}
	r.seen[g.topic][n] = true
	if n < r.last[g.topic] {
		r.disorder++
	}
	r.last[g.topic] = max(r.last[g.topic], n)
}

func (r *receiver) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn != nil {
		r.conn.Close()
	}
}

// pause makes the receiver stay away, or come back.
func (r *receiver) pause(yes bool) {
	r.mu.Lock()
	r.paused = yes
	r.mu.Unlock()
	if yes {
		r.cut()
	}
}

// missing counts acknowledged messages that the receiver has not seen.
func (r *receiver) missing(publishers []*publisher) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	lost := 0
	for _, p := range publishers {
		p.mu.Lock()
		for n := range p.acked {
			if !r.seen[p.topic][n] {
				lost++
			}
		}
		p.mu.Unlock()
	}
	return lost
}

func newReceiver() *receiver {
	return &receiver{seen: map[string]map[int]bool{}, last: map[string]int{}}
}

// A load is publishers and a receiver at work.
type load struct {
	publishers                   []*publisher
	receiver                     *receiver
	stopPublishers, stopReceiver func()
}

// startLoad puts a load on a broker whose publishers wait for the receiver.
func startLoad(t testing.TB, addr net.Addr, publishers, inFlight int, pace time.Duration) *load {
	l := &load{receiver: newReceiver()}
	var pubs, recv sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	rctx, rstop := context.WithCancel(context.Background())
	l.stopPublishers = func() { stop(); pubs.Wait() }
	l.stopReceiver = func() { rstop(); recv.Wait() }
	t.Cleanup(l.stopReceiver)
	t.Cleanup(l.stopPublishers)
	recv.Go(func() { l.receiver.run(rctx, t, addr) })
	for i := range publishers {
		p := &publisher{topic: fmt.Sprintf("hello_world/p/%d", i), inFlight: inFlight, pace: pace, acked: map[int]bool{}}
		l.publishers = append(l.publishers, p)
		pubs.Go(func() { p.run(ctx, t, addr) })
	}
	return l
}

func (l *load) acked() int {
	n := 0
	for _, p := range l.publishers {
		n += p.count()
	}
	return n
}

// verdict waits until all that was acknowledged has arrived, and judges.
func (l *load) verdict(t *testing.T) {
	t.Helper()
	l.stopPublishers()
	deadline := time.Now().Add(testTimeout)
	for l.receiver.missing(l.publishers) > 0 && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	lost := l.receiver.missing(l.publishers)
	l.stopReceiver()
	r := l.receiver
	t.Logf("acknowledged %d, lost %d, out of order at first sight %d, delivered again %d, sessions resumed %d, sessions lost %d, SUBSCRIBE refused %d",
		l.acked(), lost, r.disorder, r.again, r.resumed, r.lostSession, r.refused)
	if l.acked() == 0 {
		t.Error("nothing was acknowledged: the test shows nothing")
	}
	if lost+r.disorder+r.lostSession+r.refused > 0 {
		t.Error("what was acknowledged did not arrive once and in order")
	}
}

// wait polls until ok, for a while.
func wait(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(testTimeout)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// fromEnv returns how often a test is to do what it does.
func fromEnv(t *testing.T, name string, usual int) int {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		return usual
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is no number", name, v)
	}
	return n
}
