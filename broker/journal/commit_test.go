package journal

import (
	"testing"
	"time"
)

// BenchmarkEncode encodes a commit of messages that go to thousands of sessions.
func BenchmarkEncode(b *testing.B) {
	queues := make([]*Queue, 8000)
	for n := range queues {
		queues[n] = &Queue{consumer: keeper(n), number: uint64(n)}
	}
	group := NewGroup(queues)
	writes := make([]pendingWrite, 20)
	for i := range writes {
		writes[i] = pendingWrite{m: &Message{Seq: uint64(i + 1), Topic: "x", Payload: []byte("x"), Expiry: time.Now().Unix()}, to: group}
	}
	for b.Loop() {
		w := &commitBatch{writes: writes}
		w.encode(-1)
	}
}
