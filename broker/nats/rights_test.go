package nats_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	natsgo "github.com/nats-io/nats.go"

	"hellox/broker/nats"
	"hellox/broker/rights"
	"hellox/broker/token"
	"hellox/broker/token/tokentest"
)

// writeFile writes a file of users, rights or keys.
func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// openUsers returns the authority of users whose passwords are their names, and the
// path of the ACL.
func openUsers(t *testing.T, acl string, names ...string) (*rights.Files, string) {
	t.Helper()
	dir, text := t.TempDir(), ""
	for _, name := range names {
		line, err := rights.UserLine(name, []byte(name))
		if err != nil {
			t.Fatal(err)
		}
		text += line + "\n"
	}
	users, rules := filepath.Join(dir, "users"), filepath.Join(dir, "acl")
	writeFile(t, users, text)
	writeFile(t, rules, acl)
	files, err := rights.OpenFiles(rights.Paths{Users: users, ACL: rules}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return files, rules
}

func as(user string) func(*paho.ClientOptions) {
	return func(o *paho.ClientOptions) { o.SetUsername(user).SetPassword(user) }
}

// granted returns the code of a subscription: its QoS, or 0x80.
func granted(t *testing.T, c paho.Client, filter string, f paho.MessageHandler) byte {
	t.Helper()
	token := c.Subscribe(filter, 1, f)
	if !token.WaitTimeout(time.Minute) {
		t.Fatalf("no answer to %s", filter)
	}
	return token.(*paho.SubscribeToken).Result()[filter]
}

// TestRights asks of each user what the embedded broker allows it.
func TestRights(t *testing.T) {
	files, acl := openUsers(t, `deny * hello_world/private/#
role recv receive
read press hello_world/#
write press hello_world/%i/#
write press a.b/+
`, "press", "recv", "other")
	o := options(t)
	o.Open, o.Authority = false, files
	n := run(t, o)
	n.ready(t)
	for _, k := range []struct{ user, id string }{{"nobody", "x"}, {"press", "recv"}, {"press", "hellox-receive"}, {"press", "broadcast-0"}} {
		_, err := dial(t, n.Node, k.id, func(o *paho.ClientOptions) {
			as(k.user)(o)
			if k.user == "nobody" {
				o.SetPassword("press")
			}
		})
		if err == nil {
			t.Errorf("user %s was let in as client %s", k.user, k.id)
		}
	}
	if _, err := dial(t, n.Node, "x", nil); err == nil {
		t.Error("a client without a user was let in")
	}
	if _, err := dial(t, n.Node, "x", func(o *paho.ClientOptions) { o.SetUsername("press").SetPassword("wrong") }); err == nil {
		t.Error("a wrong password was let in")
	}
	recv := mustDial(t, n.Node, "hellox-receive", as("recv"))
	got := make(chan string, 100)
	if code := granted(t, recv, "hello_world/#", func(_ paho.Client, m paho.Message) { got <- m.Topic() }); code != 1 {
		t.Fatalf("the receiver's subscription is answered by %#x", code)
	}
	press := mustDial(t, n.Node, "press-1", as("press"))
	for filter, want := range map[string]byte{
		"hello_world/#": 1, "hello_world/a/+": 1, "#": 0x80, "+/a": 0x80, "other": 0x80, "hello_world/private/#": 0x80, "hello_world/private": 0x80,
		"hellox/command/+": 0x80, "hello_world_other/#": 0x80, "$JS/#": 0x80,
	} {
		if code := granted(t, press, filter, nil); code != want {
			t.Errorf("subscribing to %s is answered by %#x, want %#x", filter, code, want)
		}
	}
	for _, topic := range []string{"hello_world/other/a", "hello_world/private/press", "hello_world", "$JS/API/STREAM/LIST", "hello_world/press"} {
		wait(t, press.Publish(topic, 1, false, "x"))
	}
	wait(t, press.Publish("hello_world/press/a.b", 1, false, "x"))
	for _, want := range []string{"hello_world/press", "hello_world/press/a.b"} {
		select {
		case topic := <-got:
			if topic != want {
				t.Errorf("%s was published, want %s", topic, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("nothing came on %s", want)
		}
	}
	// A right that is taken away ends the connection, one that is given does not.
	other := mustDial(t, n.Node, "other-1", as("other"))
	writeFile(t, acl, "role recv receive\nread press hello_world/#\nread other x\n")
	if err := files.Reload(); err != nil {
		t.Fatal(err)
	}
	n.Recheck()
	until(t, "the client that lost rights is disconnected", func() bool { return !press.IsConnected() })
	wait(t, other.Publish("x", 0, false, "x"))
	if code := granted(t, recv, "hello_world/a", nil); code != 1 {
		t.Error("the receiver lost its connection")
	}
}

// TestClientCertificates lets clients in by the URI of their certificates.
func TestClientCertificates(t *testing.T) {
	a := newAuthority(t)
	dir := t.TempDir()
	ca, rules := filepath.Join(dir, "ca"), filepath.Join(dir, "acl")
	writeFile(t, ca, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})))
	writeFile(t, rules, "role hellox://local/client/press client\n")
	files, err := rights.OpenFiles(rights.Paths{ClientCA: ca, ACL: rules}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	o := options(t)
	o.Open, o.Authority, o.TLS = false, files, files.AskForCertificates(&tls.Config{MinVersion: tls.VersionTLS13, Certificates: a.peer("one").Certificates})
	n := run(t, o)
	n.ready(t)
	by := func(uri string) func(*paho.ClientOptions) {
		config := a.config(uri, x509.ExtKeyUsageClientAuth)
		config.VerifyConnection = nil
		return func(o *paho.ClientOptions) {
			o.Servers = nil
			o.AddBroker("ssl://" + n.Address().String()).SetTLSConfig(config)
		}
	}
	c := mustDial(t, n.Node, "press", by("hellox://local/client/press"))
	if code := granted(t, c, "hello_world/#", nil); code != 1 {
		t.Errorf("its subscription is answered by %#x", code)
	}
	if code := granted(t, c, "hellox/command/+", nil); code != 0x80 {
		t.Errorf("a subscription that it may not make is answered by %#x", code)
	}
	if _, err := dial(t, n.Node, "other", by("hellox://local/client/other")); err == nil {
		t.Error("a certificate that the ACL does not name was let in")
	}
}

// TestOwners has a client ID that belongs to who used it first, over a restart too.
func TestOwners(t *testing.T) {
	files, _ := openUsers(t, "read a hello_world/#\nread b hello_world/#\n", "a", "b")
	o := options(t)
	o.Open, o.Authority = false, files
	n := run(t, o)
	n.ready(t)
	mustDial(t, n.Node, "device", as("a")).Disconnect(100)
	for range 2 {
		if _, err := dial(t, n.Node, "device", as("b")); err == nil {
			t.Error("another user got the client ID")
		}
		mustDial(t, n.Node, "device", as("a")).Disconnect(100)
		if !strings.Contains(n.log.String(), "belongs to another user") {
			t.Error("the log does not say why")
		}
		n.stop()
		n = run(t, o)
		n.ready(t)
	}
}

// TestTokens lets pods in by their ServiceAccounts' tokens, and ends their connections
// when the permissions of these do.
func TestTokens(t *testing.T) {
	cluster := tokentest.New(t)
	keys := filepath.Join(t.TempDir(), "keys")
	writeFile(t, keys, string(cluster.File("ec")))
	pods, err := token.Open(keys, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	o := options(t)
	authority := &shortening{Authority: pods}
	o.Open, o.Authority = false, authority
	n := run(t, o)
	n.ready(t)
	login := func(pod, of string) func(*paho.ClientOptions) {
		return func(o *paho.ClientOptions) {
			o.SetUsername(pod).SetPassword(cluster.Token("ec", "broadcast", of, time.Now()))
		}
	}
	if _, err := dial(t, n.Node, "broadcast-0", login("broadcast-0", "broadcast-1")); err == nil {
		t.Error("the token of another pod was let in")
	}
	if _, err := dial(t, n.Node, "broadcast-1", login("broadcast-0", "broadcast-0")); err == nil {
		t.Error("the client ID of another pod was let in")
	}
	c := mustDial(t, n.Node, "broadcast-0", login("broadcast-0", "broadcast-0"))
	wait(t, c.Publish("hello_world/broadcast/broadcast-0", 1, false, "x"))
	c.Disconnect(100)
	lost := make(chan error, 1)
	authority.short.Store(true)
	mustDial(t, n.Node, "broadcast-0", func(o *paho.ClientOptions) {
		login("broadcast-0", "broadcast-0")(o)
		o.SetConnectionLostHandler(func(_ paho.Client, err error) { lost <- err })
	})
	select {
	case <-lost:
	case <-time.After(time.Minute):
		t.Error("the connection outlived its token")
	}
}

// shortening is an authority whose logins end after a few seconds, once they are short.
type shortening struct {
	rights.Authority
	short atomic.Bool
}

func (s *shortening) Login(ctx context.Context, c rights.Credentials) (rights.Login, error) {
	l, err := s.Authority.Login(ctx, c)
	if s.short.Load() {
		l.Ends = time.Now().Add(4 * time.Second)
	}
	return l, err
}

// TestPeerCertificates has one authority sign nodes and MQTT clients: only nodes'
// certificates open the streams.
func TestPeerCertificates(t *testing.T) {
	a := newAuthority(t)
	o := options(t)
	o.Clients, o.PeerTLS = freeAddress(t), a.peer("one")
	n := run(t, o)
	n.ready(t)
	client := a.config("press", x509.ExtKeyUsageClientAuth)
	client.VerifyConnection = nil
	bare := client.Clone()
	bare.Certificates = nil
	stranger := newAuthority(t).peer("receive")
	stranger.RootCAs = client.RootCAs
	for name, config := range map[string]func(*natsgo.Options) error{
		"a client's certificate": natsgo.Secure(client), "none": natsgo.Secure(bare), "another authority's": natsgo.Secure(stranger),
	} {
		if c, err := natsgo.Connect("tls://"+o.Clients.String(), config); err == nil {
			c.Close()
			t.Errorf("%s was let in", name)
		}
	}
	c, err := natsgo.Connect("tls://"+o.Clients.String(), natsgo.Secure(a.peer("receive")))
	if err != nil {
		t.Fatalf("a node's was not: %v", err)
	}
	c.Close()
	if _, err := natsgo.Connect("nats://"+o.Clients.String(), natsgo.UserInfo("$hellox", "")); err == nil {
		t.Error("a client without TLS was let in")
	}
}

// TestOptions refuses what would be open beyond loopback, and what is half of a cluster.
func TestOptions(t *testing.T) {
	files, _ := openUsers(t, "read a hello_world/#\n", "a")
	for name, change := range map[string]func(*nats.Options){
		"open beyond loopback":                 func(o *nats.Options) { o.MQTT = freeAddress(t); o.MQTT.IP = []byte{0, 0, 0, 0} },
		"users beyond loopback without TLS":    func(o *nats.Options) { o.MQTT.IP = []byte{0, 0, 0, 0}; o.Open, o.Authority = false, files },
		"peers without an address for them":    func(o *nats.Options) { o.Peers = []string{"a:6222"} },
		"routes without certificates":          func(o *nats.Options) { o.Routes, o.Peers = freeAddress(t), []string{"a:6222", "b:6222"} },
		"clients of NATS without certificates": func(o *nats.Options) { o.Clients = freeAddress(t) },
		"no name":                              func(o *nats.Options) { o.Name = "" },
		"a name with a dot":                    func(o *nats.Options) { o.Name = "a.b" },
		"no folder":                            func(o *nats.Options) { o.Store = "" },
	} {
		o := options(t)
		change(&o)
		if _, err := nats.New(o); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
}
