package mqtt

import (
	"slices"
	"strings"
	"sync"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// An ackTracker is the Store that paho keeps its packets in, for one connection.
// It is where a PUBACK is seen: paho deletes a message from its Store when the
// acknowledgement has arrived, and at no other time, while its tokens may be
// done without one (eclipse-paho/paho.mqtt.golang#563).
//
// It keeps no packets. What was not acknowledged is sent again, in order, by
// who published it; what comes in needs no memory, and a broker cannot fill it.
type ackTracker struct {
	mu      sync.Mutex
	next    chan struct{}    // of the message that is being published
	unacked []unackedMessage // few: one message, and presence
}

type unackedMessage struct {
	key   string        // paho's
	acked chan struct{} // closed when acknowledged
}

// expect makes acked the channel that is closed when the next message put in
// is acknowledged.
func (t *ackTracker) expect(acked chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next = acked
}

// Put notes which key the message being published got. (paho calls it.)
func (t *ackTracker) Put(key string, packet packets.ControlPacket) {
	if _, publish := packet.(*packets.PublishPacket); !publish || !strings.HasPrefix(key, "o.") {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next == nil {
		return
	}
	t.unacked = append(t.unacked, unackedMessage{key, t.next})
	t.next = nil
}

// Del notes that the message of key was acknowledged. (paho calls it.)
func (t *ackTracker) Del(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.IndexFunc(t.unacked, func(w unackedMessage) bool { return w.key == key }); i >= 0 {
		close(t.unacked[i].acked)
		t.unacked = slices.Delete(t.unacked, i, i+1)
	}
}

// owed reports whether a message was not acknowledged yet.
func (t *ackTracker) owed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.unacked) > 0
}

// Nothing is sent again from here: a connection that ended takes its ackTracker along.

func (t *ackTracker) Get(string) packets.ControlPacket { return nil }
func (t *ackTracker) All() []string                    { return nil }
func (t *ackTracker) Open()                            {}
func (t *ackTracker) Close()                           {}
func (t *ackTracker) Reset()                           {}
