package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"hellox/bench/rig"
)

// A bench is what is measured, and how often.
type bench struct {
	hellox  string
	earlier string // of rest, beside it; "": none
	sizes   []int
	lasting time.Duration
	rounds  int
}

func main() {
	b := bench{sizes: []int{1, 10, 100, 1000, 10_000}}
	flag.StringVar(&b.hellox, "hellox", "", "the hellox to measure (default: built from this tree)")
	flag.Func("sizes", "how many broadcasters, such as 1,100 (default 1,10,100,1000,10000)", rig.Sizes(&b.sizes))
	flag.DurationVar(&b.lasting, "for", 20*time.Second, "time of one measurement")
	flag.IntVar(&b.rounds, "rounds", 3, "rounds, each over all sizes")
	atRest := flag.Bool("rest", false, "connect the most of -sizes and let them wait, beside as many clients of paho alone")
	flag.StringVar(&b.earlier, "earlier", "", "with -rest, an older hellox beside it")
	var alone bare
	flag.StringVar(&alone.url, "bare", "", "be the clients of paho alone: the `URL` of their broker (-rest starts it so)")
	flag.StringVar(&alone.ca, "ca", "", "`FILE` of their broker's authority")
	flag.StringVar(&alone.token, "token", "", "`FILE` of their token")
	flag.StringVar(&alone.metrics, "metrics", "", "`HOST:PORT` of their metrics")
	flag.Parse()
	most := slices.Max(b.sizes)
	rig.Main(func(ctx context.Context) error {
		if alone.url != "" {
			return alone.run(ctx, most)
		}
		dir, err := os.MkdirTemp("", "bench-fleet")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if b.hellox, err = rig.Program(ctx, b.hellox, dir); err != nil {
			return err
		}
		if *atRest {
			return b.rest(ctx, most)
		}
		return b.run(ctx)
	})
}

func (b *bench) run(ctx context.Context) error {
	all := make([][]figures, len(b.sizes))
	for range b.rounds {
		for i, n := range b.sizes {
			f, err := b.measure(ctx, n)
			if err != nil {
				return fmt.Errorf("%d broadcasters: %w", n, err)
			}
			all[i] = append(all[i], f)
		}
	}
	load, err := loadAverage()
	if err != nil {
		return err
	}
	fmt.Printf("medians of %d rounds of %v; load average at the end %s\n\n", b.rounds, b.lasting, load)
	fmt.Println("| broadcasters | messages a second | connected in | CPU of broadcast, broker, receive | CPU a message | memory of broadcast, broker, receive | disk a message, broker and history |")
	fmt.Println("|---:|---:|---:|---:|---:|---:|---:|")
	for i, n := range b.sizes {
		median := func(value func(figures) float64) float64 {
			var values []float64
			for _, f := range all[i] {
				values = append(values, value(f))
			}
			return rig.Median(values)
		}
		of := func(format string, value func(figures, int) float64) string {
			var words []string
			for role := range roles {
				words = append(words, fmt.Sprintf(format, median(func(f figures) float64 { return value(f, role) })))
			}
			return strings.Join(words, ", ")
		}
		fmt.Printf("| %d | %.1f | %.1f s | %s %% | %.0f µs | %s MiB | %.0f, %.0f bytes |\n", n,
			median(func(f figures) float64 { return f.rate }),
			median(func(f figures) float64 { return f.connected.Seconds() }),
			of("%.1f", func(f figures, role int) float64 { return f.cpu[role].Seconds() / b.lasting.Seconds() * 100 }),
			median(func(f figures) float64 { return f.cpuOfMessage() }),
			of("%.0f", func(f figures, role int) float64 { return float64(f.memory[role]) / (1 << 20) }),
			median(func(f figures) float64 { return f.brokerDisk }),
			median(func(f figures) float64 { return f.historyDisk }))
	}
	return nil
}
