package nats_test

import (
	"testing"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"hellox/broker/nats"
)

// TestDrain starts a node anew without an address for MQTT clients: what they have
// published is read as before.
func TestDrain(t *testing.T) {
	a := newAuthority(t)
	o := options(t)
	o.Clients, o.PeerTLS = freeAddress(t), a.peer("one")
	n := run(t, o)
	n.ready(t)
	wait(t, mustDial(t, n.Node, "pub", nil).Publish("hello_world/a", 1, false, "hello"))
	n.stop()

	o.MQTT = nil
	n = run(t, o)
	n.ready(t)
	c, err := natsgo.Connect("tls://"+o.Clients.String(), natsgo.Secure(a.peer("receive")))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	js, err := jetstream.New(c)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), "$MQTT_msgs")
	if err != nil {
		t.Fatal(err)
	}
	if m, err := s.GetMsg(t.Context(), 1); err != nil || string(m.Data) != "hello" {
		t.Errorf("%v, %v", m, err)
	}
	o.Clients, o.Store = nil, t.TempDir()
	if _, err := nats.New(o); err == nil {
		t.Error("a node that lets nothing in was started")
	}
}
