package mqtt

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"hellox/bootstrap/run/runtest"
	"hellox/stream"
	"hellox/stream/streamtest"
)

// A mosquitto is a stock broker in a process of its own, which keeps what it
// retains and its sessions when it is started again.
type mosquitto struct {
	t      *testing.T
	path   string
	config string
	addr   string
	cmd    *exec.Cmd
}

func startMosquitto(t *testing.T) *mosquitto {
	t.Helper()
	path, err := exec.LookPath("mosquitto")
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/mosquitto") // which is on root's PATH only
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("mosquitto is not here: %v", err)
	}
	dir := t.TempDir()
	m := &mosquitto{t: t, path: path, config: filepath.Join(dir, "mosquitto.conf"), addr: streamtest.FreeAddress(t)}
	_, port, _ := net.SplitHostPort(m.addr)
	// It would give up root's rights otherwise, and with them this folder.
	text := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\nuser root\npersistence true\npersistence_location %s/\n", port, dir)
	if err := os.WriteFile(m.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	m.start()
	t.Cleanup(m.stop)
	return m
}

func (m *mosquitto) start() {
	m.t.Helper()
	m.cmd = exec.Command(m.path, "-c", m.config)
	runtest.Bind(m.cmd)
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	streamtest.Eventually(m.t, "mosquitto to listen", func() bool {
		conn, err := net.Dial("tcp", m.addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// stop ends it in order, with its memory written to the disk.
func (m *mosquitto) stop() {
	if m.cmd.ProcessState == nil {
		_ = m.cmd.Process.Signal(syscall.SIGTERM)
		_ = m.cmd.Wait()
	}
}

func (m *mosquitto) broker() Broker { return Broker{Scheme: "mqtt", Host: m.addr} }

// retain publishes n retained messages with the same payload, at QoS 1.
func retain(t *testing.T, b Broker, n int, payload string) {
	t.Helper()
	c, err := Connect(t.Context(), ClientOptions{Broker: b, ClientID: "filler", KeepAlive: KeepAlive})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const window = 15 // mosquitto holds 20 in flight
	var waiting []<-chan struct{}
	for i := range n {
		acked, err := c.Publish(Message{Topic: fmt.Sprintf("device/%05d/config", i), Payload: []byte(payload), QoS: 1, Retain: true})
		if err != nil {
			t.Fatal(err)
		}
		if waiting = append(waiting, acked); len(waiting) > window {
			streamtest.Within(t, "an acknowledgement", waiting[0])
			waiting = waiting[1:]
		}
	}
	for _, acked := range waiting {
		streamtest.Within(t, "an acknowledgement", acked)
	}
}

// A collector acknowledges what arrives, and keeps the newest payload of each
// topic and the payloads of "live" in their order.
type collector struct {
	mu     sync.Mutex
	newest map[string]string
	live   []string
}

func (c *collector) run(ctx context.Context, in <-chan stream.Arrival) {
	for {
		select {
		case a := <-in:
			c.mu.Lock()
			switch {
			case a.Superseded:
			case a.Topic == "live":
				c.live = append(c.live, string(a.Payload))
			default:
				c.newest[a.Topic] = string(a.Payload)
			}
			c.mu.Unlock()
			a.Ack()
		case <-ctx.Done():
			return
		}
	}
}

// with returns how many topics have the payload.
func (c *collector) with(payload string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p := range maps.Values(c.newest) {
		if p == payload {
			n++
		}
	}
	return n
}

// begin starts a receiver's subscription, and returns what ends it.
func (c *collector) begin(t *testing.T, s *subscriber) (links chan stream.Link, end func()) {
	t.Helper()
	tell, links := streamtest.LinkLog()
	out := make(chan stream.Arrival, Window)
	s.SubscribeOptions.Persistent, s.RetainedFirst, s.QoS, s.Link, s.out = true, true, 1, tell, out
	s.keepAlive = KeepAlive
	if s.Now == nil {
		s.Now = time.Now
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	collecting, stop := context.WithCancel(context.Background())
	running.Go(func() { c.run(collecting, out) })
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	end = func() {
		cancel()
		if err := streamtest.Within(t, "the end", ended); err != nil {
			t.Error(err)
		}
		stop()
		running.Wait()
	}
	streamtest.AwaitLink(t, links, stream.Connected)
	return links, end
}

// liveMessages returns the payloads of "live" so far.
func (c *collector) liveMessages() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.live)
}

func newCollector() *collector { return &collector{newest: map[string]string{}} }

func retainedSubscriber(b Broker) *subscriber {
	return &subscriber{
		SubscribeOptions: SubscribeOptions{Broker: b, ClientID: "panel", Topics: []string{"#"}},
		answerTimeout:    dialTimeout, retainedRetry: retainedRetry,
	}
}

// A stock mosquitto sends a subscriber at QoS 1 only 1,020 of its retained
// messages. All of them arrive: at the first start, when they changed while the
// broker was away, and while the receiver was.
func TestAllRetainedOfMosquittoArrive(t *testing.T) {
	m := startMosquitto(t)
	const n = 3000
	retain(t, m.broker(), n, "first")
	c := newCollector()
	links, end := c.begin(t, retainedSubscriber(m.broker()))
	streamtest.Eventually(t, "all at the start", func() bool { return c.with("first") == n })

	m.stop()
	streamtest.AwaitLink(t, links, stream.Retrying)
	m.start()
	streamtest.AwaitLink(t, links, stream.Connected)
	streamtest.Eventually(t, "all after the broker was away", func() bool { return c.with("first") == n })
	end()

	retain(t, m.broker(), n, "second")
	_, end = c.begin(t, retainedSubscriber(m.broker()))
	streamtest.Eventually(t, "all that changed while the receiver was away", func() bool { return c.with("second") == n })
	end()
}

// While retained messages are read, at each of several connections, live ones go
// on: each arrives, in order. Of a receiver that is started again a broker is asked
// for its retained messages, so they must leave room in its queue.
func TestLiveMessagesBesideRetained(t *testing.T) {
	for name, c := range map[string]struct {
		retained int
		restart  bool
	}{"reconnects": {3000, false}, "restarts": {300, true}} {
		t.Run(name, func(t *testing.T) {
			m := startMosquitto(t)
			retain(t, m.broker(), c.retained, "state")
			g := newGate(t, m.addr)
			b := Broker{Scheme: "mqtt", Host: g.ln.Addr().String()}
			got := newCollector()
			links, end := got.begin(t, retainedSubscriber(b)) // the session begins here
			defer func() { end() }()
			publisher, err := Connect(t.Context(), ClientOptions{Broker: m.broker(), ClientID: "publisher", KeepAlive: KeepAlive})
			if err != nil {
				t.Fatal(err)
			}
			defer publisher.Close()
			publish := func(payload string) {
				acked, err := publisher.Publish(Message{Topic: "live", Payload: []byte(payload), QoS: 1})
				if err != nil {
					t.Fatal(err)
				}
				streamtest.Within(t, "the acknowledgement", acked)
			}
			streamtest.Eventually(t, "room in the broker's queue", func() bool {
				publish("begin")
				return len(got.liveMessages()) > 0
			})
			const n = 600
			for i := range n {
				publish(fmt.Sprintf("%04d", i))
				switch {
				case i%150 != 149:
				case c.restart:
					end()
					links, end = got.begin(t, retainedSubscriber(b))
				default:
					if i > 150 {
						streamtest.AwaitLink(t, links, stream.Connected)
					}
					g.cut()
					streamtest.AwaitLink(t, links, stream.Retrying)
				}
			}
			last := fmt.Sprintf("%04d", n-1)
			streamtest.Eventually(t, "all live messages", func() bool {
				live := got.liveMessages()
				return live[len(live)-1] == last
			})
			// What was not acknowledged at an end comes again, from there on.
			next, live := 0, slices.DeleteFunc(got.liveMessages(), func(s string) bool { return s == "begin" })
			for i, payload := range live {
				var at int
				if _, err := fmt.Sscanf(payload, "%d", &at); err != nil || at > next {
					t.Fatalf("message %d is %s, and %04d is missing", i, payload, next)
				}
				next = at + 1
			}
		})
	}
}

// What was published while a receiver was away comes in its order, and what of it
// is retained after that: else a lamp that went from A to B and C would seem to
// have gone from A to C, B and C.
func TestBacklogComesBeforeRetained(t *testing.T) {
	m := startMosquitto(t)
	publisher, err := Connect(t.Context(), ClientOptions{Broker: m.broker(), ClientID: "publisher", KeepAlive: KeepAlive})
	if err != nil {
		t.Fatal(err)
	}
	defer publisher.Close()
	set := func(payload string) {
		acked, err := publisher.Publish(Message{Topic: "live", Payload: []byte(payload), QoS: 1, Retain: true})
		if err != nil {
			t.Fatal(err)
		}
		streamtest.Within(t, "the acknowledgement", acked)
	}
	got := newCollector()
	times := func(payload string) (n int) {
		for _, p := range got.liveMessages() {
			if p == payload {
				n++
			}
		}
		return n
	}
	set("A")
	_, end := got.begin(t, retainedSubscriber(m.broker()))
	streamtest.Eventually(t, "the retained message, before the subscription and after it", func() bool { return times("A") >= 2 })
	end()
	set("B")
	set("C")
	_, end = got.begin(t, retainedSubscriber(m.broker()))
	defer func() { end() }()
	streamtest.Eventually(t, "the last message, from the session and as it is retained", func() bool { return times("C") >= 2 })
	if seen := slices.Compact(got.liveMessages()); !slices.Equal(seen, []string{"A", "B", "C"}) {
		t.Errorf("seen were %q", seen)
	}
}

// A gate stands before a broker and decides about each connection by its client ID.
type gate struct {
	ln     net.Listener
	to     string
	refuse atomic.Bool // CONNACK 2 for the second client
	stall  atomic.Bool // nothing at all for the second client
	mu     sync.Mutex
	open   map[net.Conn]struct{}
}

// cut closes every connection without a word.
func (g *gate) cut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for conn := range g.open {
		conn.Close()
	}
}

func newGate(t *testing.T, to string) *gate {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{ln: ln, to: to, open: map[net.Conn]struct{}{}}
	var open sync.WaitGroup
	t.Cleanup(func() {
		ln.Close()
		open.Wait()
	})
	open.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			open.Go(func() { g.serve(conn) })
		}
	})
	return g
}

