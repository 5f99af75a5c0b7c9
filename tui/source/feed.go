package source

import (
	"context"
	"slices"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"hellox/history"
)

// frame is how often the stream may change the screen: 30 times a second.
const frame = time.Second / 30

// maxBatch is the largest number of events in a batch, so that a key is
// answered between two of them however fast the stream is: one is applied in 6 ms.
const maxBatch = 4000

// A Feed follows the store in one goroutine, which ends with its context. Its
// events are handed over in batches of one frame.
type Feed struct {
	// events is unbuffered: while no batch is read, the follower waits. Events
	// that it cannot hold any longer it drops, and reports how many. The
	// goroutine closes the channel after it has set err.
	events chan []history.Event
	err    error
	cancel context.CancelFunc
}

// An EventsMsg is one batch. End is set if it is the last.
type EventsMsg struct {
	Gen    int
	Events []history.Event
	End    error
}

// Follow begins to follow the store. Wait returns after its goroutine.
func (s *Source) Follow(f history.Follow) *Feed {
	ctx, cancel := context.WithCancel(s.ctx)
	d := &Feed{events: make(chan []history.Event), cancel: cancel}
	follower := s.store.Follow(f)
	s.running.Go(func() {
		defer func() { _ = follower.Close() }()
		defer close(d.events)
		for {
			events, err := follower.Next(ctx)
			if err != nil {
				d.err = err
				return
			}
			select {
			case d.events <- slices.Clone(events): // the follower reuses its slice
			case <-ctx.Done():
				d.err = ctx.Err()
				return
			}
		}
	})
	return d
}

// Stop ends the goroutine.
func (d *Feed) Stop() { d.cancel() }

// Next waits for the next batch: the first event, and all that come within the
// frame after it. It is run again once the batch is applied.
func (d *Feed) Next(gen int) tea.Cmd {
	return func() tea.Msg {
		events, ok := <-d.events
		if !ok {
			return EventsMsg{Gen: gen, End: d.err}
		}
		batch := events
		over := time.NewTimer(frame)
		defer over.Stop()
		for len(batch) < maxBatch {
			select {
			case more, ok := <-d.events:
				if !ok {
					return EventsMsg{Gen: gen, Events: batch, End: d.err}
				}
				batch = append(batch, more...)
			case <-over.C:
				return EventsMsg{Gen: gen, Events: batch}
			}
		}
		return EventsMsg{Gen: gen, Events: batch}
	}
}
