package web

import (
	"context"
	"sync"
	"time"

	"hellox/history"
	"hellox/stream"
	"hellox/web/pods"
)

// maxPodNews bounds the changes of pods that wait for event streams, which take them
// each second.
const maxPodNews = 1000

// podNews are the newest changes of what is known of pods, each encoded once as an event
// of its sender for all streams.
type podNews struct {
	store history.Store
	known *pods.Known

	mu     sync.Mutex
	last   uint64 // version of the newest event; it rises by one with each
	events []podEvent
}

type podEvent struct {
	version uint64
	sender  string
	event   []byte
}

// set replaces what is known of the pods, and returns until when it is.
func (n *podNews) set(ctx context.Context, told []stream.Pod, now time.Time) (until time.Time) {
	until, changed := n.known.Set(told, now)
	if len(changed) == 0 {
		return until
	}
	names := make(map[string]bool, len(changed))
	for _, name := range changed {
		names[name] = true
	}
	senders, err := n.store.Senders(ctx)
	if err != nil {
		return until // who asks for the senders gets that error
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range senders {
		if !s.Ours || !pods.IsOne(s.Sender, names) {
			continue
		}
		n.last++
		s.Pod = n.known.Of(s.Sender, now)
		n.events = append(n.events, podEvent{n.last, s.Sender, appendOther(nil, "sender", nil, s)})
	}
	if over := len(n.events) - maxPodNews; over > 0 {
		n.events = append([]podEvent(nil), n.events[over:]...)
	}
	return until
}

// version returns that of the newest event.
func (n *podNews) version() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.last
}

// appendSince appends the events after version that are of sender, or of all if it is
// "", and returns the newest version.
func (n *podNews) appendSince(b []byte, version uint64, sender string) ([]byte, uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.events {
		if e.version > version && (sender == "" || e.sender == sender) {
			b = append(b, e.event...)
		}
	}
	return b, n.last
}

// withPod returns e with what is known of its sender's pod. Events are shared: e is left
// as it is.
func (n *podNews) withPod(e *history.Event) *history.Event {
	if e.Sender == nil || !e.Sender.Ours {
		return e
	}
	pod := n.known.Of(e.Sender.Sender, time.Now())
	if pod == nil {
		return e
	}
	s := *e.Sender
	s.Pod = pod
	return &history.Event{Sender: &s}
}