func (g *gate) serve(conn net.Conn) {
	g.mu.Lock()
	g.open[conn] = struct{}{}
	g.mu.Unlock()
	defer func() {
		conn.Close()
		g.mu.Lock()
		delete(g.open, conn)
		g.mu.Unlock()
	}()
	p, err := packets.ReadPacket(conn)
	if err != nil {
		return
	}
	connect := p.(*packets.ConnectPacket)
	if connect.ClientIdentifier == "panel"+retainedSuffix {
		if g.refuse.Load() {
			_, _ = conn.Write([]byte{0x20, 2, 0, packets.ErrRefusedIDRejected})
			return
		}
		if g.stall.Load() {
			_, _ = io.Copy(io.Discard, conn)
			return
		}
	}
	up, err := net.Dial("tcp", g.to)
	if err != nil {
		return
	}
	defer up.Close()
	if connect.Write(up) != nil {
		return
	}
	go func() {
		_, _ = io.Copy(up, conn)
		up.Close()
	}()
	_, _ = io.Copy(conn, up)
}

// A second client that is refused, or gets no answer, is told in the log and tried
// again; the subscription works meanwhile.
func TestRetainedReaderIsRefused(t *testing.T) {
	for name, block := range map[string]func(*gate) *atomic.Bool{
		"refused": func(g *gate) *atomic.Bool { return &g.refuse },
		"stalled": func(g *gate) *atomic.Bool { return &g.stall },
	} {
		t.Run(name, func(t *testing.T) {
			m := startMosquitto(t)
			const n = 1500 // more than mosquitto queues
			retain(t, m.broker(), n, "state")
			g := newGate(t, m.addr)
			block(g).Store(true)
			log := &streamtest.Buffer{}
			s := retainedSubscriber(Broker{Scheme: "mqtt", Host: g.ln.Addr().String()})
			s.answerTimeout, s.retainedRetry = 300*time.Millisecond, 50*time.Millisecond
			s.Log = slog.New(slog.NewTextHandler(log, nil))
			c := newCollector()
			_, end := c.begin(t, s)
			defer end()
			streamtest.Eventually(t, "what the subscription brings", func() bool { return c.with("state") >= 20 })
			streamtest.Eventually(t, "a word in the log", func() bool {
				return strings.Contains(log.String(), "retains was not read whole") && strings.Contains(log.String(), "client=panel-retained")
			})
			block(g).Store(false)
			streamtest.Eventually(t, "the rest", func() bool { return c.with("state") == n })
		})
	}
}

