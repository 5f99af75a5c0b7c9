package mqtt

import (
	"sync/atomic"
	"time"
)

// pendingAcks counts what was handed on in one session and waits for its
// Ack.
type pendingAcks struct {
	n       atomic.Int64
	changed chan struct{} // room for one; n fell to 0
}

func (u *pendingAcks) done() {
	if u.n.Add(-1) == 0 {
		select {
		case u.changed <- struct{}{}:
		default:
		}
	}
}

// wait returns when nothing is left, at the latest after d.
func (u *pendingAcks) wait(d time.Duration) {
	timeout := time.NewTimer(d)
	defer timeout.Stop()
	for u.n.Load() > 0 {
		select {
		case <-u.changed:
		case <-timeout.C:
			return
		}
	}
}
