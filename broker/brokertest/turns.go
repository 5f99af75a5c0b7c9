package brokertest

import (
	"sync"
	"sync/atomic"

	mochi "github.com/mochi-mqtt/server/v2"
)

// turns is what mochi lacks: it reads its retained messages while it writes
// others, and acknowledges a message before it has passed it on. One client at
// a time has it publish, subscribe or send its last will.
type turns struct {
	mu     sync.Mutex
	holder atomic.Pointer[mochi.Client]
}

func (t *turns) take(cl *mochi.Client) {
	if t.holder.Load() != cl {
		t.mu.Lock()
		t.holder.Store(cl)
	}
}

func (t *turns) give(cl *mochi.Client) {
	if t.holder.CompareAndSwap(cl, nil) {
		t.mu.Unlock()
	}
}
