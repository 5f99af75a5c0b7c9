package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"hellox/bench/rig"
)

// A resting is what many connected clients of one process cost while they say nothing.
type resting struct {
	connected time.Duration
	resident  float64 // without what is mapped from the program's file; of one client, KiB
	heap      float64 // of one client, KiB
	stacks    float64
	routines  float64       // goroutines of one client
	cpu       time.Duration // of all, while it was measured
}

// A client is one process with many clients, and the broker that they are connected to.
type client struct {
	resting
	metrics string // URL
	process *exec.Cmd
	broker  *exec.Cmd
}

// A kind is what the clients of one process are.
type kind struct {
	name    string
	program string // hellox; "": it is paho alone
	tls     bool   // with TLS, and a token as the password
}

func (b *bench) kinds() (all []kind) {
	for _, tls := range []bool{false, true} {
		over := ""
		if tls {
			over = ", TLS and a token"
		}
		if b.earlier != "" {
			all = append(all, kind{"hellox broadcast before" + over, b.earlier, tls})
		}
		all = append(all, kind{"hellox broadcast" + over, b.hellox, tls}, kind{"paho alone" + over, "", tls})
	}
	return all
}

// rest prints what broadcasters cost that are connected and wait, beside as many clients
// of paho alone. Those without TLS are up at once, each process with a broker of its own,
// and then those with it: they are compared in the same minutes.
func (b *bench) rest(ctx context.Context, count int) error {
	dir, err := os.MkdirTemp("", "bench-fleet")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if out, err := exec.CommandContext(ctx, b.hellox, "certs", dir, "--host", "127.0.0.1").CombinedOutput(); err != nil {
		return fmt.Errorf("make certificates: %w\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte(token()), 0o600); err != nil {
		return err
	}
	kinds := b.kinds()
	all := make([][]resting, len(kinds))
	for range b.rounds {
		var round []resting
		for half := range slices.Chunk(kinds, len(kinds)/2) {
			some, err := b.restOnce(ctx, half, dir, count)
			if err != nil {
				return err
			}
			round = append(round, some...)
		}
		for i, r := range round {
			all[i] = append(all[i], r)
		}
	}
	load, err := loadAverage()
	if err != nil {
		return err
	}
	fmt.Printf("%d clients a process; medians of %d rounds, CPU of %v; load average at the end %s\n\n", count, b.rounds, b.lasting, load)
	fmt.Println("| one process of | connected in | resident each | heap each | stacks each | goroutines each | CPU |")
	fmt.Println("|---|---:|---:|---:|---:|---:|---:|")
	for i, k := range kinds {
		median := func(value func(resting) float64) float64 {
			var values []float64
			for _, r := range all[i] {
				values = append(values, value(r))
			}
			return rig.Median(values)
		}
		fmt.Printf("| %s | %.1f s | %.1f KiB | %.1f KiB | %.1f KiB | %.1f | %.1f %% |\n", k.name,
			median(func(r resting) float64 { return r.connected.Seconds() }),
			median(func(r resting) float64 { return r.resident }),
			median(func(r resting) float64 { return r.heap }),
			median(func(r resting) float64 { return r.stacks }),
			median(func(r resting) float64 { return r.routines }),
			median(func(r resting) float64 { return r.cpu.Seconds() / b.lasting.Seconds() * 100 }))
	}
	return nil
}

// restOnce connects the clients of each kind in turn, waits until the collector has run
// in all processes, and takes their figures.
func (b *bench) restOnce(ctx context.Context, kinds []kind, dir string, count int) (figures []resting, err error) {
	var all []*client
	defer func() {
		for _, c := range all {
			for _, cmd := range []*exec.Cmd{c.process, c.broker} {
				if cmd != nil {
					_ = cmd.Process.Signal(syscall.SIGTERM)
					_ = cmd.Wait()
				}
			}
		}
	}()
	for _, k := range kinds {
		c := &client{}
		all = append(all, c)
		if err := b.open(ctx, c, k, dir, count); err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
	}
	pause(ctx, 10*time.Second) // the first message of each comes at once
	began := float64(time.Now().Unix())
	// The runtime collects after two minutes in which it had no reason to.
	for _, c := range all {
		if err := until(ctx, "a collection at rest", func() bool { return metricsOf(c.metrics)["go_memstats_last_gc_time_seconds"] > began }); err != nil {
			return nil, err
		}
	}
	pause(ctx, 5*time.Second) // and gives back then what it has freed
	for _, c := range all {
		c.cpu = -rig.CPU(c.process.Process.Pid)
	}
	pause(ctx, b.lasting)
	for _, c := range all {
		c.cpu += rig.CPU(c.process.Process.Pid)
		m, each := metricsOf(c.metrics), func(bytes float64) float64 { return bytes / 1024 / float64(count) }
		c.resident = each(float64(rig.Anonymous(c.process.Process.Pid)))
		c.heap, c.stacks = each(m["go_memstats_heap_alloc_bytes"]), each(m["go_memstats_stack_inuse_bytes"])
		c.routines = m["go_goroutines"] / float64(count)
		figures = append(figures, c.resting)
	}
	return figures, ctx.Err()
}

// open starts a broker and a process of count clients, and waits until all are connected.
func (b *bench) open(ctx context.Context, c *client, k kind, dir string, count int) error {
	mqtt, ops := freeAddress(), freeAddress()
	url, broker := "mqtt://"+mqtt, []string{"broker", "--max-connections", "12000"}
	var login []string
	if k.tls {
		url = "mqtts://" + mqtt
		broker = append(broker, "--tls-cert", filepath.Join(dir, "server.crt"), "--tls-key", filepath.Join(dir, "server.key"))
		login = []string{"--ca", filepath.Join(dir, "ca.crt"), "--user", "broadcast", "--password-file", filepath.Join(dir, "token")}
	}
	c.broker = exec.CommandContext(ctx, b.hellox, append(broker, "--listen", url)...)
	if err := c.broker.Start(); err != nil {
		return err
	}
	if err := until(ctx, "the broker listens", func() bool { return listens(mqtt) }); err != nil {
		return err
	}
	c.metrics = "http://" + ops + "/metrics"
	program, args := k.program, append([]string{"broadcast", "--broker", url, "--id", "broadcast", "--min", "1h", "--max", "1h",
		"--count", strconv.Itoa(count), "--ops-listen", ops}, login...)
	if k.program == "" {
		own, err := os.Executable()
		if err != nil {
			return err
		}
		program, args = own, []string{"-bare", url, "-sizes", strconv.Itoa(count), "-metrics", ops}
		if k.tls {
			args = append(args, "-ca", filepath.Join(dir, "ca.crt"), "-token", filepath.Join(dir, "token"))
		}
	}
	c.process = exec.CommandContext(ctx, program, args...)
	c.process.Stderr = os.Stderr
	began := time.Now()
	if err := c.process.Start(); err != nil {
		return err
	}
	if err := until(ctx, "all clients are connected", func() bool { return int(metricsOf(c.metrics)["hellox_broadcast_connected"]) == count }); err != nil {
		return err
	}
	c.connected = time.Since(began)
	return nil
}
