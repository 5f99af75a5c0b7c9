package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"hellox/bench/rig"
)

// A config says what is run.
type config struct {
	hellox    string
	dir       string
	events    []string
	receivers int
	readers   int // of each receiver
	rate      int // messages a second; 0: half of what is sustained
	rounds    int // of the events in of
	of        []string
	measure   time.Duration
	cut       time.Duration
	serve     time.Duration // how long it is measured what readers cost; 0: not
	verbose   bool
}

func main() {
	if node := os.Getenv(nodeEnv); node != "" {
		fmt.Fprintln(os.Stderr, "bench:", enterNode(node)) // it returns errors alone
		os.Exit(1)
	}
	c := config{events: names(events), of: []string{"leader", "history"}}
	short := flag.Bool("short", false, "less than two minutes: the events "+strings.Join(shortEvents, ", "))
	flag.StringVar(&c.hellox, "hellox", "", "the hellox to run (default: built from this tree)")
	flag.StringVar(&c.dir, "dir", os.TempDir(), "folder of the stores, on the disk that counts")
	flag.Func("events", "which, such as leader,cut (default all: "+strings.Join(names(events), ", ")+")", func(list string) (err error) {
		c.events, err = parseEvents(list)
		return err
	})
	flag.IntVar(&c.receivers, "receivers", 2, "how many receivers, 2 or more")
	flag.IntVar(&c.readers, "readers", 2, "how many readers of the event stream for each receiver")
	flag.IntVar(&c.rate, "rate", 0, "messages a second (default: half of what the run sustains, at least 200)")
	flag.IntVar(&c.rounds, "rounds", 0, "after the events, do those of -of by turns, so often")
	flag.Func("of", "what -rounds does, such as cut (default leader,history)", func(list string) (err error) {
		c.of, err = parseEvents(list)
		return err
	})
	flag.DurationVar(&c.measure, "measure", 5*time.Second, "how long more is published than the cluster takes")
	flag.DurationVar(&c.cut, "cut", 30*time.Second, "how long a node is cut off")
	flag.DurationVar(&c.serve, "serve", 0, "before the events, measure for so long what the readers of each receiver cost it")
	flag.BoolVar(&c.verbose, "v", false, "show what the processes log")
	flag.Parse()
	if *short {
		c.events, c.measure = shortEvents, 3*time.Second
	}
	rig.Main(func(ctx context.Context) error { return start(ctx, c) })
}

func parseEvents(list string) (all []string, err error) {
	for name := range strings.SplitSeq(list, ",") {
		if name != "" && !slices.Contains(names(events), name) {
			return nil, fmt.Errorf("there is no event %q", name)
		}
		if name != "" {
			all = append(all, name)
		}
	}
	return all, nil
}

// note says what is done and when, beside what the processes log.
func (c *config) note(format string, args ...any) {
	if c.verbose {
		fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format(time.RFC3339Nano), fmt.Sprintf(format, args...))
	}
}

// start builds hellox and runs everything, as root in namespaces of its own.
func start(ctx context.Context, c config) (err error) {
	if c.rounds > 0 && len(c.of) == 0 {
		return errors.New("-of names what -rounds does")
	}
	if c.receivers < 2 || c.readers < 1 {
		return errors.New("it takes two receivers or more, and a reader of each")
	}
	if os.Getenv(isolatedEnv) == "" {
		dir, err := os.MkdirTemp(c.dir, "bench-cluster-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if c.hellox, err = rig.Program(ctx, c.hellox, dir); err != nil {
			return err
		}
		c.dir = dir
		if canIsolate() {
			return isolate(ctx, c)
		}
	} else if c.hellox, c.dir, err = isolated(ctx); err != nil {
		return err
	}
	return prove(ctx, c)
}

// prove runs the events.
func prove(ctx context.Context, c config) error {
	r, err := newRun(ctx, c)
	if err != nil {
		return err
	}
	defer r.end()
	if err := r.findRate(ctx); err != nil {
		return err
	}
	if c.serve > 0 {
		if err := r.serve(ctx); err != nil {
			return err
		}
	}
	fmt.Printf("| event | acknowledged | stored | doubled | lost | reordered | longest pause: of all, of one sender, of a reader |\n|---|---:|---:|---:|---:|---:|---|\n")
	var failed []string
	for _, e := range events {
		if !slices.Contains(c.events, e.name) {
			continue
		}
		if e.root && !r.isolated() {
			fmt.Printf("| %s | skipped: %s |\n", e.what, noIsolation())
			if os.Getenv("CI") == "true" {
				failed = append(failed, e.name+" must not be skipped")
			}
			continue
		}
		if err := r.event(ctx, e); err != nil {
			failed = append(failed, e.name)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if err := r.repeat(ctx); err != nil {
		failed = append(failed, err.Error())
	}
	load, _ := os.ReadFile("/proc/loadavg") // only to be printed
	fmt.Printf("\nin all: %s; load average %s\n", r.totals(), strings.Join(strings.Fields(string(load))[:3], " "))
	if len(failed) > 0 {
		return fmt.Errorf("not as it should be: %s", strings.Join(failed, "; "))
	}
	return nil
}
