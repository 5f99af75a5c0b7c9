package mqtt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"hellox/stream"
	"hellox/stream/streamtest"
)

// subscribed sends what arrives on the topics to a channel, once it is connected.
func subscribed(t *testing.T, b *testBroker, topics ...string) chan stream.Arrival {
	t.Helper()
	out := make(chan stream.Arrival, 10*Window)
	tell, links := streamtest.LinkLog()
	streamtest.Background(t, func(ctx context.Context) error {
		return Subscribe(ctx, SubscribeOptions{Broker: b.broker(), Topics: topics, QoS: 1, Link: tell}, out)
	})
	streamtest.AwaitLink(t, links, stream.Connected)
	return out
}

func TestSubscribeInOrderAndResume(t *testing.T) {
	b := startBroker(t)
	tell, links := streamtest.LinkLog()
	out := make(chan stream.Arrival, Window)
	o := SubscribeOptions{Broker: b.broker(), ClientID: "r", Topics: []string{stream.TopicStream, stream.PresenceTopic("+")}, QoS: 1, Persistent: true, Link: tell}
	cancel, ended := streamtest.Background(t, func(ctx context.Context) error { return Subscribe(ctx, o, out) })
	streamtest.AwaitLink(t, links, stream.Connected)

	b.Publish("hello_world/a", "kept", false, 1)
	b.Publish("hellox/presence/a", "presence", false, 1)
	b.Publish("elsewhere", "not asked for", false, 1)
	for i := range 50 {
		b.Publish("hello_world/a", fmt.Sprint(i), false, 1)
	}
	first := streamtest.Within(t, "an arrival", out)
	if first.Topic != "hello_world/a" || string(first.Payload) != "kept" || first.QoS != 1 || first.Retained || first.Received.IsZero() {
		t.Errorf("first arrival: %+v", first)
	}
	first.Ack()
	if a := streamtest.Within(t, "an arrival", out); a.Topic != "hellox/presence/a" {
		t.Errorf("second arrival: %+v", a)
	} else {
		a.Ack()
	}
	for i := range 20 {
		a := streamtest.Within(t, "an arrival", out)
		if string(a.Payload) != fmt.Sprint(i) {
			t.Fatalf("arrival %d: %s", i, a.Payload)
		}
		a.Ack()
	}
	for range 30 {
		streamtest.Within(t, "an arrival that is not acknowledged", out)
	}
	cancel()
	if err := streamtest.Within(t, "the end", ended); err != nil {
		t.Fatal(err)
	}
	streamtest.AwaitLink(t, links, stream.Ended)

	// What was not acknowledged comes again, with what was published meanwhile.
	b.Publish("hello_world/a", "while away", false, 1)
	streamtest.Background(t, func(ctx context.Context) error { return Subscribe(ctx, o, out) })
	again := map[string]bool{}
	for len(again) < 31 || !again["while away"] {
		a := streamtest.Within(t, "what was not acknowledged", out)
		again[string(a.Payload)] = true
		a.Ack()
	}
	if again["19"] || !again["20"] || !again["49"] {
		t.Errorf("came again: %v", again)
	}
}

func TestSubscribeReconnects(t *testing.T) {
	b := startBroker(t)
	tell, links := streamtest.LinkLog()
	out := make(chan stream.Arrival, 10)
	streamtest.Background(t, func(ctx context.Context) error {
		return Subscribe(ctx, SubscribeOptions{Broker: b.broker(), Topics: []string{"#"}, Link: tell}, out)
	})
	streamtest.AwaitLink(t, links, stream.Connected)
	b.Stop()
	l := streamtest.AwaitLink(t, links, stream.Retrying)
	if l.Cause == "" || l.Retry.IsZero() || l.Since.IsZero() {
		t.Errorf("link after the broker was gone: %+v", l)
	}
	b.Start()
	streamtest.AwaitLink(t, links, stream.Connected)
	b.Publish("x", "after", false, 0)
	if a := streamtest.Within(t, "a message after the restart", out); string(a.Payload) != "after" {
		t.Errorf("got %s", a.Payload)
	}
}

