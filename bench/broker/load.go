package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A load is publishers and subscribers at work. Publishers wait so that no
// broker has to drop anything.
type load struct {
	pubs, subs int
	qos        byte
	inFlight   int  // at QoS 1, of a publisher
	window     int  // messages under way to a subscriber, of all publishers; 0: any
	durable    bool // the subscriber's session outlives its connection
	backlog    int  // so many are published while the subscriber is away, then fetched
	payload    int  // bytes; 0: 128
	rate       int  // messages a second, of all publishers; 0: as many as go
}

const payloadBytes = 128

// A result is what one peer did in one round.
type result struct {
	rate     float64       // messages a second: delivered, or acknowledged if durable
	cpu      float64       // of the broker, seconds a message
	p50, p99 time.Duration // from PUBLISH to PUBACK
	memory   int64         // peak, bytes

	// Of a backlog:
	acked, lost, disorder int64
}

// A bout is a load under way.
type bout struct {
	load
	sent, delivered, acked atomic.Int64
	mu                     sync.Mutex
	changed                *sync.Cond
	ending                 atomic.Bool
	latencies              [][]time.Duration // of each publisher

	// Of a backlog, whose messages are numbered, by topic:
	next     map[string]uint64 // what is to come
	disorder int64             // messages that came instead of it
}

func (l load) run(ctx context.Context, lasting time.Duration, p *running) (result, error) {
	b := &bout{load: l, latencies: make([][]time.Duration, l.pubs)}
	b.changed = sync.NewCond(&b.mu)
	subscribers, err := b.connectAll(p.addr, l.subs, "sub", !l.durable)
	if err != nil {
		return result{}, err
	}
	for _, s := range subscribers {
		if err := s.subscribe("bench/#", l.qos); err != nil {
			return result{}, err
		}
	}
	publishers, err := b.connectAll(p.addr, l.pubs, "pub", true)
	if err != nil {
		return result{}, err
	}
	if l.backlog > 0 {
		return b.away(p, publishers, subscribers[0])
	}
	var all sync.WaitGroup
	for _, s := range subscribers {
		all.Go(func() { b.receive(s) })
	}
	for i, c := range publishers {
		all.Go(func() { b.publish(i, c) })
	}
	time.Sleep(lasting / 5) // to get going
	began, cpu, count := time.Now(), p.cpu(), b.count()
	select {
	case <-ctx.Done():
	case <-time.After(lasting):
	}
	n := float64(b.count() - count)
	r := result{rate: n / time.Since(began).Seconds()}
	if n > 0 {
		r.cpu = (p.cpu() - cpu).Seconds() / n
	}
	b.end(append(publishers, subscribers...))
	all.Wait()
	r.p50, r.p99 = b.quantiles()
	return r, ctx.Err()
}

func (b *bout) count() int64 {
	if b.durable {
		return b.acked.Load()
	}
	return b.delivered.Load()
}

func (b *bout) connectAll(addr string, n int, name string, clean bool) ([]*client, error) {
	var all []*client
	for i := range n {
		c, err := dial(addr, fmt.Sprintf("%s-%d", name, i), clean)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func (b *bout) end(clients []*client) {
	b.ending.Store(true)
	b.mu.Lock()
	b.changed.Broadcast()
	b.mu.Unlock()
	for _, c := range clients {
		c.close()
	}
}

// receive counts, and acknowledges what one read brought in one write.
func (b *bout) receive(c *client) {
	n := int64(0)
	for {
		head, body, err := c.read()
		if err != nil {
			return
		}
		if head>>4 == 3 {
			n++
			if head>>1&3 == 1 {
				topic := int(binary.BigEndian.Uint16(body))
				c.w.Write([]byte{0x40, 2, body[2+topic], body[3+topic]})
				if b.next != nil {
					b.note(body[2:2+topic], body[4+topic:])
				}
			}
		}
		if c.more() && n < 100 {
			continue
		}
		if c.w.Buffered() > 0 && !c.more() {
			if c.w.Flush() != nil {
				return
			}
		}
		b.delivered.Add(n)
		n = 0
		b.mu.Lock()
		b.changed.Broadcast()
		b.mu.Unlock()
	}
}

// note compares a numbered message with the one that was to come.
func (b *bout) note(topic, payload []byte) {
	n := binary.BigEndian.Uint64(payload)
	if n != b.next[string(topic)] {
		b.disorder++
	}
	b.next[string(topic)] = n + 1
}

// room waits until another message may be sent.
func (b *bout) room(c *client) bool {
	fits := func() bool {
		return b.window == 0 || b.sent.Load()*int64(b.subs)-b.delivered.Load() < int64(b.window*b.subs)
	}
	if fits() {
		return !b.ending.Load()
	}
	c.w.Flush()
	b.mu.Lock()
	defer b.mu.Unlock()
	for !fits() && !b.ending.Load() {
		b.changed.Wait()
	}
	return !b.ending.Load()
}

// away measures what is fetched by a subscriber that was away.
func (b *bout) away(p *running, publishers []*client, subscriber *client) (result, error) {
	subscriber.close()
	b.next = map[string]uint64{}
	var all sync.WaitGroup
	for i, c := range publishers {
		all.Go(func() { b.publish(i, c) })
	}
	all.Wait()
	b.end(publishers)
	began, cpu := time.Now(), p.cpu()
	s, err := dial(p.addr, "sub-0", false)
	if err != nil {
		return result{}, err
	}
	var r sync.WaitGroup
	r.Go(func() { b.receive(s) })
	before := int64(-1)
	for b.delivered.Load() < b.acked.Load() && b.delivered.Load() > before {
		before = b.delivered.Load()
		for deadline := time.Now().Add(3 * time.Second); b.delivered.Load() == before && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
	}
	n := float64(b.delivered.Load())
	took := time.Since(began)
	s.close()
	r.Wait()
	return result{
		rate: n / took.Seconds(), cpu: (p.cpu() - cpu).Seconds() / n,
		acked: b.acked.Load(), lost: b.acked.Load() - int64(n), disorder: b.disorder,
	}, nil
}

func (b *bout) quantiles() (p50, p99 time.Duration) {
	all := slices.Concat(b.latencies...)
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	return all[len(all)/2], all[len(all)*99/100]
}
