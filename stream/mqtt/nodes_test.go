package mqtt

import (
	"errors"
	"net"
	"slices"
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

// The host of the connection before is tried after the others, and it is not the one that
// gets the most time.
func TestHostBeforeIsLast(t *testing.T) {
	b := Broker{Host: "a", Others: []string{"b", "c"}}
	for _, before := range []string{"a", "b", "c"} {
		for range 10 {
			var hosts []string
			var limits []time.Duration
			failed := errors.New("it is gone")
			_, err := anyNode(t.Context(), b, before, func(one Broker, limit time.Duration) (struct{}, error) {
				hosts, limits = append(hosts, one.Host), append(limits, limit)
				return struct{}{}, failed
			})
			if !errors.Is(err, failed) || len(hosts) != 3 || hosts[2] != before || !slices.Equal(limits, []time.Duration{nodeTimeout, dialTimeout, nodeTimeout}) {
				t.Errorf("after %s: %v within %v, %v", before, hosts, limits, err)
			}
			slices.Sort(hosts)
			if !slices.Equal(hosts, []string{"a", "b", "c"}) {
				t.Errorf("after %s: %v", before, hosts)
			}
		}
	}
}
