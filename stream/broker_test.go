package stream

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// A testBroker is a real broker in this process that can be told to misbehave
// and to come back at the address where it was.
type testBroker struct {
	t      testing.TB
	addr   string
	server *mochi.Server
	conns  *connTracker
	hook   *testHook
}

// A testHook lets everybody in, but for what its fields say.
type testHook struct {
	mochi.HookBase
	denyUser  atomic.Pointer[string]       // this user is not let in
	denyTopic atomic.Pointer[string]       // nobody may touch it
	swallow   atomic.Bool                  // publishes of QoS 1 get no acknowledgement and a closed connection
	pings     atomic.Int64                 // PINGREQs seen
	onPublish atomic.Pointer[func([]byte)] // sees each payload taken
	connects  atomic.Int64
}

func (h *testHook) ID() string { return "test" }
func (h *testHook) Provides(b byte) bool {
	return bytes.Contains([]byte{mochi.OnConnectAuthenticate, mochi.OnACLCheck, mochi.OnPublish, mochi.OnPacketRead, mochi.OnSessionEstablished}, []byte{b})
}
func (h *testHook) OnConnectAuthenticate(_ *mochi.Client, pk packets.Packet) bool {
	deny := h.denyUser.Load()
	return deny == nil || string(pk.Connect.Username) != *deny
}
func (h *testHook) OnSessionEstablished(*mochi.Client, packets.Packet) { h.connects.Add(1) }
func (h *testHook) OnACLCheck(_ *mochi.Client, topic string, _ bool) bool {
	deny := h.denyTopic.Load()
	return deny == nil || topic != *deny
}
func (h *testHook) OnPacketRead(_ *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if pk.FixedHeader.Type == packets.Pingreq {
		h.pings.Add(1)
	}
	return pk, nil
}
func (h *testHook) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if h.swallow.Load() && pk.FixedHeader.Qos > 0 && !cl.Net.Inline {
		go cl.Stop(io.EOF)
		return pk, packets.ErrRejectPacket
	}
	if f := h.onPublish.Load(); f != nil {
		(*f)(bytes.Clone(pk.Payload))
	}
	return pk, nil
}

// startBroker starts a broker on a free port of loopback; the test's end stops it.
func startBroker(t testing.TB) *testBroker {
	t.Helper()
	b := &testBroker{t: t, addr: "127.0.0.1:0", hook: &testHook{}}
	b.start()
	t.Cleanup(b.stop)
	return b
}

func (b *testBroker) start() {
	b.t.Helper()
	ln, err := net.Listen("tcp", b.addr)
	for deadline := time.Now().Add(5 * time.Second); err != nil && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond) // the port is still being given back
		ln, err = net.Listen("tcp", b.addr)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.addr = ln.Addr().String()
	b.server = mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler), InlineClient: true})
	if err := b.server.AddHook(b.hook, nil); err != nil {
		b.t.Fatal(err)
	}
	b.conns = &connTracker{Listener: ln}
	if err := b.server.AddListener(listeners.NewNet("tcp", b.conns)); err != nil {
		b.t.Fatal(err)
	}
	if err := b.server.Serve(); err != nil {
		b.t.Fatal(err)
	}
}

// stop closes every connection without a word and the port.
func (b *testBroker) stop() {
	if b.server != nil {
		b.conns.closeAll()
		_ = b.server.Close()
		b.server = nil
	}
}

// A connTracker closes the connections that it accepted, which mochi does not
// for one that comes while it closes, and then waits for it for ever
// (mochi-mqtt/server#541).
type connTracker struct {
	net.Listener
	mu     sync.Mutex
	conns  []net.Conn
	closed bool
}

func (l *connTracker) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		_ = conn.Close()
	}
	l.conns = append(l.conns, conn)
	return conn, nil
}

func (l *connTracker) closeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	_ = l.Close()
	for _, c := range l.conns {
		_ = c.Close()
	}
}

func (b *testBroker) broker() Broker { return Broker{Scheme: "mqtt", Host: b.addr} }

func (b *testBroker) publish(topic, payload string, retain bool, qos byte) {
	b.t.Helper()
	if err := b.server.Publish(topic, []byte(payload), retain, qos); err != nil {
		b.t.Fatal(err)
	}
}

// within fails the test if ch gives nothing in time.
func within[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(10 * time.Second):
		t.Fatalf("waited 10 s for %s", what)
		panic("unreachable")
	}
}

// eventually polls until ok, and fails the test if that takes too long.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited 10 s for %s", what)
		}
	}
}

// background runs f until the test ends, and waits for it.
func background(t testing.TB, f func(ctx context.Context) error) (cancel context.CancelFunc, ended <-chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		done <- f(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-finished
	})
	return cancel, done
}