// A client whose connection the broker closes again and again says why that probably is.
// The test's broker closes them, as one does to a client whose ID another one has: mochi
// may let two clients of one ID stand, when it forgets the former one late.
func TestSubscribeWithTheSameClientID(t *testing.T) {
	b := startBroker(t)
	tell, links := streamtest.LinkLog()
	streamtest.Background(t, func(ctx context.Context) error {
		return Subscribe(ctx, SubscribeOptions{Broker: b.broker(), ClientID: "panel-7", Topics: []string{"#"}, Link: tell}, make(chan stream.Arrival, 10))
	})
	for i := range takeoverCount {
		streamtest.AwaitLink(t, links, stream.Connected)
		streamtest.Eventually(t, "a connection to close", func() bool { return b.Cut("panel-7") })
		want := "the broker closed the connection"
		if i == takeoverCount-1 {
			want += ` again and again: another client probably uses the client ID "panel-7" too; give one of them another with --client-id`
		}
		if l := streamtest.AwaitLink(t, links, stream.Retrying); l.Cause != want {
			t.Errorf("connection %d: it says %q", i, l.Cause)
		}
	}
}

func TestTakeovers(t *testing.T) {
	at := time.Now()
	closed, refused := lostBecause(io.EOF), errors.New("nothing listens there")
	type step struct {
		err   error
		stood time.Duration
		after time.Duration
		told  bool
	}
	for name, c := range map[string]struct {
		id    string
		steps []step
	}{
		"another client":      {"x", []step{{closed, 1, 0, false}, {closed, 1, time.Second, false}, {closed, 1, time.Second, true}, {closed, 1, time.Second, true}}},
		"slowly":              {"x", []step{{closed, 1, 0, false}, {closed, 1, 25 * time.Second, false}, {closed, 1, 25 * time.Second, true}}},
		"too slowly":          {"x", []step{{closed, 1, 0, false}, {closed, 1, 31 * time.Second, false}, {closed, 1, 31 * time.Second, false}}},
		"restarts":            {"x", []step{{closed, 1, 0, false}, {closed, 1, 1, false}, {refused, 0, 1, false}, {closed, 1, 1, false}}},
		"not let in":          {"x", []step{{closed, 0, 0, false}, {closed, 0, 1, false}, {closed, 0, 1, false}, {closed, 0, 1, false}}},
		"while it subscribes": {"x", []step{{closed, 1, 0, false}, {closed, 0, 1, false}, {closed, 1, 1, false}, {closed, 0, 1, false}, {closed, 1, 1, true}}},
		"told by the broker":  {"x", []step{{lostBecause(&refusedError{stream.RefusedTakenOver + `"x", from 127.0.0.1:1`}), 1, 0, true}}},
		"refused otherwise":   {"x", []step{{lostBecause(&refusedError{"the topic has 17 levels; at most 16"}), 1, 0, false}}},
		"a random id":         {"", []step{{closed, 1, 0, false}, {closed, 1, 1, false}, {closed, 1, 1, false}, {closed, 1, 1, false}}},
	} {
		now, taken := at, takeovers{clientID: c.id, flag: "--client-id"}
		for i, s := range c.steps {
			now = now.Add(s.after)
			err := taken.explain(s.err, s.stood, now)
			if cure := "give one of them another with --client-id"; !errors.Is(err, s.err) != s.told || strings.Contains(err.Error(), cure) != s.told {
				t.Errorf("%s, step %d: %v", name, i, err)
			}
		}
	}
}

