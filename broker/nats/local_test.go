package nats_test

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"hellox/broker/nats"
	"hellox/broker/token"
	"hellox/broker/token/tokentest"
)

// podNode returns the options of a node as in a pod: by TLS clients are pods, on loopback
// they need not say who they are.
func podNode(t *testing.T) (nats.Options, *tokentest.Cluster) {
	t.Helper()
	cluster := tokentest.New(t)
	keys := filepath.Join(t.TempDir(), "keys")
	writeFile(t, keys, string(cluster.File("ec")))
	pods, err := token.Open(keys, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	o := options(t)
	o.Open, o.Authority = false, pods
	o.TLS = newAuthority(t).peer("broker").Clone()
	o.TLS.ClientAuth, o.TLS.ClientCAs, o.TLS.VerifyConnection = tls.NoClientCert, nil, nil
	if o.Local, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return o, cluster
}

// TestLocalTurnsAway has a node whose peers do not run tell a client on loopback with the
// code that MQTT has for it.
func TestLocalTurnsAway(t *testing.T) {
	o, _ := podNode(t)
	o.Routes, o.PeerTLS = freeAddress(t), newAuthority(t).peer("one")
	o.Peers = []string{o.Routes.String(), freeAddress(t).String(), freeAddress(t).String()}
	n := run(t, o)
	_, err := dial(t, n.Node, "early", func(c *paho.ClientOptions) {
		c.Servers = nil
		c.AddBroker("tcp://" + o.Local.Addr().String())
	})
	if !errors.Is(err, packets.ErrorRefusedServerUnavailable) {
		t.Errorf("it gets %v", err)
	}
}

// TestLocal has clients on loopback do everything without saying who they are, and no
// other client by that.
func TestLocal(t *testing.T) {
	o, cluster := podNode(t)
	address := o.Local.Addr().String()
	n := run(t, o)
	n.ready(t)
	at := func(url string, certificate *tls.Config) func(*paho.ClientOptions) {
		return func(o *paho.ClientOptions) {
			o.Servers = nil
			o.AddBroker(url)
			if certificate == nil {
				certificate = &tls.Config{MinVersion: tls.VersionTLS13}
			}
			certificate.InsecureSkipVerify, certificate.VerifyConnection = true, nil
			o.SetTLSConfig(certificate)
		}
	}
	beyond := "ssl://" + n.Address().String()
	local := mustDial(t, n.Node, "publish-1", at("tcp://"+address, nil))
	got := make(chan string, 1)
	if code := granted(t, local, "#", func(_ paho.Client, m paho.Message) { got <- m.Topic() }); code != 1 {
		t.Errorf("on loopback a subscription to all is answered by %#x", code)
	}
	if code := granted(t, local, "$JS/#", nil); code != 0x80 {
		t.Errorf("on loopback a subscription to JetStream's own is answered by %#x", code)
	}
	pod := mustDial(t, n.Node, "broadcast-0", func(o *paho.ClientOptions) {
		at(beyond, nil)(o)
		o.SetUsername("broadcast-0").SetPassword(cluster.Token("ec", "broadcast", "broadcast-0", time.Now()))
	})
	wait(t, pod.Publish("hello_world/broadcast/broadcast-0", 1, false, "x"))
	if topic := <-got; topic != "hello_world/broadcast/broadcast-0" {
		t.Errorf("came: %s", topic)
	}
	if _, err := dial(t, n.Node, "other", at(beyond, nil)); err == nil {
		t.Error("by TLS a client without a token was let in")
	}
	// Whoever knows how it is done cannot do it: the key is this process's.
	if _, err := dial(t, n.Node, "other", at(beyond, newAuthority(t).peer("local"))); err == nil {
		t.Error("by TLS a client with a certificate of its own making was let in")
	}
	// A pod's client ID, and with it its session, is not a local client's to take.
	if _, err := dial(t, n.Node, "broadcast-0", at("tcp://"+address, nil)); err == nil {
		t.Error("a local client was let in with the client ID of a pod")
	}
	wait(t, pod.Publish("hello_world/broadcast/broadcast-0", 1, false, "x")) // it is still connected
	lost := make(chan error, 1)
	mustDial(t, n.Node, "waits", func(o *paho.ClientOptions) {
		at("tcp://"+address, nil)(o)
		o.SetConnectionLostHandler(func(_ paho.Client, err error) { lost <- err })
	})
	n.end()
	select {
	case <-lost:
	case <-time.After(time.Minute):
		t.Error("the node has ended, and its local client has not noticed")
	}
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Error("the node has ended, and listens on loopback")
	}
}

// TestLocalNeedsTLS refuses a listener on loopback where all clients come the same way.
func TestLocalNeedsTLS(t *testing.T) {
	o, _ := podNode(t)
	defer o.Local.Close()
	for _, config := range []*tls.Config{nil, newAuthority(t).peer("broker")} {
		o.TLS, o.MQTT = config, loopback()
		if _, err := nats.New(o); err == nil || !strings.Contains(err.Error(), "local clients") {
			t.Errorf("it begins: %v", err)
		}
	}
}
