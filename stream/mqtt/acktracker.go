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
func (o *ackTracker) expect(acked chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.next = acked
}

// Put notes which key the message being published got. (paho calls it.)
func (o *ackTracker) Put(key string, packet packets.ControlPacket) {
	if _, publish := packet.(*packets.PublishPacket); !publish || !strings.HasPrefix(key, "o.") {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.next == nil {
		return
	}
	o.unacked = append(o.unacked, unackedMessage{key, o.next})
	o.next = nil
}

// Del notes that the message of key was acknowledged. (paho calls it.)
func (o *ackTracker) Del(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if i := slices.IndexFunc(o.unacked, func(w unackedMessage) bool { return w.key == key }); i >= 0 {
		close(o.unacked[i].acked)
		o.unacked = slices.Delete(o.unacked, i, i+1)
	}
}

// Nothing is sent again from here: a connection that ended takes its ackTracker along.

func (o *ackTracker) Get(string) packets.ControlPacket { return nil }
func (o *ackTracker) All() []string                    { return nil }
func (o *ackTracker) Open()                            {}
func (o *ackTracker) Close()                           {}
func (o *ackTracker) Reset()                           {}
