package mqtt

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"hellox/stream"
	"hellox/stream/streamtest"
)

// TestOtherHosts has a broker of two hosts: a Conn goes on at the second one when the
// first is gone, and the error of two that let no client in is that of the one which
// came furthest.
func TestOtherHosts(t *testing.T) {
	first, second := startBroker(t), startBroker(t)
	b := first.broker()
	b.Others = []string{second.Addr}
	first.Stop()
	c, err := Dial(t.Context(), DialOptions{Broker: b})
	if err != nil {
		t.Fatalf("one of two hosts is gone: %v", err)
	}
	defer c.Close()
	out := subscribed(t, second, "#")
	if err := c.Publish(t.Context(), stream.TopicPublish, []byte("x"), 1, false); err != nil {
		t.Fatal(err)
	}
	if a := streamtest.Within(t, "the message", out); string(a.Payload) != "x" {
		t.Errorf("%+v", a)
	}

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	b.Others = []string{ln.Addr().String()}
	for range 4 { // it begins with either
		_, err := Connect(t.Context(), ClientOptions{Broker: b, ClientID: "x", KeepAlive: time.Minute})
		if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), ln.Addr().String()+": the connection was closed before the broker answered") {
			t.Errorf("of a host that is gone and one that closes connections: %v", err)
		}
	}
}
