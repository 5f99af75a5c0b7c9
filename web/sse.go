package web

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"hellox/history"
)

// An sseWriter writes Server-Sent Events to one client. Its stream's goroutine
// owns it.
type sseWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buffer  []byte     // not yet written
	idle    *sync.Pool // of buffers, as *[]byte: a client needs none between two frames
	totals  *totals
	told    uint64                         // version of the totals that were sent last
	toldAt  time.Time                      // when
	pause   func(events int) time.Duration // between two frames, after one of so many events

	pods     *podNews
	podsTold uint64 // version of the news of pods that were sent last
	sender   string // the only one that is followed, or ""
}

// begin writes the head of the nth stream and the time after which its client
// reconnects, spread over two seconds.
func (c *sseWriter) begin(n uint64) error {
	c.w.Header().Set("Content-Type", "text/event-stream")
	c.w.Header().Set("X-Accel-Buffering", "no") // an Ingress must not collect events
	c.w.WriteHeader(http.StatusOK)
	// The server's read timeout is for requests; this one has been read.
	if err := unlessUnsupported(c.control.SetReadDeadline(time.Time{})); err != nil {
		return fmt.Errorf("lift the read deadline: %w", err)
	}
	c.buffer = fmt.Appendf(c.buffer, "retry: %d\n\n", 2000+n*617%2000)
	return c.flush()
}

// flush writes the buffer within writeTime.
func (c *sseWriter) flush() error {
	if len(c.buffer) == 0 {
		return nil
	}
	if err := unlessUnsupported(c.control.SetWriteDeadline(time.Now().Add(writeTime))); err != nil {
		return fmt.Errorf("set the write deadline: %w", err)
	}
	if _, err := c.w.Write(c.buffer); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	if err := c.control.Flush(); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	if cap(c.buffer) <= 2*maxFrame { // do not keep the buffer of a burst
		idle := c.buffer[:0]
		c.idle.Put(&idle)
	}
	c.buffer = nil
	return nil
}

// follow writes what the follower returns, the totals and what changes of pods.
func (c *sseWriter) follow(ctx context.Context, from history.Follower) error {
	frame := time.NewTimer(0)
	defer frame.Stop()
	for {
		c.addTotals(ctx)
		c.buffer, c.podsTold = c.pods.appendSince(c.buffer, c.podsTold, c.sender)
		if err := c.flush(); err != nil {
			return err
		}
		beat, cancel := context.WithTimeout(ctx, statsTime)
		err := c.untilBeat(beat, from, frame)
		due := beat.Err() != nil // else the stream failed
		cancel()
		if !due || ctx.Err() != nil {
			return err
		}
	}
}

// addTotals adds the totals if they are due, or a comment if they cannot be read:
// the connection is alive.
func (c *sseWriter) addTotals(ctx context.Context) {
	event, version := c.totals.get(ctx)
	if version == c.told && time.Since(c.toldAt) < statsIdle-statsTime/2 {
		return
	}
	c.told, c.toldAt = version, time.Now()
	if event == nil {
		event = []byte(":\n\n")
	}
	c.buffer = append(c.buffer, event...)
}

// untilBeat writes events until ctx ends, when the totals are due or earlier, or
// the stream fails. It returns why it ended.
func (c *sseWriter) untilBeat(ctx context.Context, from history.Follower, frame *time.Timer) error {
	for {
		events, err := from.Next(ctx)
		if err != nil {
			return err
		}
		if c.buffer == nil {
			if idle, ok := c.idle.Get().(*[]byte); ok {
				c.buffer = *idle
			}
		}
		for i := range events {
			c.buffer = appendEvent(c.buffer, c.pods.withPod(&events[i]))
			if len(c.buffer) >= maxFrame {
				if err := c.flush(); err != nil {
					return err
				}
			}
		}
		if err := c.flush(); err != nil {
			return err
		}
		if len(events) >= burst {
			continue
		}
		frame.Reset(c.pause(len(events)))
		select {
		case <-frame.C: // events until then are written together
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
