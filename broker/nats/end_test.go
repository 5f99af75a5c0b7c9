package nats_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"hellox/broker/rights"
)

// A stuckAuthority answers no login before the test ends.
type stuckAuthority struct {
	rights.Authority
	asked   chan struct{}
	release chan struct{}
}

func (a *stuckAuthority) Login(context.Context, rights.Credentials) (rights.Login, error) {
	a.asked <- struct{}{}
	<-a.release
	return rights.Login{}, rights.ErrLogin
}

// ends ends a node, and fails if that hangs.
func ends(t *testing.T, n *running) {
	t.Helper()
	begun, ended := time.Now(), make(chan struct{})
	go func() { n.end(); close(ended) }()
	select {
	case <-ended:
		t.Logf("ended after %v", time.Since(begun).Round(time.Millisecond))
	case <-time.After(time.Minute):
		t.Error("the node has not ended within a minute")
	}
}

// TestEndStuck ends a node while a login is asked for that is never answered.
func TestEndStuck(t *testing.T) {
	a := &stuckAuthority{asked: make(chan struct{}, 1), release: make(chan struct{})}
	o := options(t)
	o.Open, o.Authority = false, a
	n := run(t, o)
	t.Cleanup(sync.OnceFunc(func() { close(a.release) })) // before the node's end is waited for
	n.ready(t)
	c, err := net.Dial("tcp", n.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-a.asked:
	case <-time.After(time.Minute):
		t.Fatal("the login is not asked for")
	}
	ends(t, n)
	if !strings.Contains(n.log.String(), "given up") {
		t.Errorf("the log does not say that the node was given up:\n%s", n.log)
	}
}

// TestEndWithoutOthers ends three nodes one after the other, with clients whose sessions
// stay: the last ones end alone.
func TestEndWithoutOthers(t *testing.T) {
	c := runCluster(t)
	for i, n := range c.nodes {
		for k := range 5 {
			id := fmt.Sprintf("reader-%d-%d", i, k)
			reader := mustDial(t, n.Node, id, func(o *paho.ClientOptions) {
				o.SetCleanSession(k%2 == 0).SetAutoReconnect(true)
			})
			wait(t, reader.Subscribe("hello_world/#", 1, func(paho.Client, paho.Message) {}))
		}
	}
	writer := mustDial(t, c.nodes[2].Node, "writer", nil)
	for i := range 20 {
		wait(t, writer.Publish("hello_world/a", 1, false, fmt.Sprint(i)))
	}
	for _, n := range c.nodes {
		ends(t, n)
	}
}