// What the second client read is older than what the subscription has brought on
// the same topic since; of other topics it is news.
func TestRetainedNeverReplacesNewer(t *testing.T) {
	s := retainedSubscriber(Broker{})
	out := make(chan stream.Arrival, 10)
	s.out, s.Now = out, time.Now
	done, stop := context.WithCancel(t.Context())
	defer stop()
	v := &delivery{done: done.Done(), stop: stop, failed: make(chan error, 1), pending: &pendingAcks{changed: make(chan struct{}, 1)}}
	s.handle(v, stream.Arrival{Topic: "before", Payload: []byte("1"), Ack: func() {}})
	v.watchTopics(true)
	s.handle(v, stream.Arrival{Topic: "since", Payload: []byte("2"), Ack: func() {}})
	s.handle(v, stream.Arrival{Topic: "retained", Payload: []byte("3"), Retained: true, Ack: func() {}})
	for _, topic := range []string{"before", "since", "retained", "other"} {
		v.handRetained(out, stream.Arrival{Topic: topic, Payload: []byte("R"), Retained: true})
	}
	close(out)
	var got []string
	for a := range out {
		got = append(got, a.Topic+string(a.Payload))
	}
	if want := []string{"before1", "since2", "retained3", "beforeR", "retainedR", "otherR"}; !slices.Equal(got, want) {
		t.Errorf("handed on %v, want %v", got, want)
	}
}
