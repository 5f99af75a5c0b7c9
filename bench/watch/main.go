package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"hellox/bench/rig"
)

// A bench is one broker and what is measured at it.
type bench struct {
	hellox string
	count  int
	rounds int
	qos    int
	broker *rig.Broker
}

func main() {
	b := bench{}
	flag.StringVar(&b.hellox, "hellox", "", "the hellox to measure (default: built from this tree)")
	flag.IntVar(&b.count, "n", 400_000, "messages of one measurement")
	flag.IntVar(&b.rounds, "rounds", 3, "rounds, each over both")
	flag.IntVar(&b.qos, "qos", 0, "QoS of the subscription and the messages")
	flag.Parse()
	rig.Main(b.run)
}

func (b *bench) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "bench-watch")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if b.hellox, err = rig.Program(ctx, b.hellox, dir); err != nil {
		return err
	}
	if b.broker, err = rig.Start(ctx, dir); err != nil {
		return err
	}
	defer b.broker.Close()
	lines := strconv.Itoa(b.count + 1) // and the first one
	qos := strconv.Itoa(b.qos)
	readers := [][]string{
		{b.hellox, "watch", b.broker.URL(), "--output", "json", "--count", lines, "--qos", qos},
		{"mosquitto_sub", "-p", b.broker.Port, "-t", "#", "-F", "%j", "-C", lines, "-q", qos},
	}
	all := make([][]rig.Usage, len(readers))
	for range b.rounds {
		for i, words := range readers {
			f, err := b.measure(ctx, words)
			if err != nil {
				return fmt.Errorf("%s: %w", filepath.Base(words[0]), err)
			}
			all[i] = append(all[i], f)
			fmt.Printf("%-14s %6.2f us a message  %6.1f MiB\n", filepath.Base(words[0]), float64(f.CPU)/1e3, float64(f.Peak)/1024)
		}
	}
	ours, theirs := median(all[0]), median(all[1])
	fmt.Printf("median: %.2f us beside %.2f us a message: %.2fx; peak %.1f MiB beside %.1f MiB\n",
		float64(ours.CPU)/1e3, float64(theirs.CPU)/1e3, float64(ours.CPU)/float64(theirs.CPU), float64(ours.Peak)/1024, float64(theirs.Peak)/1024)
	return nil
}

// median returns the median of each figure.
func median(all []rig.Usage) (m rig.Usage) {
	slices.SortFunc(all, func(a, b rig.Usage) int { return int(a.CPU - b.CPU) })
	m.CPU = all[len(all)/2].CPU
	slices.SortFunc(all, func(a, b rig.Usage) int { return int(a.Peak - b.Peak) })
	m.Peak = all[len(all)/2].Peak
	return m
}

// measure runs a reader until it has all messages. The CPU is that of one message.
func (b *bench) measure(ctx context.Context, words []string) (rig.Usage, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	reader := exec.CommandContext(ctx, words[0], words[1:]...)
	reader.Stderr = os.Stderr
	out, err := reader.StdoutPipe()
	if err != nil {
		return rig.Usage{}, err
	}
	if err := reader.Start(); err != nil {
		return rig.Usage{}, err
	}
	lines := bufio.NewReaderSize(out, 1<<20)
	first, err := lines.ReadString('\n')
	if err != nil || !strings.Contains(first, rig.Ready) {
		return rig.Usage{}, errors.Join(fmt.Errorf("the first line is %q", first), err, reader.Wait())
	}
	published := make(chan error, 1)
	go func() { published <- b.broker.Publish(ctx, b.count, 0, b.qos) }()
	if _, err := io.Copy(io.Discard, lines); err != nil {
		return rig.Usage{}, err
	}
	if err := errors.Join(<-published, reader.Wait()); err != nil {
		return rig.Usage{}, err
	}
	u := rig.UsageOf(reader.ProcessState)
	u.CPU /= time.Duration(b.count)
	return u, nil
}
