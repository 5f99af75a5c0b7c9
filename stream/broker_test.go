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
	server    atomic.Pointer[mochi.Server]
	turns     turns
}

// Turns are what mochi lacks: it reads its retained messages while it writes
// others, and acknowledges a message before it has passed it on. One client at
// a time has it publish, subscribe or send its last will.
type turns struct {
	mu     sync.Mutex
	holder atomic.Pointer[mochi.Client]
}

func (t *turns) take(cl *mochi.Client) {
	if t.holder.Load() != cl {
		t.mu.Lock()
		t.holder.Store(cl)
	}
}

func (t *turns) give(cl *mochi.Client) {
	if t.holder.CompareAndSwap(cl, nil) {
		t.mu.Unlock()
	}
}

func (h *testHook) ID() string { return "test" }
func (h *testHook) Provides(b byte) bool {
	return bytes.Contains([]byte{mochi.OnConnectAuthenticate, mochi.OnACLCheck, mochi.OnPublish, mochi.OnSessionEstablished,
		mochi.OnPacketRead, mochi.OnPacketProcessed, mochi.OnConnect, mochi.OnDisconnect, mochi.OnWill, mochi.OnWillSent}, []byte{b})
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
func (h *testHook) OnPacketRead(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	switch pk.FixedHeader.Type {
	case packets.Pingreq:
		h.pings.Add(1)
	case packets.Publish, packets.Subscribe:
		h.turns.take(cl)
	}
	return pk, nil
}
func (h *testHook) OnPacketProcessed(cl *mochi.Client, _ packets.Packet, _ error) { h.turns.give(cl) }
func (h *testHook) OnWill(cl *mochi.Client, will mochi.Will) (mochi.Will, error) {
	h.turns.take(cl)
	return will, nil
}
func (h *testHook) OnWillSent(cl *mochi.Client, _ packets.Packet)  { h.turns.give(cl) }
func (h *testHook) OnDisconnect(cl *mochi.Client, _ error, _ bool) { h.turns.give(cl) }

// OnConnect lets a client wait until mochi has forgotten its former connection:
// it would forget the new one in its place.
func (h *testHook) OnConnect(cl *mochi.Client, _ packets.Packet) error {
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		former, ok := h.server.Load().Clients.Get(cl.ID)
		if !ok || !former.Closed() || !former.Properties.Clean {
			break
		}
	}
	return nil
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

const anyPort = "127.0.0.1:0"

// startBroker starts a broker on a free port of loopback; the test's end stops it.
func startBroker(t testing.TB) *testBroker {
	t.Helper()
	b := &testBroker{t: t, addr: anyPort, hook: &testHook{}}
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
	if b.addr == anyPort { // once: later somebody reads it
		b.addr = ln.Addr().String()
	}
	b.server = mochi.New(&mochi.Options{Logger: slog.New(slog.DiscardHandler), InlineClient: true})
	b.hook.server.Store(b.server)
	if err := b.server.AddHook(b.hook, nil); err != nil {
		b.t.Fatal(err)
	}
	b.conns = &connTracker{Net: listeners.NewNet("tcp", ln)}
	if err := b.server.AddListener(b.conns); err != nil {
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

// A connTracker closes the connections that mochi serves and waits for their
// end, before mochi is closed: it does not close one that comes meanwhile, and
// then waits for it for ever (mochi-mqtt/server#541).
type connTracker struct {
	*listeners.Net
	mu      sync.Mutex
	conns   []net.Conn
	closed  bool
	serving sync.WaitGroup
}

func (l *connTracker) Serve(establish listeners.EstablishFn) {
	l.Net.Serve(func(id string, conn net.Conn) error {
		if !l.enter(conn) {
			return conn.Close()
		}
		defer l.serving.Done()
		return establish(id, conn)
	})
}

// enter returns false if all is being closed.
func (l *connTracker) enter(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.conns = append(l.conns, conn)
		l.serving.Add(1)
	}
	return !l.closed
}

func (l *connTracker) closeAll() {
	l.mu.Lock()
	l.closed = true
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.mu.Unlock()
	l.serving.Wait()
}

func (b *testBroker) broker() Broker { return Broker{Scheme: "mqtt", Host: b.addr} }

func (b *testBroker) publish(topic, payload string, retain bool, qos byte) {
	b.t.Helper()
	inline := &mochi.Client{} // in the name of nobody
	b.hook.turns.take(inline)
	defer b.hook.turns.give(inline)
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
