package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// A publisher sends one PUBLISH again and again.
type publisher struct {
	*bout
	client *client
	packet []byte
	at     int            // of the packet ID in packet, which the payload follows
	count  int            // so many messages; 0: until the bout ends
	sentAt []atomic.Int64 // Unix time of the latest send by packet ID, nanoseconds
	tokens chan struct{}  // a value for each message in flight
	ended  chan struct{}  // closed when nothing more is read
}

// publish sends until the bout ends, or, with a backlog, its share of it.
func (b *bout) publish(i int, c *client) {
	body := str(nil, fmt.Sprintf("bench/%d", i))
	at := len(body)
	if b.qos == 1 {
		body = append(body, 0, 0)
	}
	payload := b.payload
	if payload == 0 {
		payload = payloadBytes
	}
	p := publisher{bout: b, client: c, count: b.backlog / b.pubs}
	p.packet = frame(0x30|b.qos<<1, append(body, make([]byte, payload)...))
	p.at = at + len(p.packet) - len(body) - payload
	if b.qos == 0 {
		p.sendUnacknowledged()
		return
	}
	p.tokens = make(chan struct{}, b.inFlight)
	p.sentAt = make([]atomic.Int64, 1<<16)
	p.ended = make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() { b.latencies[i] = p.readAcks() })
	defer reader.Wait()
	p.send()
}

// sendUnacknowledged sends at QoS 0.
func (p *publisher) sendUnacknowledged() {
	for p.room(p.client) {
		p.sent.Add(1)
		if _, err := p.client.w.Write(p.packet); err != nil {
			return
		}
	}
}

// readAcks returns how long each message took from PUBLISH to PUBACK.
func (p *publisher) readAcks() (latencies []time.Duration) {
	defer close(p.ended)
	for p.count == 0 || len(latencies) < p.count {
		head, ack, err := p.client.read()
		if err != nil {
			return latencies
		}
		if head == 0x40 {
			p.acked.Add(1)
			took := time.Duration(time.Now().UnixNano() - p.sentAt[binary.BigEndian.Uint16(ack)].Load())
			latencies = append(latencies, took)
			<-p.tokens
		}
	}
	return latencies
}

// send sends at QoS 1, at the bout's rate if it has one.
func (p *publisher) send() {
	wait := func() {}
	if p.rate > 0 {
		every := time.Second * time.Duration(p.pubs) / time.Duration(p.rate)
		time.Sleep(rand.N(every)) // not all at once
		tick := time.NewTicker(every)
		defer tick.Stop()
		wait = func() {
			p.client.w.Flush()
			<-tick.C
		}
	}
	id := uint16(0)
	for n := 0; p.count == 0 || n < p.count; n++ {
		if !p.takeToken() || !p.room(p.client) {
			return
		}
		wait()
		if id++; id == 0 {
			id = 1
		}
		binary.BigEndian.PutUint16(p.packet[p.at:], id)
		binary.BigEndian.PutUint64(p.packet[p.at+2:], uint64(n))
		p.sentAt[id].Store(time.Now().UnixNano())
		p.sent.Add(1)
		if _, err := p.client.w.Write(p.packet); err != nil {
			return
		}
		if p.rate > 0 {
			p.client.w.Flush()
		}
	}
	p.client.w.Flush()
}

// takeToken waits until another message may be in flight; it returns false
// when no acknowledgement comes any more.
func (p *publisher) takeToken() bool {
	select {
	case p.tokens <- struct{}{}:
		return true
	default:
	}
	p.client.w.Flush()
	select {
	case p.tokens <- struct{}{}:
		return true
	case <-p.ended:
		return false
	}
}
