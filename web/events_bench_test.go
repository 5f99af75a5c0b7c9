//go:build unix

package web

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"hellox/history"
	"hellox/stream"
)

// BenchmarkEvents follows a stream of 100 messages a second with as many
// clients as there may be, for five seconds: what share of the events arrives
// by the end, and the processor time of an event and client (readers included,
// which only count).
//
//	go test ./web -run '^$' -bench Events -benchtime 1x
func BenchmarkEvents(b *testing.B) {
	const rate, seconds = 100, 5
	for b.Loop() {
		store := history.NewLive(history.LiveOptions{})
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.Fatal(err)
		}
		s := New(Options{Store: store})
		server := &http.Server{Handler: s}
		go server.Serve(ln) //nolint:errcheck // it ends with Close
		var got atomic.Int64
		var readers sync.WaitGroup
		conns := make([]net.Conn, maxStreams)
		for i := range conns {
			if conns[i], err = net.Dial("tcp", ln.Addr().String()); err != nil {
				b.Fatal(err)
			}
			fmt.Fprintf(conns[i], "GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
			readers.Go(func() { countEvents(conns[i], &got) })
		}
		for len(s.streams) < maxStreams {
			time.Sleep(time.Millisecond)
		}
		text := strings.Repeat("x", 150) // events of about 420 bytes
		before := processorTime()
		tick := time.NewTicker(time.Second / rate)
		for i := range rate * seconds {
			<-tick.C
			if err := store.Append(b.Context(), []stream.Arrival{says("press-1", uint64(i+1), time.Now(), text)}); err != nil {
				b.Fatal(err)
			}
		}
		tick.Stop()
		time.Sleep(2 * frameTime)
		used, delivered := processorTime()-before, float64(got.Load())
		s.Close()
		for _, c := range conns {
			c.Close()
		}
		readers.Wait()
		server.Close()
		store.Close()
		b.ReportMetric(delivered/(rate*seconds*maxStreams), "delivered")
		b.ReportMetric(float64(used.Microseconds())/delivered, "µs/event·client")
		b.ReportMetric(used.Seconds()/seconds, "cores")
	}
}

// countEvents counts the messages in what conn sends, and nothing else.
func countEvents(conn io.Reader, got *atomic.Int64) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := conn.Read(buffer)
		got.Add(int64(bytes.Count(buffer[:n], []byte("event: mess"))))
		if err != nil {
			return
		}
	}
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
