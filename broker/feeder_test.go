package broker

import (
	"io"
	"log/slog"
	"net"
	"testing"
	"time"
)

// A feeder that waits for room is woken when it can see some, not before: by
// the last write there is nobody else to wake it.
func TestFeederIsWoken(t *testing.T) {
	m, err := newMetrics(nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s := &shared{metrics: m, now: time.Now}
	s.budget.each, s.budget.all = budgetEach, budgetAll
	s.buffers.New = func() any { return new([]byte) }
	ours, theirs := net.Pipe()
	defer theirs.Close()
	go io.Copy(io.Discard, theirs)
	c := newConn(ours, s, openRights(), "0", time.Now())
	defer s.flushes.Wait()
	defer c.Close()
	f := &feeder{wake: make(chan struct{}, 1)}
	c.feed(f)
	full := make([]byte, roomFor)
	for n := range 2000 {
		if _, err := c.Write(full); err != nil {
			t.Fatal(err)
		}
		<-f.wake
		if !c.room() {
			t.Fatalf("after %d writes the feeder is woken and there is no room", n+1)
		}
	}
}
