package source

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"hellox/history"
)

// frame is how often the screen may change: 30 times a second.
const frame = time.Second / 30

// A batch holds at most this many events, so that a key is answered between
// two of them however fast the stream is.
const batchMost = 20_000

// A feed follows the store in one goroutine, which ends with its context and
// hands over what happens in batches of one frame.
type Feed struct {
	// events is unbuffered: while nobody takes, the follower waits, and what
	// it cannot wait with, it lets go and says so. The goroutine closes it
	// after it has set err.
	events chan []history.Event
	err    error
	cancel context.CancelFunc
}

// eventsMsg is one batch; end is set when none can follow.
type EventsMsg struct {
	Gen    int
	Events []history.Event
	End    error
}

// openFeed begins to follow. The goroutine is one of s.running.
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
			case d.events <- events:
			case <-ctx.Done():
				d.err = ctx.Err()
				return
			}
		}
	})
	return d
}

// stop ends the goroutine.
func (d *Feed) Stop() { d.cancel() }

// next waits for the next batch: the first event, and all that come within the
// frame after it. It is run again once the batch is folded in.
func (d *Feed) Next(gen int) tea.Cmd {
	return func() tea.Msg {
		events, ok := <-d.events
		if !ok {
			return EventsMsg{Gen: gen, End: d.err}
		}
		batch := append([]history.Event(nil), events...)
		over := time.NewTimer(frame)
		defer over.Stop()
		for len(batch) < batchMost {
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
