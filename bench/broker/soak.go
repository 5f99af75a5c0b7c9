package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"hellox/broker"
	"hellox/broker/rights"
)

// A soak has one identity flood a broker at the limits that it has, while 20 clients
// of another identity send each other a message five times a second. These must
// lose nothing and stay connected, and afterwards the broker's heap must be what it
// was.

const (
	goodClients = 20
	goodEvery   = 200 * time.Millisecond
	mostGrowth  = 1.10
	soakStore   = 256 << 20
	floodIDs    = 1000 // client IDs of sessions that are left behind
	floodTopics = 12_000
)

// serveSoak is a broker whose clients are the identities that they say, flood and
// good. SIGUSR1 has it write its heap to a file of its folder.
func serveSoak(ctx context.Context, dir string, l net.Listener) error {
	acl, err := rights.ParseACL("read flood flood/#\nwrite flood flood/#\nread good good/#\nwrite good good/#\n")
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	b, err := broker.New(broker.Options{
		Listeners: []broker.Listener{{Net: l}}, Store: filepath.Join(dir, "store"), StoreLimit: soakStore,
		Authority: named{acl}, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		return err
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	go func() {
		for range asked {
			runtime.GC()
			runtime.GC() // pools are emptied by the second
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			_ = os.WriteFile(filepath.Join(dir, "heap.new"), []byte(strconv.FormatUint(m.HeapAlloc, 10)), 0o600)
			_ = os.Rename(filepath.Join(dir, "heap.new"), filepath.Join(dir, "heap"))
			if path := os.Getenv("HELLOX_BENCH_HEAP"); path != "" {
				if f, err := os.Create(path); err == nil {
					_ = pprof.Lookup("heap").WriteTo(f, 0)
					f.Close()
				}
			}
		}
	}()
	return b.Serve(ctx)
}

// named lets in each client as the user that it says.
type named struct{ acl *rights.ACL }

func (n named) Login(_ context.Context, c rights.Credentials) (rights.Login, error) {
	return rights.Login{Identity: c.User}, nil
}
func (n named) MayUse(rights.Login, string) error { return nil }
func (n named) Rights(l rights.Login, clientID string) *rights.Rights {
	return n.acl.Rights(l.Identity, clientID)
}

// heapOf asks a broker of serveSoak for its heap.
func heapOf(p *running, dir string) (int64, error) {
	path := filepath.Join(dir, "heap")
	_ = os.Remove(path)
	if err := p.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		return 0, err
	}
	for range 300 {
		if b, err := os.ReadFile(path); err == nil {
			return strconv.ParseInt(string(b), 10, 64)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return 0, errors.New("the broker does not say its heap")
}

func measureSoak(ctx context.Context, c config) error {
	dir, err := os.MkdirTemp(c.dir, "hellox-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p, err := startChild(ctx, "soak true "+dir)
	if err != nil {
		return err
	}
	defer p.stop()
	fmt.Printf("\nsoak: %v of flood by one identity, beside %d clients of another\n", c.soak, goodClients)
	g, err := startGood(p.addr)
	if err != nil {
		return err
	}
	f := &flood{addr: p.addr}
	cold, err := heapOf(p, dir)
	if err != nil {
		return err
	}
	// What a process takes once, such as the memory of goroutines that have ended, is
	// no growth.
	if err := f.rush(ctx, c.soak/10); err != nil {
		return err
	}
	before, err := settledHeap(p, dir, cold)
	if err != nil {
		return err
	}
	peak := p.watchMemory()
	if err := f.rush(ctx, c.soak); err != nil {
		return err
	}
	fmt.Printf("  flood: %s; own memory at most %d MiB\n", f.said(), peak()>>20)
	after, err := settledHeap(p, dir, before)
	if err != nil {
		return err
	}
	report := g.stop()
	fmt.Printf("  good: %s\n", report)
	fmt.Printf("  heap: %.2f MiB at first, %.2f before, after a tenth of the flood, %.2f afterwards: %.2fx (at most %.2fx)\n",
		mib(cold), mib(before), mib(after), float64(after)/float64(before), mostGrowth)
	if log, err := os.ReadFile(filepath.Join(dir, "log")); err == nil {
		fmt.Printf("  log: %d lines, %d of panics\n", strings.Count(string(log), "\n"), strings.Count(string(log), "by a panic"))
	}
	if g.lost > 0 || g.broken.Load() > 0 || float64(after) > float64(before)*mostGrowth {
		return errors.New("the good clients lost something, or the heap has grown")
	}
	return ctx.Err()
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// settledHeap returns the broker's heap once it is about what it was, or after a
// minute: sessions end, and what they had is deleted.
func settledHeap(p *running, dir string, was int64) (now int64, err error) {
	for range 60 {
		if now, err = heapOf(p, dir); err != nil || float64(now) <= float64(was)*mostGrowth {
			break
		}
		time.Sleep(time.Second)
	}
	return now, err
}

// good is the clients that keep to what is usual. Each publishes on a topic of its own
// and reads those of all.
type good struct {
	clients []*client
	ending  chan struct{}
	senders sync.WaitGroup
	readers sync.WaitGroup
	broken  atomic.Int64

	mu    sync.Mutex
	acked [goodClients]uint64              // the newest of each that was acknowledged
	seen  [goodClients][goodClients]uint64 // by reader and publisher: the newest; they come in order
	gaps  int
	took  []time.Duration // from PUBLISH to PUBACK
	lost  int
}

func startGood(addr string) (*good, error) {
	g := &good{ending: make(chan struct{})}
	for i := range goodClients {
		c, err := dialAs(addr, fmt.Sprintf("good-%d", i), "good", false)
		if err != nil {
			return nil, err
		}
		if err := c.subscribe("good/#", 1); err != nil {
			return nil, err
		}
		g.clients = append(g.clients, c)
	}
	for i, c := range g.clients {
		acks := make(chan struct{}, 1)
		var writing sync.Mutex
		g.readers.Go(func() { g.read(i, c, &writing, acks) })
		g.senders.Go(func() { g.send(i, c, &writing, acks) })
	}
	return g, nil
}

func (g *good) send(i int, c *client, writing *sync.Mutex, acks <-chan struct{}) {
	tick := time.NewTicker(goodEvery)
	defer tick.Stop()
	for n := uint64(1); ; n++ {
		select {
		case <-g.ending:
			return
		case <-tick.C:
		}
		body := binary.BigEndian.AppendUint16(str(nil, fmt.Sprintf("good/%d", i)), uint16(n%60000+1))
		body = binary.BigEndian.AppendUint64(body, n)
		began := time.Now()
		writing.Lock()
		c.w.Write(frame(0x32, body))
		err := c.w.Flush()
		writing.Unlock()
		if err != nil {
			return
		}
		if _, ok := <-acks; !ok {
			return
		}
		g.mu.Lock()
		g.acked[i], g.took = n, append(g.took, time.Since(began))
		g.mu.Unlock()
	}
}

func (g *good) read(i int, c *client, writing *sync.Mutex, acks chan<- struct{}) {
	defer close(acks)
	for {
		head, body, err := c.read()
		if err != nil {
			select {
			case <-g.ending:
			default:
				g.broken.Add(1)
			}
			return
		}
		switch head >> 4 {
		case 4:
			acks <- struct{}{}
		case 3:
			at := 2 + int(binary.BigEndian.Uint16(body))
			from, _ := strconv.Atoi(strings.TrimPrefix(string(body[2:at]), "good/"))
			g.mu.Lock()
			if n := binary.BigEndian.Uint64(body[at+2:]); n == g.seen[i][from]+1 {
				g.seen[i][from] = n
			} else {
				g.gaps++
			}
			g.mu.Unlock()
			writing.Lock()
			c.w.Write(frame(0x40, body[at:at+2]))
			_ = c.w.Flush() // an error is read too
			writing.Unlock()
		}
	}
}

// stop has the clients send no more, waits for what is under way, and says how they
// fared.
func (g *good) stop() string {
	close(g.ending)
	g.senders.Wait()
	for range 100 {
		if g.lost = g.missing(); g.lost == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, c := range g.clients {
		c.close()
	}
	g.readers.Wait()
	slices.Sort(g.took)
	n := len(g.took)
	return fmt.Sprintf("acknowledged %d, each to %d readers, lost %d, out of order or doubled %d, connections lost %d, PUBACK p50 %.1f p99 %.1f at most %.0f ms",
		n, goodClients, g.lost, g.gaps, g.broken.Load(), ms(g.took[n/2]), ms(g.took[n*99/100]), ms(g.took[n-1]))
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }

func (g *good) missing() (lost int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for reader := range goodClients {
		for from, acked := range g.acked {
			if seen := g.seen[reader][from]; seen < acked {
				lost += int(acked - seen)
			}
		}
	}
	return lost
}
