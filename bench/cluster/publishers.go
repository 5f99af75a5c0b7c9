package main

import (
	"context"
	"maps"
	"sync"
	"time"

	"hellox/stream"
	"hellox/stream/broadcast"
	"hellox/stream/mqtt"
)

// publishers is how many broadcasters there are, each with a connection of its own.
const publishers = 20

// A senderRun is a broadcaster from its start on: its sequence numbers begin with 1.
type senderRun struct{ sender, boot string }

// A ledger is what was acknowledged to broadcasters, and how long they waited for it.
type ledger struct {
	mu       sync.Mutex
	last     map[senderRun]uint64 // all up to it were acknowledged
	at       map[string]time.Time // of each sender the last time
	total    int
	jumped   int // acknowledged before one that came first
	newest   time.Time
	pause    time.Duration // the longest without any acknowledgement, since reset
	ofSender time.Duration // the longest of one sender
}

func newLedger() *ledger {
	return &ledger{last: map[senderRun]uint64{}, at: map[string]time.Time{}}
}

func (l *ledger) acked(id string, h stream.Hello) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	run := senderRun{id, h.Boot}
	if h.Seq != l.last[run]+1 {
		l.jumped++
	}
	l.last[run] = h.Seq
	if !l.newest.IsZero() {
		l.pause = max(l.pause, now.Sub(l.newest))
	}
	if before, ok := l.at[id]; ok {
		l.ofSender = max(l.ofSender, now.Sub(before))
	}
	l.newest, l.at[id], l.total = now, now, l.total+1
}

// reset begins to measure pauses anew.
func (l *ledger) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pause, l.ofSender, l.newest = 0, 0, time.Now()
	for id := range l.at {
		l.at[id] = l.newest
	}
}

// pauses returns the longest since reset, one that lasts included.
func (l *ledger) pauses() (all, ofSender time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all, ofSender = l.pause, l.ofSender
	if !l.newest.IsZero() {
		all = max(all, time.Since(l.newest))
	}
	for _, at := range l.at {
		ofSender = max(ofSender, time.Since(at))
	}
	return all, ofSender
}

// snapshot returns what is acknowledged now, and how many that are.
func (l *ledger) snapshot() (map[senderRun]uint64, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.last), l.total
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

// sendersAfter returns how many senders were acknowledged something after a time.
func (l *ledger) sendersAfter(t time.Time) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, at := range l.at {
		if at.After(t) {
			n++
		}
	}
	return n
}

// publish publishes so many messages a second at QoS 1, until end is called.
func (l *ledger) publish(ctx context.Context, broker string, rate int) (end func() error, err error) {
	to, err := mqtt.ParseBroker(broker)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	each := time.Second * publishers / time.Duration(rate)
	go func() {
		done <- broadcast.Run(ctx, broadcast.Options{
			Broker: to, ID: "press", Count: publishers, QoS: 1, Min: max(each*3/4, time.Millisecond), Max: max(each*5/4, time.Millisecond), Acked: l.acked,
		})
	}()
	return func() error {
		cancel()
		return <-done
	}, nil
}
