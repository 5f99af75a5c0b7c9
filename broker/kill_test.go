package broker

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestKilled kills the broker while publishers and a receiver are at work:
// nothing acknowledged is lost, and everything is first seen in its order.
// HELLOX_KILLS sets how often.
func TestKilled(t *testing.T) {
	p := newProcess(t, t.TempDir())
	p.start(t)
	l := startLoad(t, p.addr, 10, 20, 2*time.Millisecond)
	for i := range fromEnv(t, "HELLOX_KILLS", 10) {
		before := l.acked()
		wait(t, "messages are acknowledged", func() bool { return l.acked() > before+200 })
		time.Sleep(rand.N(400 * time.Millisecond)) // at any moment, not just after an acknowledgement
		if i%3 == 2 {
			l.receiver.cut()
		}
		p.kill()
		p.start(t)
	}
	l.verdict(t)
}
