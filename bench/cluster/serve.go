package main

import (
	"context"
	"fmt"
	"time"

	"hellox/bench/rig"
)

// serve prints what each receiver spends, and how many events it sends to its readers.
func (r *run) serve(ctx context.Context) error {
	type before struct {
		cpu    time.Duration
		events int64
	}
	was := make([]before, len(r.receivers))
	for i, p := range r.receivers {
		was[i] = before{rig.CPU(p.cmd.Process.Pid), r.delivered(i)}
	}
	began := time.Now()
	if !sleep(ctx, r.c.serve) {
		return ctx.Err()
	}
	took := time.Since(began).Seconds()
	fmt.Printf("| receiver | readers | events a second | cores | memory |\n|---|---:|---:|---:|---:|\n")
	for i, p := range r.receivers {
		pid := p.cmd.Process.Pid
		fmt.Printf("| %s | %d | %.0f | %.2f | %d MiB |\n", p.name, r.c.readers, float64(r.delivered(i)-was[i].events)/took, (rig.CPU(pid)-was[i].cpu).Seconds()/took, rig.Resident(pid)>>20)
	}
	fmt.Println()
	return r.gone()
}

// delivered returns how many events the readers of a receiver have got. Each keeps to
// its receiver while that is there.
func (r *run) delivered(receiver int) (n int64) {
	for i, one := range r.readers {
		if i%r.c.receivers == receiver {
			one.mu.Lock()
			n += one.count
			one.mu.Unlock()
		}
	}
	return n
}
