package broker

import (
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"hellox/broker/rights"
)

// A feeder that waits for room is woken when it can see some, not before: by
// the last write nothing else would wake it.
func TestFeederIsWoken(t *testing.T) {
	m, err := newMetrics(nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := &shared{metrics: m, now: time.Now, stall: writeTimeout}
	s.buffers.New = func() any { return new([]byte) }
	s.budget.perClient, s.budget.total = 2*feedLimit, 2*feedLimit
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := newConn(ours, s, gate{fixed: rights.Open()}, nil)
	defer s.flushes.Wait()
	defer c.Close()
	f := &feeder{wake: make(chan struct{}, 1)}
	c.setFeeder(f)
	full := make([]byte, feedLimit)
	if err := c.send(full); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(theirs, full[:1]); err != nil { // it is being written
		t.Fatal(err)
	}
	c.mu.Lock() // room cannot be made, or seen
	if _, err := io.ReadFull(theirs, full[1:]); err != nil {
		t.Fatal(err)
	}
	select {
	case <-f.wake:
		c.mu.Unlock()
		t.Fatal("the feeder is woken before there is room")
	case <-time.After(100 * time.Millisecond):
	}
	c.mu.Unlock()
	<-f.wake
	if !c.hasRoom() {
		t.Error("the feeder is woken and there is no room")
	}
}
