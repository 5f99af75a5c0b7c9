package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// measureOpen fills a store of about so many bytes for a session that is away,
// kills the broker, and compares opening it with plainly reading its file (N6).
func measureOpen(ctx context.Context, c config) error {
	name := "open after kill -9"
	if !strings.Contains(name, c.only) {
		return nil
	}
	fmt.Printf("\n%s, %d MiB (N6: at most 2x a plain read of the file)\n", name, c.openMiB)
	dir, err := os.MkdirTemp(c.dir, "hellox-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r, err := ours(true).start(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { r.stop() }()
	b := &bout{load: load{pubs: 20, subs: 1, qos: 1, inFlight: 50, durable: true, payload: 1000}, latencies: make([][]time.Duration, 20)}
	b.backlog = c.openMiB << 20 / 1024
	b.changed = sync.NewCond(&b.mu)
	subscribers, err := b.connectAll(r.addr, 1, "sub", false)
	if err != nil {
		return err
	}
	if err := subscribers[0].subscribe("bench/#", 1); err != nil {
		return err
	}
	subscribers[0].close()
	publishers, err := b.connectAll(r.addr, b.pubs, "pub", true)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	for i, p := range publishers {
		all.Go(func() { b.publish(i, p) })
	}
	all.Wait()
	r.cmd.Process.Kill()
	r.cmd.Wait()
	for range c.rounds {
		size, read, err := plainRead(dir)
		if err != nil {
			return err
		}
		began := time.Now()
		if r, err = ours(true).start(ctx, dir); err != nil {
			return err
		}
		opened := time.Since(began)
		r.cmd.Process.Kill()
		r.cmd.Wait()
		fmt.Printf("  %d MiB, %d messages: opened in %.2f s, plain read %.2f s: %.2fx\n",
			size>>20, b.acked.Load(), opened.Seconds(), read.Seconds(), opened.Seconds()/read.Seconds())
	}
	return nil
}

// plainRead reads the store's files from beginning to end.
func plainRead(dir string) (size int64, took time.Duration, err error) {
	began := time.Now()
	for _, name := range []string{"broker.db", "broker.db-wal"} {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return 0, 0, err
		}
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, make([]byte, 64<<10))
		f.Close()
		if err != nil {
			return 0, 0, err
		}
		size += n
	}
	return size, time.Since(began), nil
}
