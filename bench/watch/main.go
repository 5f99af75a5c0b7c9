package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A bench is one broker and what is measured at it.
type bench struct {
	hellox string
	count  int
	rounds int
	qos    int
	port   string
}

func main() {
	b := bench{}
	flag.StringVar(&b.hellox, "hellox", "", "the hellox to measure (default: built from this tree)")
	flag.IntVar(&b.count, "n", 400_000, "messages of one measurement")
	flag.IntVar(&b.rounds, "rounds", 3, "rounds, each over both")
	flag.IntVar(&b.qos, "qos", 0, "QoS of the subscription and the messages")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := b.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// figures are of one reader.
type figures struct {
	cpu  time.Duration // user and system, a message
	peak int64         // resident, in KiB
}

func (b *bench) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "bench-watch")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if b.hellox == "" {
		b.hellox = filepath.Join(dir, "hellox")
		build := exec.CommandContext(ctx, "go", "build", "-o", b.hellox, "hellox/cmd/hellox")
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is released
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build hellox: %w\n%s", err, out)
		}
	}
	end, err := b.startBroker(ctx, dir)
	if err != nil {
		return err
	}
	defer end()
	lines := strconv.Itoa(b.count + 1) // and the first one
	qos := strconv.Itoa(b.qos)
	readers := [][]string{
		{b.hellox, "watch", "mqtt://127.0.0.1:" + b.port, "--output", "json", "--count", lines, "--qos", qos},
		{"mosquitto_sub", "-p", b.port, "-t", "#", "-F", "%j", "-C", lines, "-q", qos},
	}
	all := make([][]figures, len(readers))
	for range b.rounds {
		for i, words := range readers {
			f, err := b.measure(ctx, words)
			if err != nil {
				return fmt.Errorf("%s: %w", filepath.Base(words[0]), err)
			}
			all[i] = append(all[i], f)
			fmt.Printf("%-14s %6.2f us a message  %6.1f MiB\n", filepath.Base(words[0]), float64(f.cpu)/1e3, float64(f.peak)/1024)
		}
	}
	ours, theirs := median(all[0]), median(all[1])
	fmt.Printf("median: %.2f us beside %.2f us a message: %.2fx; peak %.1f MiB beside %.1f MiB\n",
		float64(ours.cpu)/1e3, float64(theirs.cpu)/1e3, float64(ours.cpu)/float64(theirs.cpu), float64(ours.peak)/1024, float64(theirs.peak)/1024)
	return nil
}

// median returns the median of each figure.
func median(all []figures) (m figures) {
	slices.SortFunc(all, func(a, b figures) int { return int(a.cpu - b.cpu) })
	m.cpu = all[len(all)/2].cpu
	slices.SortFunc(all, func(a, b figures) int { return int(a.peak - b.peak) })
	m.peak = all[len(all)/2].peak
	return m
}

// ready is the text of the retained message by which a reader shows that it is
// subscribed.
const ready = "ready"

// startBroker starts a mosquitto that holds one retained message and whose queues
// have no limit.
func (b *bench) startBroker(ctx context.Context, dir string) (end func(), err error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, b.port, _ = net.SplitHostPort(ln.Addr().String())
	ln.Close()
	conf := filepath.Join(dir, "mosquitto.conf")
	text := "allow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 1000\nlistener " + b.port + " 127.0.0.1\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path = "/usr/sbin/mosquitto" // not on the PATH of every user
	}
	broker := exec.CommandContext(ctx, path, "-c", conf)
	if err := broker.Start(); err != nil {
		return nil, err
	}
	end = func() { _ = broker.Process.Kill(); _ = broker.Wait() }
	for range 100 {
		err = exec.CommandContext(ctx, "mosquitto_pub", "-p", b.port, "-t", "bench", "-m", ready, "-r", "-q", "1").Run()
		if err == nil {
			return end, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	end()
	return nil, fmt.Errorf("publish to mosquitto: %w", err)
}

// measure runs a reader until it has all messages.
func (b *bench) measure(ctx context.Context, words []string) (figures, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	reader := exec.CommandContext(ctx, words[0], words[1:]...)
	reader.Stderr = os.Stderr
	out, err := reader.StdoutPipe()
	if err != nil {
		return figures{}, err
	}
	if err := reader.Start(); err != nil {
		return figures{}, err
	}
	lines := bufio.NewReaderSize(out, 1<<20)
	first, err := lines.ReadString('\n')
	if err != nil || !strings.Contains(first, ready) {
		return figures{}, errors.Join(fmt.Errorf("the first line is %q", first), err, reader.Wait())
	}
	published := make(chan error, 1)
	go func() { published <- b.publish(ctx) }()
	if _, err := io.Copy(io.Discard, lines); err != nil {
		return figures{}, err
	}
	if err := errors.Join(<-published, reader.Wait()); err != nil {
		return figures{}, err
	}
	usage, _ := reader.ProcessState.SysUsage().(*syscall.Rusage)
	cpu := reader.ProcessState.UserTime() + reader.ProcessState.SystemTime()
	return figures{cpu / time.Duration(b.count), int64(usage.Maxrss)}, nil
}

// publish publishes the messages of ten broadcasters.
func (b *bench) publish(ctx context.Context) error {
	publisher := exec.CommandContext(ctx, "mosquitto_pub", "-p", b.port, "-t", "hello_world/broadcast/bench", "-l", "-q", strconv.Itoa(b.qos))
	in, err := publisher.StdinPipe()
	if err != nil {
		return err
	}
	if err := publisher.Start(); err != nil {
		return err
	}
	w := bufio.NewWriterSize(in, 1<<16)
	boot := fmt.Sprintf("%026d", time.Now().UnixNano())
	for i := range b.count {
		fmt.Fprintf(w, `{"text":"Hello world","sender":"bench-%d","boot":"%s","seq":%d,"sent":"%s","next_ms":4211,"color":"#7fb069"}`+"\n",
			i%10, boot, i/10+1, time.Now().UTC().Format(time.RFC3339Nano))
	}
	return errors.Join(w.Flush(), in.Close(), publisher.Wait())
}
