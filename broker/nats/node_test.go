package nats_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"hellox/broker/nats"
	"hellox/stream/streamtest"
	"hellox/stream/subject"
)

// A running node, and what it logged.
type running struct {
	*nats.Node
	end  func() // as SIGTERM does, until Serve returns; twice is fine
	stop func() // the same, until nothing of it runs
	log  *logText
}

type logText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// run starts a node, and ends it with the test.
func run(t *testing.T, o nats.Options) *running {
	t.Helper()
	r := &running{log: &logText{}}
	o.Log = slog.New(slog.NewTextHandler(r.log, nil))
	n, err := nats.New(o)
	if err != nil {
		t.Fatal(err)
	}
	r.Node = n
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Serve(ctx) }()
	r.end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("node %s:\n%s", o.Name, r.log)
		}
	})
	r.stop = func() {
		r.end()
		n.WaitEnded()
	}
	t.Cleanup(r.stop)
	return r
}

// ready waits until clients are let in.
func (r *running) ready(t *testing.T) {
	t.Helper()
	until(t, "the node is ready", func() bool { return r.Ready() == nil })
}

// until waits for a condition. The bound is a guard against a test that hangs.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not so within a minute: %s", what)
		}
	}
}

func loopback() *net.TCPAddr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// options returns those of a node alone that asks no client who it is.
func options(t *testing.T) nats.Options {
	return nats.Options{Name: "one", Store: t.TempDir(), MQTT: loopback(), Open: true}
}

// dial connects an MQTT client, or returns why it was refused.
func dial(t *testing.T, n *nats.Node, id string, change func(*paho.ClientOptions)) (paho.Client, error) {
	t.Helper()
	o := paho.NewClientOptions().AddBroker("tcp://" + n.Address().String()).SetClientID(id).SetAutoReconnect(false).SetConnectRetry(false)
	if change != nil {
		change(o)
	}
	c := paho.NewClient(o)
	token := c.Connect()
	if !token.WaitTimeout(time.Minute) {
		return nil, errors.New("no CONNACK")
	}
	t.Cleanup(func() { c.Disconnect(0) })
	return c, token.Error()
}

