package journal

import (
	"slices"
	"testing"
	"time"
)

// A numbered is a consumer that is only told apart.
type numbered uint64

func (n numbered) Number() uint64                { return uint64(n) }
func (n numbered) Committed(uint64, uint64) bool { return true }
func (n numbered) Row() (SessionRow, bool)       { return SessionRow{}, false }
func (n numbered) Sent() (SentRow, bool)         { return SentRow{}, false }

// TestRowHasEachConsumerOnce adds many consumers again and again, in the order
// that their first messages have.
func TestRowHasEachConsumerOnce(t *testing.T) {
	for _, many := range []int{1, listed, listed + 1, 10 * listed} {
		var r row
		for range 3 {
			for n := range many {
				r.add(numbered(n))
				r.add(numbered(0))
			}
		}
		for n := range many {
			if !slices.Contains(r.to, Consumer(numbered(n))) || r.to[n] != numbered(n) {
				t.Fatalf("of %d consumers %d is not in its place", many, n)
			}
		}
		if len(r.to) != many {
			t.Errorf("%d consumers, want %d", len(r.to), many)
		}
	}
}

// BenchmarkEncode encodes a commit of messages that go to thousands of sessions.
func BenchmarkEncode(b *testing.B) {
	to := make([]Consumer, 8000)
	for n := range to {
		to[n] = numbered(n)
	}
	writes := make([]pendingWrite, 20)
	for i := range writes {
		writes[i] = pendingWrite{m: &Message{Seq: uint64(i + 1), Topic: "x", Payload: []byte("x"), Expiry: time.Now().Unix()}, to: to}
	}
	for b.Loop() {
		w := &commitBatch{writes: writes}
		w.encode()
	}
}
