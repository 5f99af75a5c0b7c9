//go:build linux

package web

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hellox/bootstrap/run/runtest"
	"hellox/history"
	"hellox/history/sqlite"
	"hellox/stream"
)

// BenchmarkEvents is goal N12: 1,000 clients that follow 100 messages a second
// for twenty seconds: without a filter, beside ten that read nothing and are cut
// off by then, and with ten different filters, each of which passes a tenth of
// the messages. The bound of 512 streams (see maxStreams) is lifted for it. The clients
// are a process of their own, so processor time and memory are the server's, a
// receiver's with its history on the disk. "delivered" is the share of the messages
// it asked for that came to the client with the fewest. The memory is what the clients add
// to a server whose rings are full: live heap and stacks after two collections, of
// which the second empties the pools, and the most that was resident.
//
//	go test ./web -run '^$' -bench Events -benchtime 1x
func BenchmarkEvents(b *testing.B) {
	for _, c := range []struct {
		name             string
		stalled, filters int
	}{{"stalled=0", 0, 0}, {"stalled=10", 10, 0}, {"filters=10", 0, 10}} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				benchEvents(b, 1000, c.stalled, c.filters)
			}
		})
	}
}

func benchEvents(b *testing.B, clients, stalled, filters int) {
	const rate, seconds, senders = 100, 20, 100
	store, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "history.db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	// A second or two of the stream for each: on loopback the kernel would keep a
	// minute for those that read nothing, and no write would ever wait.
	small := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		if controlling := raw.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, 32<<10)
		}); controlling != nil {
			return controlling
		}
		return err
	}}
	ln, err := small.Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	s := New(Options{Store: store, Metrics: registry, Log: slog.New(slog.DiscardHandler)})
	s.events.streams = make(chan struct{}, clients+stalled)
	ctx, cancel := context.WithCancel(b.Context())
	var serving sync.WaitGroup
	shown := &served{log: slog.New(slog.DiscardHandler)}
	shown.show(s)
	serving.Go(func() {
		if err := shown.serve(ctx, ln, &shown.open); err != nil {
			b.Error(err)
		}
	})
	defer serving.Wait()
	defer cancel()

	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Repeat("x", 150) // events of about 420 bytes
	sent := 0
	say := func(n int) {
		batch := make([]stream.Arrival, n)
		for i := range batch {
			batch[i] = says(fmt.Sprintf("press-%d", sent%senders), uint64(sent/senders+1), time.Now(), text)
			sent++
		}
		if err := store.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	// The ring as it is with one client: it holds no JSON with none.
	first := store.Follow(history.Follow{After: history.Now, JSON: true})
	defer first.Close()
	for sent < 2*4096 { // twice what the ring of recent events holds
		say(1000)
	}
	used, resident := inUse(), residentSize(b)
	readers := exec.CommandContext(b.Context(), self, ln.Addr().String(), fmt.Sprint(clients), fmt.Sprint(stalled), fmt.Sprint(filters))
	readers.Env = append(os.Environ(), readersEnv+"=1")
	runtest.Bind(readers)
	var out bytes.Buffer
	readers.Stdout, readers.Stderr = &out, os.Stderr
	if err := readers.Start(); err != nil {
		b.Fatal(err)
	}
	for len(s.events.streams) < clients+stalled {
		time.Sleep(time.Millisecond)
	}
	began, cpu := time.Now(), processorTime()
	var residentMost int64
	tick := time.NewTicker(time.Second / rate)
	defer tick.Stop()
	for i := range rate * seconds {
		<-tick.C
		say(1)
		if i%rate == rate-1 {
			residentMost = max(residentMost, residentSize(b))
		}
	}
	time.Sleep(2 * frameTime)
	cores := (processorTime() - cpu).Seconds() / time.Since(began).Seconds()
	used = inUse() - used
	cut := counter(b, registry, "hellox_web_streams_cut_total")
	cancel() // ends the streams; what is in the sockets' buffers still arrives
	if err := readers.Wait(); err != nil {
		b.Fatal(err)
	}
	var fewest int
	if _, err := fmt.Sscan(out.String(), &fewest); err != nil {
		b.Fatalf("the readers say %q", out.String())
	}
	perClient := func(n int64) float64 { return float64(n) / 1024 / float64(clients+stalled) }
	wanted := rate * seconds / max(filters, 1)
	b.ReportMetric(float64(fewest)/float64(wanted), "delivered")
	b.ReportMetric(cores, "cores")
	b.ReportMetric(cores*1e6/rate/float64(clients), "µs/event·client")
	b.ReportMetric(perClient(used), "KiB/client")
	b.ReportMetric(perClient(residentMost-resident), "KiB-resident/client")
	b.ReportMetric(float64(residentMost)/(1<<20), "MiB-resident")
	b.ReportMetric(cut, "cut")
	b.ReportMetric(0, "ns/op")
}

// readersEnv makes this test binary the clients of BenchmarkEvents.
const readersEnv = "HELLOX_WEB_READERS"

func TestMain(m *testing.M) {
	runtest.EndWithGo()
	if os.Getenv(readersEnv) != "" {
		if err := readEvents(os.Args[1], os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if browser.stop != nil {
		browser.stop()
	}
	os.Exit(code)
}

// readEvents follows the events at address with so many clients, beside others
// that never read, until the server ends them, and prints how many messages
// came to the client with the fewest. With filters, each client has one of so
// many: filter i passes the senders whose number ends with i.
func readEvents(address string, counted []string) error {
	var n, idle, filters int
	if _, err := fmt.Sscan(strings.Join(counted, " "), &n, &idle, &filters); err != nil {
		return err
	}
	dial := func(query string) (net.Conn, error) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_, err = io.WriteString(conn, "GET /api/events"+query+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
		}
		return conn, err
	}
	for range idle {
		conn, err := dial("")
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
			return err
		}
	}
	counts := make([]int, n)
	var reading sync.WaitGroup
	for i := range counts {
		query := ""
		if filters > 0 {
			query = fmt.Sprintf("?filter=sender:press-*%d", i%filters)
		}
		conn, err := dial(query)
		if err != nil {
			return err
		}
		defer conn.Close()
		reading.Go(func() {
			for lines := bufio.NewScanner(conn); lines.Scan(); {
				if bytes.HasPrefix(lines.Bytes(), []byte("event: message")) {
					counts[i]++
				}
			}
		})
	}
	reading.Wait()
	fmt.Println(slices.Min(counts))
	return nil
}

// inUse returns the bytes of live heap and stacks.
func inUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// residentSize returns the resident memory of this process (proc(5), statm).
func residentSize(b *testing.B) (bytes int64) {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(statm), &size, &pages); err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
