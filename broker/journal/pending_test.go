package journal

import (
	"fmt"
	"testing"
	"time"
)

// TestPendingIsBounded has a client have retained messages written, more than the disk,
// which does nothing yet, can keep up with: the client waits, and the broker's own
// writes do not.
func TestPendingIsBounded(t *testing.T) {
	for _, k := range []struct{ messages, bytes, most int }{
		{maxPending + 1000, 0, maxPending},
		{100, 1 << 20, maxPendingBytes>>20 + 1}, // one commit of them all would hold everybody up
	} {
		j := openJournal(t, "")
		w := testWaiter{make(chan uint64, 1)}
		last := make(chan uint64)
		go func() {
			seq := uint64(0)
			for n := range k.messages {
				seq = j.Retain(fmt.Sprint("topic/", n%100), k.bytes, w)
			}
			last <- seq
		}()
		pending := func() int {
			j.mu.Lock()
			defer j.mu.Unlock()
			return len(j.pending)
		}
		deadline := time.Now().Add(time.Minute)
		for pending() < k.most {
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
		if n := pending(); n > k.most+1 {
			t.Errorf("%d writes are pending, want at most %d", n, k.most+1)
		}
		j.Start()
		if seq := <-last; seq != uint64(k.messages)+1 {
			t.Errorf("the last one is %d, want %d", seq, k.messages+1)
		}
	}
}
