//go:build linux

package broadcast

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"hellox/bootstrap/run/runtest"
	"hellox/stream"
	"hellox/stream/mqtt"
	"hellox/stream/streamtest"
)

// TestBrokerProcess is no test: BenchmarkFleet runs it in a process of its own,
// so that only the clients' memory is measured.
func TestBrokerProcess(t *testing.T) {
	if os.Getenv("HELLOX_TEST_BROKER") == "" {
		t.Skip("the broker of BenchmarkFleet")
	}
	b := startBroker(t)
	os.Stdout.WriteString("broker " + b.Addr + "\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func brokerProcess(b *testing.B) mqtt.Broker {
	b.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestBrokerProcess$")
	cmd.Env = append(os.Environ(), "HELLOX_TEST_BROKER=1")
	runtest.Bind(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "broker ")
	if err != nil || !ok {
		b.Fatalf("the broker says %q (%v)", line, err)
	}
	return mqtt.Broker{Scheme: "mqtt", Host: addr}
}

// BenchmarkFleet connects 5,000 broadcasters and measures what one of them
// costs while it waits. Run it with -benchtime 1x.
func BenchmarkFleet(b *testing.B) {
	const count = 5000
	if err := checkOpenFiles(count); err != nil {
		b.Skip(err)
	}
	broker := brokerProcess(b)
	for b.Loop() {
		before := usage(b)
		var connected atomic.Int64
		all := make(chan struct{})
		began := time.Now()
		cancel, ended := streamtest.Background(b, func(ctx context.Context) error {
			return Run(ctx, Options{
				Broker: broker, ID: "b", Count: count, Min: time.Hour, Max: time.Hour, QoS: 1,
				Link: func(_ string, l stream.Link) {
					if l.State == stream.Connected && connected.Add(1) == count {
						close(all)
					}
				},
			})
		})
		select {
		case <-all:
		case <-time.After(5 * time.Minute):
			b.Fatalf("%d of %d are connected after 5 minutes", connected.Load(), count)
		}
		took := time.Since(began)
		after := usage(b)
		b.ReportMetric(took.Seconds(), "s-to-connect")
		b.ReportMetric(float64(after.goroutines-before.goroutines)/count, "goroutines/client")
		b.ReportMetric(float64(after.heap-before.heap)/1024/count, "KiB-heap/client")
		b.ReportMetric(float64(after.stack-before.stack)/1024/count, "KiB-stack/client")
		b.ReportMetric(float64(after.resident-before.resident)/1024/count, "KiB-resident/client")
		cancel()
		<-ended
	}
}

type memory struct{ goroutines, heap, stack, resident int }

// usage is what this process holds, after a collection.
func usage(b *testing.B) memory {
	b.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	pages, err := strconv.Atoi(string(bytes.Fields(statm)[1]))
	if err != nil {
		b.Fatal(err)
	}
	return memory{runtime.NumGoroutine(), int(m.HeapAlloc), int(m.StackInuse), pages * os.Getpagesize()}
}