func mustDial(t *testing.T, n *nats.Node, id string, change func(*paho.ClientOptions)) paho.Client {
	t.Helper()
	c, err := dial(t, n, id, change)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func wait(t *testing.T, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(time.Minute) {
		t.Fatal("no answer")
	}
	if err := token.Error(); err != nil {
		t.Fatal(err)
	}
}

// TestNode publishes and subscribes, with a session that stays, over a restart.
func TestNode(t *testing.T) {
	o := options(t)
	first := run(t, o)
	first.ready(t)
	stays := func(o *paho.ClientOptions) { o.SetCleanSession(false) }
	reader := mustDial(t, first.Node, "reader", stays)
	wait(t, reader.Subscribe("hello_world/#", 1, func(paho.Client, paho.Message) {}))
	reader.Disconnect(100)
	writer := mustDial(t, first.Node, "writer", nil)
	for i := range 20 {
		wait(t, writer.Publish("hello_world/a", 1, false, fmt.Sprint(i)))
	}
	first.stop()
	second := run(t, o)
	second.ready(t)
	got := make(chan string, 100)
	mustDial(t, second.Node, "reader", func(o *paho.ClientOptions) {
		stays(o)
		o.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { got <- m.Topic() + " " + string(m.Payload()) })
	})
	for i := range 20 {
		select {
		case m := <-got:
			if want := fmt.Sprintf("hello_world/a %d", i); m != want {
				t.Fatalf("message %d is %q, want %q", i, m, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("message %d did not come", i)
		}
	}
}

// TestTopics compares package subject with the subjects that nats-server gives to topics.
func TestTopics(t *testing.T) {
	n, peer := runWithClients(t)
	writer := mustDial(t, n.Node, "writer", nil)
	stream, err := peer.Stream(t.Context(), "$MQTT_msgs")
	if err != nil {
		t.Fatal(err)
	}
	for i, topic := range []string{"a/b", "/a", "a/", "a//b", "/", "a.b/c", "./.", "x*y/>z", "küche"} {
		wait(t, writer.Publish(topic, 1, false, "x"))
		m, err := stream.GetMsg(t.Context(), uint64(i+1))
		if err != nil {
			t.Fatal(err)
		}
		want, err := subject.Of(topic)
		if err != nil || m.Subject != subject.MessagesPrefix+want {
			t.Errorf("the subject of %q is %q, want %q (%v)", topic, m.Subject, want, err)
		}
	}
	// With white space there is none: the connection ends unacknowledged.
	if token := writer.Publish("a b", 1, false, "x"); token.WaitTimeout(time.Minute) && token.Error() == nil && writer.IsConnected() {
		t.Error("a topic with white space was acknowledged")
	}
	until(t, "the log tells of the topic", func() bool { return strings.Contains(n.log.String(), "not supported for MQTT topics") })
}

// runWithClients runs a node with a port for receivers, and connects one.
func runWithClients(t *testing.T) (*running, jetstream.JetStream) {
	t.Helper()
	a := newAuthority(t)
	o := options(t)
	o.Clients, o.PeerTLS = freeAddress(t), a.peer("one")
	n := run(t, o)
	n.ready(t)
	c, err := natsgo.Connect("tls://"+o.Clients.String(), natsgo.Secure(a.peer("receive")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return n, js
}

// TestMQTT5 is refused by the code of MQTT 3.1.1 for it.
func TestMQTT5(t *testing.T) {
	n := run(t, options(t))
	n.ready(t)
	c, err := net.Dial("tcp", n.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01a")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4)
	if _, err := io.ReadFull(c, answer); err != nil || string(answer) != "\x20\x02\x00\x01" {
		t.Errorf("the answer is %x, %v", answer, err)
	}
}

// TestReserved tries what would reach nats-server's own subjects: with every right
// that hellox gives, no client reaches JetStream.
func TestReserved(t *testing.T) {
	n, peer := runWithClients(t)
	c := mustDial(t, n.Node, "attacker", nil)
	wait(t, c.Publish("hello_world/a", 1, false, "stays"))
	for _, topic := range []string{"$JS/API/STREAM/DELETE/$MQTT_msgs", "$JS/API/STREAM/PURGE/$MQTT_msgs", "$MQTT/msgs/x", "$KV/HELLOX_OWNERS/x", "$SYS/REQ/SERVER/PING", "_INBOX/x"} {
		for _, qos := range []byte{0, 1} {
			c.Publish(topic, qos, false, "")
		}
		var code byte
		token := c.Subscribe(topic, 0, nil)
		if token.WaitTimeout(time.Minute) {
			code = token.(*paho.SubscribeToken).Result()[topic]
		}
		if code != 0x80 {
			t.Errorf("subscribing to %s is answered by %#x", topic, code)
		}
	}
	for _, filter := range []string{"$JS/#", "$MQTT/sub/#", "$MQTT/#", "$KV/#", "$SYS/#", "_INBOX/#"} {
		token := c.Subscribe(filter, 1, nil)
		if !token.WaitTimeout(time.Minute) || token.(*paho.SubscribeToken).Result()[filter] != 0x80 {
			t.Errorf("%s may be subscribed to", filter)
		}
	}
	wait(t, c.Publish("hello_world/a", 1, false, "later")) // behind all of the above
	stream, err := peer.Stream(t.Context(), "$MQTT_msgs")
	if err != nil {
		t.Fatal(err)
	}
	subjects := stream.CachedInfo().State
	if subjects.FirstSeq != 1 {
		t.Errorf("the stream begins at %d", subjects.FirstSeq)
	}
	if m, err := stream.GetMsg(t.Context(), 1); err != nil || string(m.Data) != "stays" {
		t.Errorf("the first message is %v, %v", m, err)
	}
	info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter("$MQTT.msgs.x"))
	if err != nil || len(info.State.Subjects) > 0 {
		t.Errorf("a client wrote below $MQTT.msgs: %v, %v", info.State.Subjects, err)
	}
}

// An authority signs the certificates of a test.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{t, cert, key}
}

// peer returns the configuration of a node or receiver, for both sides of a connection.
func (a *authority) peer(name string) *tls.Config {
	return a.config(name, x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth)
}

func (a *authority) config(name string, usage ...x509.ExtKeyUsage) *tls.Config {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: usage, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if uri, err := url.Parse(name); err == nil && uri.Scheme != "" { // that of an MQTT client
		template.URIs = []*url.URL{uri}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		RootCAs: pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, VerifyConnection: nats.VerifyPeer,
	}
}

// freeAddress returns an address that stays this test's: nodes must know each other's
// before they run.
func freeAddress(t testing.TB) *net.TCPAddr {
	t.Helper()
	address, err := net.ResolveTCPAddr("tcp", streamtest.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// TestStoreOfTwoNodes: a second node on the store of one that runs is refused, and it may
// have the store when the first has ended.
func TestStoreOfTwoNodes(t *testing.T) {
	o := options(t)
	first := run(t, o)
	first.ready(t)
	if _, err := nats.New(o); !errors.Is(err, nats.ErrInUse) || !strings.Contains(err.Error(), o.Store) {
		t.Errorf("a second node: %v, want ErrInUse of %s", err, o.Store)
	}
	first.stop()
	run(t, o).ready(t)
}
