package journal

import (
	"fmt"
	"testing"
	"time"
)

// TestPendingIsBounded has a client have so many retained messages written that the
// disk, which does nothing yet, cannot keep up: the client waits, and the broker's
// own writes do not.
func TestPendingIsBounded(t *testing.T) {
	j := openJournal(t, "")
	w := testWaiter{make(chan uint64, 1)}
	const all = maxPending + 1000
	last := make(chan uint64)
	go func() {
		seq := uint64(0)
		for n := range all {
			seq = j.Retain(fmt.Sprint("topic/", n%100), w)
		}
		last <- seq
	}()
	pending := func() int {
		j.mu.Lock()
		defer j.mu.Unlock()
		return len(j.pending)
	}
	deadline := time.Now().Add(20 * time.Second)
	for pending() < maxPending {
		if time.Now().After(deadline) {
			t.Fatalf("%d writes are pending", pending())
		}
		time.Sleep(time.Millisecond)
	}
	j.Save(keeper(1), nil)
	select {
	case seq := <-last:
		t.Fatalf("%d were written at once", seq)
	case <-time.After(50 * time.Millisecond):
	}
	if n := pending(); n > maxPending+1 {
		t.Errorf("%d writes are pending", n)
	}
	j.Start()
	if seq := <-last; seq != all+1 {
		t.Errorf("the last one is %d, want %d", seq, all+1)
	}
}