// While out is not read, the connection must stand: paho by itself would not
// see the PINGRESPs and hang up.
func TestSubscribeBackpressureKeepsTheConnection(t *testing.T) {
	b := startBroker(t)
	tell, links := streamtest.LinkLog()
	out := make(chan stream.Arrival) // no room at all
	s := &subscriber{
		SubscribeOptions: SubscribeOptions{Broker: b.broker(), ClientID: "slow", Topics: []string{"#"}, QoS: 1, Persistent: true, Now: time.Now},
		// mochi waits half as long again for a ping: a busy machine may be late by that.
		out: out, keepAlive: 3 * time.Second, answerTimeout: dialTimeout,
	}
	s.Link = tell
	streamtest.Background(t, s.run)
	streamtest.AwaitLink(t, links, stream.Connected)
	for i := range 30 {
		b.Publish("hello_world/x", fmt.Sprint(i), false, 1)
	}
	streamtest.Eventually(t, "pings while the reader waits", func() bool { return b.Pings.Load() >= 3 })
	for i := range 30 {
		a := streamtest.Within(t, "an arrival", out)
		if string(a.Payload) != fmt.Sprint(i) {
			t.Fatalf("arrival %d: %s", i, a.Payload)
		}
		a.Ack()
	}
	if n := b.Connects.Load(); n != 1 {
		t.Errorf("connected %d times", n)
	}
}

// A resumed session hands on its backlog before the answer to SUBSCRIBE is
// read: however long out is not read, that is no reason to hang up. (Stock
// mochi refuses a SUBSCRIBE whose packet id is one of the backlog's, so this
// broker is a script.)
func TestSubscribeResumesWithoutReader(t *testing.T) {
	backlog := append([]byte{}, welcome...)
	for i := range byte(10) {
		backlog = append(backlog, 0x32, 6, 0, 1, 'x', 0, i+1, '0'+i)
	}
	broker := hostileBroker(t, backlog, []byte{0x90, 5, 0, 1, 1, 1, 1})
	tell, links := streamtest.LinkLog()
	out := make(chan stream.Arrival)
	s := &subscriber{
		SubscribeOptions: SubscribeOptions{Broker: broker, ClientID: "r", Topics: []string{"#"}, QoS: 1, Persistent: true, Now: time.Now},
		out:              out, keepAlive: KeepAlive, answerTimeout: 1500 * time.Millisecond,
	}
	s.Link = tell
	streamtest.Background(t, s.run)
	streamtest.Eventually(t, "the handler to wait", s.blocked.Load)
	time.Sleep(2 * s.answerTimeout) // what must not happen needs its time
	for i := range 10 {
		a := streamtest.Within(t, "the backlog", out)
		if string(a.Payload) != fmt.Sprint(i) {
			t.Fatalf("arrival %d: %s", i, a.Payload)
		}
		a.Ack()
	}
	for l := range links {
		if l.State == stream.Connected {
			break
		}
		if l.State == stream.Retrying {
			t.Fatalf("it hung up: %s", l.Cause)
		}
	}
}

func TestSubscribeRefuses(t *testing.T) {
	b := startBroker(t)
	user, topic := "mallory", "secret"
	b.DenyUser.Store(&user)
	b.DenyTopic.Store(&topic)
	closed := streamtest.FreeAddress(t)
	for _, c := range []struct {
		name   string
		broker Broker
		topic  string
		is     error
		says   string
	}{
		{"nothing listens", Broker{Scheme: "mqtt", Host: closed}, "#", ErrUnreachable, "connect to mqtt://" + closed + ": nothing listens there (connection refused)"},
		{"no such host", Broker{Scheme: "mqtt", Host: "no-such-host.invalid:1883"}, "#", ErrUnreachable, ""},
		{"bad credentials", Broker{Scheme: "mqtt", Host: b.Addr, User: user, Password: "hunter2"}, "#", ErrDenied, "connect to mqtt://" + b.Addr + ": the broker does not let this user in"},
		{"no right", b.broker(), topic, ErrDenied, "subscribe to secret: the broker refuses"},
		{"TLS to a plain listener", Broker{Scheme: "mqtts", Host: b.Addr}, "#", ErrUnreachable, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Subscribe(t.Context(), SubscribeOptions{Broker: c.broker, Topics: []string{c.topic}, FailFast: true}, make(chan stream.Arrival))
			if !errors.Is(err, c.is) {
				t.Fatalf("%v is not %v", err, c.is)
			}
			if c.says != "" && err.Error() != c.says {
				t.Errorf("it says %q, not %q", err, c.says)
			}
		})
	}
}
