package brokertest

import (
	"log/slog"
	"net"
	"sync/atomic"
	"testing"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"

	"hellox/stream/streamtest"
)

// A Broker is a real broker in this process that can be told to misbehave
// and to come back at the address where it was.
type Broker struct {
	Addr      string                       // host and port
	DenyUser  atomic.Pointer[string]       // this user is not let in
	DenyTopic atomic.Pointer[string]       // no client may publish or subscribe it
	Swallow   atomic.Bool                  // publishes of QoS 1 get no acknowledgement and a closed connection
	OnPublish atomic.Pointer[func([]byte)] // sees each payload taken
	Pings     atomic.Int64                 // PINGREQs seen
	Connects  atomic.Int64                 // clients let in

	t      testing.TB
	server *mochi.Server
	conns  *connTracker
	hook   *hook
}

// New starts a broker on a free port of loopback; the test's end stops it.
func New(t testing.TB) *Broker {
	t.Helper()
	b := &Broker{t: t, Addr: streamtest.FreeAddress(t), hook: &hook{}}
	b.hook.broker = b
	b.Start()
	t.Cleanup(b.Stop)
	return b
}

// Start starts a broker that was stopped, at the same address.
func (b *Broker) Start() {
	b.t.Helper()
	var ln net.Listener
	streamtest.Eventually(b.t, "the port to be given back", func() (ok bool) {
		var err error
		ln, err = net.Listen("tcp", b.Addr)
		return err == nil
	})
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

// Stop closes every connection without a word and the port.
func (b *Broker) Stop() {
	if b.server != nil {
		b.conns.closeAll()
		_ = b.server.Close()
		b.server = nil
	}
}

// Establish serves a connection that another listener accepted, until it ends.
func (b *Broker) Establish(listener string, conn net.Conn) error {
	return b.server.EstablishConnection(listener, conn)
}

// Cut closes the connection of a client without a word; false: it has none.
func (b *Broker) Cut(clientID string) bool {
	client, ok := b.server.Clients.Get(clientID)
	if ok {
		_ = client.Net.Conn.Close() // not its Stop, after which mochi may take it for a goodbye
	}
	return ok
}

// Publish publishes a message of no client.
func (b *Broker) Publish(topic, payload string, retain bool, qos byte) {
	b.t.Helper()
	inline := &mochi.Client{} // of no connection
	b.hook.turns.take(inline)
	defer b.hook.turns.give(inline)
	if err := b.server.Publish(topic, []byte(payload), retain, qos); err != nil {
		b.t.Fatal(err)
	}
}
