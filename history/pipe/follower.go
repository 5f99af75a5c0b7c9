package pipe

import (
	"context"
	"sync"

	"hellox/history"
	"hellox/stream"
	"hellox/stream/track"
)

// Follower is a history.Follower of what comes in. Its IDs, deltas and counts are
// those of this run.
type Follower struct {
	in       <-chan stream.Arrival
	selected history.Select
	tracker  *track.Tracker
	events   []history.Event // what Next returned last

	mu      sync.Mutex
	links   []stream.Link // that Next has not returned yet
	changed chan struct{} // holds an element when there are any
	close   sync.Once
	closed  chan struct{}
}

var _ history.Follower = (*Follower)(nil)

// The most that Next takes at once: it returns what waits, and waits for nothing
// more.
const (
	maxEvents = 256
	maxBytes  = 1 << 20 // of payloads
)

// maxLinks is how many states of the link are held: of a connection that comes and
// goes while nothing is read, the newest count.
const maxLinks = 16

// Follow returns a Follower of the arrivals that are selected.
func Follow(in <-chan stream.Arrival, selected history.Select) *Follower {
	return &Follower{in: in, selected: selected, tracker: track.New(track.State{}, nil),
		changed: make(chan struct{}, 1), closed: make(chan struct{})}
}

// SetLink makes the state of the connection that arrivals come through the next
// event. It does not block.
func (f *Follower) SetLink(link stream.Link) {
	f.mu.Lock()
	f.links = append(f.links, link)
	f.links = f.links[max(0, len(f.links)-maxLinks):]
	f.mu.Unlock()
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// Next implements history.Follower. It acknowledges what it returns.
func (f *Follower) Next(ctx context.Context) ([]history.Event, error) {
	for {
		clear(f.events)
		f.events = f.events[:0]
		select {
		case <-f.changed:
			f.takeLinks()
		case a, open := <-f.in:
			if !open {
				return nil, history.ErrClosed
			}
			f.takeWaiting(a)
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-f.closed:
			return nil, history.ErrClosed
		}
		if len(f.events) > 0 {
			return f.events, nil
		}
	}
}

// takeLinks appends the states of the link that are new.
func (f *Follower) takeLinks() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.links {
		e := history.Event{Link: &f.links[i]}
		if f.selected.Wants(&e) {
			f.events = append(f.events, e)
		}
	}
	f.links = nil
}

// takeWaiting appends a and what waits behind it.
func (f *Follower) takeWaiting(a stream.Arrival) {
	for size := 0; ; {
		f.take(a)
		if size += len(a.Payload); size >= maxBytes || len(f.events) >= maxEvents {
			return
		}
		open := false
		select {
		case a, open = <-f.in:
		default:
		}
		if !open {
			return // nothing waits, or the end: Next sees it
		}
	}
}

// take appends the message of a, if it is one, and acknowledges it.
func (f *Follower) take(a stream.Arrival) {
	tracked := f.tracker.Track(a)
	f.tracker.Changes() // nothing is stored of them
	e := history.Event{Message: tracked.Message}
	if e.Message != nil && f.selected.Wants(&e) {
		f.events = append(f.events, e)
	}
	a.Ack()
}

// Close ends Next. It may be called while Next runs.
func (f *Follower) Close() error {
	f.close.Do(func() { close(f.closed) })
	return nil
}
