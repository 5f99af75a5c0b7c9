package web

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"hellox/history"
)

// An sseWriter writes Server-Sent Events to one client. Its stream's goroutine
// owns it.
type sseWriter struct {
	number  uint64 // of the stream
	w       http.ResponseWriter
	control *http.ResponseController
	handler *eventsHandler
	from    history.Follower
	client  func() error // why it has left, or nil
	buffer  []byte       // not yet written; nil: a client needs none between two frames

	told     uint64    // version of the totals that were sent last
	toldAt   time.Time // when
	podsTold uint64    // version of the news of pods that were sent last
	sender   string    // the only one that is followed, or ""
}

// begin writes the head of the stream and the time after which its client
// reconnects, spread over two seconds.
func (c *sseWriter) begin() error {
	c.w.Header().Set("Content-Type", "text/event-stream")
	c.w.Header().Set("X-Accel-Buffering", "no") // an Ingress must not collect events
	c.w.WriteHeader(http.StatusOK)
	// The server's read timeout is for requests; this one has been read.
	if err := unlessUnsupported(c.control.SetReadDeadline(time.Time{})); err != nil {
		return fmt.Errorf("lift the read deadline: %w", err)
	}
	c.needBuffer()
	c.buffer = fmt.Appendf(c.buffer, "retry: %d\n\n", 2000+c.number*617%2000)
	return c.flush()
}

func (c *sseWriter) needBuffer() {
	if c.buffer == nil {
		if idle, ok := c.handler.buffers.Get().(*[]byte); ok {
			c.buffer = *idle
		}
	}
}

// flush writes the buffer within writeTime, and gives it back.
func (c *sseWriter) flush() error {
	if len(c.buffer) > 0 {
		if err := unlessUnsupported(c.control.SetWriteDeadline(time.Now().Add(writeTime))); err != nil {
			return fmt.Errorf("set the write deadline: %w", err)
		}
		if _, err := c.w.Write(c.buffer); err != nil {
			return fmt.Errorf("write events: %w", err)
		}
		if err := c.control.Flush(); err != nil {
			return fmt.Errorf("write events: %w", err)
		}
	}
	if cap(c.buffer) <= 2*maxFrame { // do not keep the buffer of a burst
		idle := c.buffer[:0]
		c.handler.buffers.Put(&idle)
	}
	c.buffer = nil
	return nil
}

// run writes what the follower returns, the totals and what changes of pods, until
// the client has left or takes too long, or the server closes, which closes the
// follower. It returns why.
//
// A thousand streams wait in this. So it has no context and no timer of its own, it
// looks for a client that has left when the totals are due, and there is little on the
// stack: the collector halves a stack of which less than a quarter is in use.
func (c *sseWriter) run() error {
	defer c.handler.leave(c.number, c.from)
	if err := c.begin(); err != nil {
		return err
	}
	for c.client() == nil {
		until, err := c.others()
		if err != nil {
			return err
		}
		for until.Err() == nil {
			events, err := c.from.Next(until)
			if err != nil {
				if until.Err() != nil {
					break // if it is closed, too, the next call says so
				}
				return err
			}
			if err := c.write(events); err != nil {
				return err
			}
			if len(events) < burst {
				time.Sleep(c.handler.pause(len(events))) // events until then are written together
			}
		}
	}
	return c.client()
}

// others writes the totals and the news of pods, and returns a context that ends when
// the next are due.
func (c *sseWriter) others() (until context.Context, err error) {
	c.needBuffer()
	until = c.addTotals()
	c.buffer, c.podsTold = c.handler.pods.appendSince(c.buffer, c.podsTold, c.sender)
	return until, c.flush()
}

// addTotals adds the totals if they are due, or a comment if they cannot be read:
// the connection is alive.
func (c *sseWriter) addTotals() (until context.Context) {
	event, version, until := c.handler.totals.get()
	if version == c.told && time.Since(c.toldAt) < statsIdle-statsTime/2 {
		return until
	}
	c.told, c.toldAt = version, time.Now()
	if event == nil {
		event = []byte(":\n\n")
	}
	c.buffer = append(c.buffer, event...)
	return until
}

// write writes events, unless the client has left or, as its login has ended, was sent
// away.
func (c *sseWriter) write(events []history.Event) error {
	if err := c.client(); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	c.needBuffer()
	for i := range events {
		c.buffer = appendEvent(c.buffer, c.handler.pods.withPod(&events[i]))
		if len(c.buffer) >= maxFrame {
			if err := c.flush(); err != nil {
				return err
			}
		}
	}
	return c.flush()
}
