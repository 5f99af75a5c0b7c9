package nats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// When a write fails, nats-server ends for good what it was for: a stream on this node,
// or all of JetStream. That there is no room is the usual cause. The other nodes go on
// without it.
const (
	healInterval = time.Second
	// settleTime is the time from the last that is seen of a JetStream which ends until
	// nothing of it runs: its Raft groups end after it.
	settleTime = 3 * time.Second
	healRoom   = 16 << 20 // bytes that must be free for it to start again
)

// writeFailed is in what nats-server logs of a stream that has ended so.
const writeFailed = "ritical write error"

// heal starts JetStream again after a failed write, when there is room, until ctx ends.
// It goes on with what is on the disk, and gets what it missed from the other nodes.
func (n *Node) heal(ctx context.Context) {
	tick := time.NewTicker(healInterval)
	defer tick.Stop()
	var ended time.Time // when it was first seen to have ended
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if n.broken.Swap(false) && n.server.JetStreamEnabled() {
			_ = n.server.ShutdownJetStream() // it returns no error
		}
		switch {
		case n.server.JetStreamEnabled(), n.server.JetStreamConfig() != nil: // it runs, or is ending
			ended = time.Time{}
			continue
		case ended.IsZero():
			ended = time.Now()
			n.opts.Log.Error("the node stores nothing until its folder can be written to again", "store", n.opts.Store)
		}
		if time.Since(ended) < settleTime || n.hasRoom() != nil {
			continue
		}
		// As at the start, and not by ReloadOptions, which asks JetStream for each
		// retained message before it starts it.
		if err := n.server.EnableJetStream(&server.JetStreamConfig{StoreDir: n.opts.Store}); err != nil {
			n.opts.Log.Warn("the streams of the node could not be opened again", "cause", err.Error())
			_ = n.server.ShutdownJetStream() // it returns no error
			continue
		}
		n.opts.Log.Info("the node stores again", "store", n.opts.Store)
	}
}

// hasRoom returns why the node's folder has no room for writes, or nil.
func (n *Node) hasRoom() error {
	f, err := os.CreateTemp(n.opts.Store, "room-")
	if err != nil {
		return fmt.Errorf("write to the store: %w", err)
	}
	block := bytes.Repeat([]byte{1}, 1<<20)
	for range healRoom / len(block) {
		if _, err = f.Write(block); err != nil {
			break
		}
	}
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}
