package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"hellox/bench/rig"
)

// A config says how to measure.
type config struct {
	rounds  int
	lasting time.Duration
	only    string
	dir     string
	openMiB int
	away    time.Duration
	soak    time.Duration
	earlier string
	clients int

	notAbsent bool // of the sessions only those that return
}

func main() {
	if serve := os.Getenv(childEnv); serve != "" {
		if err := serveChild(serve); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	var c config
	flag.IntVar(&c.rounds, "rounds", 3, "rounds, each over all peers")
	flag.DurationVar(&c.lasting, "for", 3*time.Second, "time of one measurement")
	flag.StringVar(&c.only, "only", "", "only cases whose name has this in it")
	flag.StringVar(&c.dir, "dir", os.TempDir(), "folder of the stores, on the disk that counts")
	flag.IntVar(&c.openMiB, "open", 1024, "size in MiB of the store that is opened after a kill")
	flag.DurationVar(&c.away, "away", 0, "how long the receiver is away at 1,000 msg/s; 0: for 200,000 messages, as fast as they go")
	flag.DurationVar(&c.soak, "soak", 0, "nothing but a flood of so long by one identity, beside 20 clients that must lose nothing")
	flag.StringVar(&c.earlier, "earlier", "", "this command as built at an earlier commit: measure its broker and ours by turns, and no other one; with the sessions, Mosquitto as well")
	flag.BoolVar(&c.notAbsent, "returning-only", false, "of the sessions only those that return")
	flag.Func("returning", "how many sessions return, such as 300,600,1200,2400 (default 300,600)", rig.Sizes(&returning))
	flag.IntVar(&c.clients, "clients", 10_000, "how many clients connect with TLS and a token, of which the memory and the time are taken")
	flag.Parse()
	rig.Main(func(ctx context.Context) error { return run(ctx, c) })
}

func run(ctx context.Context, c config) error {
	if c.soak > 0 {
		return measureSoak(ctx, c)
	}
	all := cases(c)
	if c.earlier != "" {
		all = besideEarlier(all, c.earlier)
	}
	for _, k := range all {
		if !strings.Contains(k.name, c.only) {
			continue
		}
		if err := k.measure(ctx, c); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	if c.earlier == "" {
		if err := measureClients(ctx, c); err != nil {
			return err
		}
		if err := measureSecured(ctx, c); err != nil {
			return fmt.Errorf("TLS: %w", err)
		}
	}
	if strings.Contains("sessions: absent, returning", c.only) {
		if err := measureSessions(ctx, c); err != nil {
			return fmt.Errorf("sessions: %w", err)
		}
	}
	if c.earlier != "" {
		return nil
	}
	return measureOpen(ctx, c)
}
