package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A flood is what one identity does to a broker: all that costs it something, each as
// often as it can.
type flood struct {
	addr string

	published, acked, unreleased, sessions, refused, halves, unread, retained atomic.Int64
}

// rush floods for a time, and ends what is left of it.
func (f *flood) rush(ctx context.Context, lasting time.Duration) error {
	flooding, stop := context.WithTimeout(ctx, lasting)
	defer stop()
	f.run(flooding)
	return f.clean()
}

// run floods until ctx ends.
func (f *flood) run(ctx context.Context) {
	var all sync.WaitGroup
	for _, k := range []struct {
		n  int
		do func(ctx context.Context, c *client, n int)
		as string // client ID; "": it makes connections of its own
	}{
		{4, f.unacknowledged, "flood-0"},
		{4, f.acknowledged, "flood-1"},
		{2, f.neverRelease, "flood-2"},
		{2, f.neverRead, "flood-read"},
		{1, f.retain, "flood-retain"},
		{1, f.denied, "flood-denied"},
		{2, f.leaveSessions, ""},
		{1, f.halfOpen, ""},
	} {
		for n := range k.n {
			all.Go(func() {
				for ctx.Err() == nil {
					f.connected(ctx, k.as, n, k.do)
				}
			})
		}
	}
	all.Wait()
}

// connected does something over a connection until that ends or ctx does.
func (f *flood) connected(ctx context.Context, id string, n int, do func(ctx context.Context, c *client, n int)) {
	if id == "" {
		do(ctx, nil, n)
		return
	}
	c, err := dialAs(f.addr, fmt.Sprintf("%s-%d", id, n), "flood", true)
	if err != nil {
		f.refused.Add(1)
		time.Sleep(20 * time.Millisecond)
		return
	}
	defer c.close()
	stop := context.AfterFunc(ctx, c.close)
	defer stop()
	do(ctx, c, n)
}

func (f *flood) unacknowledged(ctx context.Context, c *client, n int) {
	packet := publishPacket(0, fmt.Sprintf("flood/0/%d", n), 0, 1000)
	for ctx.Err() == nil {
		if _, err := c.w.Write(packet); err != nil {
			return
		}
		f.published.Add(1)
	}
}

func (f *flood) acknowledged(ctx context.Context, c *client, n int) {
	const inFlight = 500
	for ctx.Err() == nil {
		for id := range uint16(inFlight) {
			c.w.Write(publishPacket(1, fmt.Sprintf("flood/1/%d", n), id+1, 1000))
		}
		if c.w.Flush() != nil {
			return
		}
		for range inFlight {
			if _, _, err := c.read(); err != nil {
				return
			}
			f.acked.Add(1)
		}
	}
}

func (f *flood) neverRelease(ctx context.Context, c *client, n int) {
	for id := uint16(1); ctx.Err() == nil && id < 60_000; id++ {
		c.w.Write(publishPacket(2, fmt.Sprintf("flood/2/%d", n), id, 100))
		if c.w.Flush() != nil {
			return
		}
		if _, _, err := c.read(); err != nil {
			return
		}
		f.unreleased.Add(1)
	}
}

// neverRead subscribes to everything of the flood, reads nothing, and pings.
func (f *flood) neverRead(ctx context.Context, c *client, _ int) {
	if c.subscribe("flood/#", 1) != nil {
		return
	}
	for ctx.Err() == nil {
		if _, err := c.c.Write([]byte{0xc0, 0}); err != nil {
			f.unread.Add(1)
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (f *flood) retain(ctx context.Context, c *client, _ int) {
	for n := 0; ctx.Err() == nil; n = (n + 1) % floodTopics {
		c.w.Write(retainedPacket(n, 4000))
		if c.w.Flush() != nil {
			return
		}
		f.retained.Add(1)
	}
}

func retainedPacket(n, payload int) []byte {
	p := publishPacket(0, fmt.Sprintf("flood/r/%d", n), 0, payload)
	p[0] |= 1
	return p
}

// denied does what the identity may not.
func (f *flood) denied(_ context.Context, c *client, _ int) {
	f.refused.Add(1)
	c.w.Write(publishPacket(1, "good/0", 1, 8))
	if c.w.Flush() == nil {
		_, _, _ = c.read() // it is closed
	}
}

// leaveSessions leaves sessions behind that have all topic filters they may have.
func (f *flood) leaveSessions(ctx context.Context, _ *client, n int) {
	for i := n; ctx.Err() == nil; i = (i + 2) % floodIDs {
		c, err := dialAs(f.addr, floodID(i), "flood", false)
		if err != nil {
			f.refused.Add(1)
			continue
		}
		for k := range 50 {
			body := append(str([]byte{0, 1}, fmt.Sprintf("flood/%d/+/%d/#", k%3, k)), 1)
			if k == 0 {
				body = append(str([]byte{0, 1}, "flood/1/#"), 1)
			}
			c.w.Write(frame(0x82, body))
		}
		_ = c.w.Flush()
		for range 50 {
			if _, _, err := c.read(); err != nil {
				break
			}
		}
		c.close()
		f.sessions.Add(1)
	}
}

func floodID(i int) string { return fmt.Sprintf("flood-left-%d", i) }

// halfOpen holds 200 connections that have sent half a CONNECT, and opens others as
// they are closed.
func (f *flood) halfOpen(ctx context.Context, _ *client, _ int) {
	var held []net.Conn
	for ctx.Err() == nil {
		conn, err := net.DialTimeout("tcp", f.addr, time.Second)
		if err != nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		_, _ = conn.Write([]byte{0x10, 40, 0, 4, 'M', 'Q'})
		f.halves.Add(1)
		if held = append(held, conn); len(held) == 200 {
			held[0].Close()
			held = held[1:]
			time.Sleep(10 * time.Millisecond)
		}
	}
	for _, conn := range held {
		conn.Close()
	}
}

func (f *flood) said() string {
	return fmt.Sprintf("%d at QoS 0, %d acknowledged at QoS 1, %d unreleased at QoS 2, %d sent to be retained, %d sessions left behind, %d half-open, %d readers cut off, %d refused",
		f.published.Load(), f.acked.Load(), f.unreleased.Load(), f.retained.Load(), f.sessions.Load(), f.halves.Load(), f.unread.Load(), f.refused.Load())
}

// clean ends the sessions that the flood has left, and deletes what is retained.
func (f *flood) clean() error {
	for i := range floodIDs {
		c, err := dialAs(f.addr, floodID(i), "flood", true)
		if err != nil {
			return err
		}
		c.w.Write([]byte{0xe0, 0})
		_ = c.w.Flush()
		_, _, _ = c.read() // until it is closed
		c.close()
	}
	c, err := dialAs(f.addr, "flood-clean", "flood", true)
	if err != nil {
		return err
	}
	defer c.close()
	for n := range floodTopics {
		c.w.Write(retainedPacket(n, 0))
	}
	c.w.Write([]byte{0xc0, 0})
	if err := c.w.Flush(); err != nil {
		return err
	}
	_, _, err = c.read() // when all was handled
	return err
}
