package nats_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"hellox/broker/nats"
	"hellox/stream"
)

// A cluster is three nodes in this process, which know each other by TLS.
type cluster struct {
	nodes   []*running
	options []nats.Options
	js      jetstream.JetStream // a receiver's, connected to all
	peer    func(name string) *tls.Config
}

func runCluster(t *testing.T) *cluster {
	t.Helper()
	a := newAuthority(t)
	c := &cluster{peer: a.peer}
	var peers []string
	var routes []*net.TCPAddr
	for range 3 {
		routes = append(routes, freeAddress(t))
		peers = append(peers, routes[len(routes)-1].String())
	}
	urls := ""
	for i := range 3 {
		name := fmt.Sprintf("node-%d", i)
		o := nats.Options{
			Name: name, Store: t.TempDir(), MQTT: freeAddress(t), Open: true, LameDuck: time.Second,
			Routes: routes[i], Peers: peers, Clients: freeAddress(t), PeerTLS: a.peer(name),
		}
		c.options = append(c.options, o)
		c.nodes = append(c.nodes, run(t, o))
		urls += ",tls://" + o.Clients.String()
	}
	for _, n := range c.nodes {
		n.ready(t)
	}
	conn, err := natsgo.Connect(urls[1:], natsgo.Secure(a.peer("receive")), natsgo.MaxReconnects(-1), natsgo.ReconnectWait(50*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if c.js, err = jetstream.New(conn); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestCluster stores every message on three nodes, and goes on when one of them ends.
func TestCluster(t *testing.T) {
	c := runCluster(t)
	reader := mustDial(t, c.nodes[0].Node, "reader", func(o *paho.ClientOptions) { o.SetCleanSession(false) })
	var got atomic.Int64
	wait(t, reader.Subscribe("hello_world/#", 1, func(paho.Client, paho.Message) { got.Add(1) }))
	writer := mustDial(t, c.nodes[1].Node, "writer", nil)
	publish := func(from, to int) {
		for i := from; i < to; i++ {
			wait(t, writer.Publish("hello_world/a", 1, i%10 == 0, fmt.Sprint(i)))
		}
	}
	publish(0, 50)
	until(t, "50 messages came", func() bool { return got.Load() >= 50 })
	replicas := map[string]int{}
	lister := c.js.ListStreams(t.Context())
	for info := range lister.Info() {
		replicas[info.Config.Name] = len(info.Cluster.Replicas) + 1
	}
	if err := lister.Err(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"$MQTT_msgs", "$MQTT_sess", "$MQTT_rmsgs", "$MQTT_qos2in", "$MQTT_out", "KV_HELLOX_OWNERS"} {
		if replicas[name] == 0 {
			t.Errorf("there is no stream %s", name)
		}
	}
	for name, n := range replicas {
		if n != 3 {
			t.Errorf("the stream %s is on %d nodes", name, n)
		}
	}
	c.nodes[2].stop()
	publish(50, 100)
	until(t, "100 messages came", func() bool { return got.Load() >= 100 })
	info, err := c.js.Stream(t.Context(), "$MQTT_msgs")
	if err != nil {
		t.Fatal(err)
	}
	if state := info.CachedInfo().State; state.Msgs != 100 || state.LastSeq != 100 {
		t.Errorf("%d messages are stored, to %d, want 100", state.Msgs, state.LastSeq)
	}
	again := run(t, c.options[2])
	again.ready(t)
	until(t, "the third node has caught up", func() bool { return again.Degraded() == "" })
}

// TestClusterNeedsMost begins with one node of three: it lets no client in, and says why.
func TestClusterNeedsMost(t *testing.T) {
	a := newAuthority(t)
	o := options(t)
	o.Routes, o.PeerTLS = freeAddress(t), a.peer("one")
	o.Peers = []string{o.Routes.String(), freeAddress(t).String(), freeAddress(t).String()}
	n := run(t, o)
	until(t, "the node listens", func() bool {
		c, err := net.Dial("tcp", n.Address().String())
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	if _, err := dial(t, n.Node, "early", nil); err == nil {
		t.Error("a client was let in")
	}
	if err := n.Ready(); err == nil {
		t.Error("it is ready")
	}
}

// TestMostNodesGone ends two nodes of three. The third says so once, also to a client that
// is connected, and closes the connection of one that comes without calling it denied: MQTT
// has a code for that, which nats-server does not send. It lets it in when a node is back.
func TestMostNodesGone(t *testing.T) {
	c := runCluster(t)
	n := c.nodes[0]
	var state atomic.Pointer[string]
	reader := mustDial(t, n.Node, "reader", nil)
	wait(t, reader.Subscribe(stream.TopicBroker, 0, func(_ paho.Client, m paho.Message) {
		text := string(m.Payload())
		state.Store(&text)
	}))
	c.nodes[1].stop()
	c.nodes[2].stop()
	until(t, "it is not ready", func() bool {
		return n.Ready() != nil && strings.Contains(n.Ready().Error(), "most of the broker's nodes are gone")
	})
	until(t, "the client is told", func() bool {
		s := state.Load()
		return s != nil && strings.Contains(*s, "most of the broker's nodes are gone")
	})
	begun := time.Now()
	for range 3 {
		_, err := dial(t, n.Node, "late", nil)
		if err == nil || errors.Is(err, packets.ErrorRefusedNotAuthorised) || errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword) {
			t.Errorf("a client gets %v", err)
		}
	}
	until(t, "the log has it", func() bool { return strings.Contains(n.log.String(), "client refused") })
	for _, line := range strings.Split(n.log.String(), "\n") {
		if strings.Contains(line, "late") && !strings.Contains(line, "client refused") {
			t.Errorf("beside the refusal stands %s", line)
		}
	}
	most := 1 + int(time.Since(begun)/(10*time.Second)) // a line each ten seconds at most
	if log := n.log.String(); strings.Count(log, "client refused") > most || strings.Count(log, "msg=degraded") != 1 {
		t.Errorf("the log has\n%s", log)
	}
	again := run(t, c.options[1])
	again.ready(t)
	until(t, "a client is let in", func() bool { _, err := dial(t, n.Node, "late", nil); return err == nil })
	until(t, "the client is told that it is over", func() bool { return *state.Load() == "" })
	if log := n.log.String(); strings.Count(log, "most of the nodes are back") != 1 {
		t.Errorf("the log has\n%s", log)
	}
}

// TestWrongPeers starts nodes that cannot be one cluster as they are configured: their
// logs say so.
func TestWrongPeers(t *testing.T) {
	a := newAuthority(t)
	var routes []*net.TCPAddr
	for range 4 {
		routes = append(routes, freeAddress(t))
	}
	start := func(name string, at int, peers ...int) *running {
		o := nats.Options{Name: name, Store: t.TempDir(), MQTT: freeAddress(t), Open: true, Routes: routes[at], PeerTLS: a.peer("node")}
		for _, peer := range peers {
			o.Peers = append(o.Peers, routes[peer].String())
		}
		return run(t, o)
	}
	first := start("a", 0, 0, 1, 2)
	start("b", 1, 0, 1, 2)
	start("c", 2, 0, 1, 2)
	without := start("d", 3, 0, 1, 2)
	says := func(r *running, text string) {
		t.Helper()
		until(t, text, func() bool { return strings.Contains(r.log.String(), text) })
	}
	says(without, "none of the three peers is this node")
	says(without, "more than three nodes are connected to each other")
	if text := first.log.String(); strings.Contains(text, "none of the three peers") {
		t.Errorf("a node that is among its peers says: %s", text)
	}
	without.stop()
	start("a", 3, 0, 1)
	says(first, "another node has the name of this one")
}
