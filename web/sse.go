package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// An sseWriter writes Server-Sent Events to one client. Its stream's goroutine
// owns it.
type sseWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buffer  []byte     // not yet written
	idle    *sync.Pool // of buffers, as *[]byte: between two frames a client needs none
	last    int64      // id of the newest message in the buffer or written; below 1: none yet
}

// begin writes the head of the nth stream, and after what time, spread out
// over two seconds, its client is to come back.
func (c *sseWriter) begin(n uint64) error {
	c.w.Header().Set("Content-Type", "text/event-stream")
	c.w.Header().Set("X-Accel-Buffering", "no") // an Ingress must not collect events
	c.w.WriteHeader(http.StatusOK)
	// The server bounds how long a request may take to read; this one is read.
	if err := c.control.SetReadDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
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
	if err := c.control.SetWriteDeadline(time.Now().Add(writeTime)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("set the write deadline: %w", err)
	}
	if _, err := c.w.Write(c.buffer); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	if err := c.control.Flush(); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	if cap(c.buffer) <= 2*maxFrame { // one burst must not be paid for ever after
		idle := c.buffer[:0]
		c.idle.Put(&idle)
	}
	c.buffer = nil
	return nil
}

// follow writes the entries from position on, as frames of frameTime.
func (c *sseWriter) follow(ctx context.Context, from *ring, position uint64) error {
	beat, frame := time.NewTimer(heartbeat), time.NewTimer(0)
	defer beat.Stop()
	defer frame.Stop()
	batch := make([]entry, 0, 16) // small: there is one for each client
	for {
		var wake <-chan struct{}
		var ok bool
		if batch, position, wake, ok = from.read(position, batch[:0]); !ok {
			return errCut
		}
		if len(batch) > 0 && c.buffer == nil {
			if idle, ok := c.idle.Get().(*[]byte); ok {
				c.buffer = *idle
			}
		}
		for _, e := range batch {
			if e.id != 0 {
				if e.id <= c.last {
					continue // the history had it already
				}
				c.last = e.id
			}
			c.buffer = append(c.buffer, e.frame...)
		}
		more := len(batch) == cap(batch)
		if more && len(c.buffer) < maxFrame {
			continue
		}
		var due <-chan time.Time
		if len(c.buffer) > 0 {
			if err := c.flush(); err != nil {
				return err
			}
			beat.Reset(heartbeat)
			if more {
				continue
			}
			frame.Reset(frameTime)
			wake, due = nil, frame.C // what comes meanwhile goes out together
		}
		select {
		case <-wake:
		case <-due:
		case <-beat.C:
			c.buffer = append(c.buffer, ":\n\n"...)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
