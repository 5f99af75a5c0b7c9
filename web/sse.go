package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// An sseWriter writes Server-Sent Events to one client. Its stream's goroutine
// owns it.
type sseWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buffer  []byte // not yet written
	last    int64  // id of the newest message in the buffer or written; below 1: none yet
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
	if cap(c.buffer) > 128<<10 {
		c.buffer = nil // one burst must not be paid for by the whole stream
	}
	c.buffer = c.buffer[:0]
	return nil
}

// follow writes the entries from position on, as frames of frameTime.
func (c *sseWriter) follow(ctx context.Context, from *ring, position uint64) error {
	beat := time.NewTimer(heartbeat)
	defer beat.Stop()
	batch := make([]entry, 0, maxBatch)
	for {
		var wake <-chan struct{}
		var ok bool
		if batch, position, wake, ok = from.read(position, batch[:0]); !ok {
			return errCut
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
		if len(batch) > 0 {
			if err := c.flush(); err != nil {
				return err
			}
			beat.Reset(heartbeat)
			if len(batch) == cap(batch) {
				continue
			}
			wake = nil
		}
		if err := c.wait(ctx, wake, beat); err != nil {
			return err
		}
	}
}

// wait returns when there is something to write, or, without wake, after
// frameTime. A beat that comes first is written.
func (c *sseWriter) wait(ctx context.Context, wake <-chan struct{}, beat *time.Timer) error {
	var frame <-chan time.Time
	if wake == nil {
		frame = time.After(frameTime)
	}
	select {
	case <-wake:
	case <-frame:
	case <-beat.C:
		beat.Reset(heartbeat)
		c.buffer = append(c.buffer, ":\n\n"...)
		return c.flush()
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
