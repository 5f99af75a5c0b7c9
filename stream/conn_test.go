package stream

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func dialTest(t *testing.T, b *testBroker) *Conn {
	t.Helper()
	c, err := Dial(t.Context(), DialOptions{Broker: b.broker()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestConnPublish(t *testing.T) {
	b := startBroker(t)
	out := subscribed(t, b, "#")
	c := dialTest(t, b)
	for qos := range byte(3) {
		if err := c.Publish(t.Context(), TopicPublish, []byte{0xff, qos}, qos, false); err != nil {
			t.Fatal(err)
		}
		if a := within(t, "the message", out); a.Topic != TopicPublish || string(a.Payload) != string([]byte{0xff, qos}) || a.QoS != min(qos, 1) {
			t.Errorf("QoS %d arrived as %+v", qos, a)
		}
	}
	if err := c.Publish(t.Context(), "kept", []byte("x"), 1, true); err != nil {
		t.Fatal(err)
	}
	if a := within(t, "the retained message", subscribed(t, b, "kept")); !a.Retained || string(a.Payload) != "x" {
		t.Errorf("%+v", a)
	}

	if err := c.Publish(t.Context(), "a/#", nil, 0, false); err == nil || !strings.Contains(err.Error(), "wildcard") {
		t.Errorf("of a wildcard: %v", err)
	}
	denied := "secret"
	b.DenyTopic.Store(&denied)
	err := c.Publish(t.Context(), denied, nil, 1, false)
	if !errors.Is(err, ErrLost) || Hint(err) == "" {
		t.Errorf("of a denied topic: %v, hint %q", err, Hint(err))
	}
	// The Conn comes back by itself.
	if err := c.Publish(t.Context(), TopicPublish, nil, 1, false); err != nil {
		t.Errorf("after a refusal: %v", err)
	}
}

func TestConnWithoutBroker(t *testing.T) {
	b := startBroker(t)
	b.Stop()
	if _, err := Dial(t.Context(), DialOptions{Broker: b.broker()}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("dial: %v", err)
	}
	tell, links := linkLog()
	c, err := Dial(t.Context(), DialOptions{Broker: b.broker(), Background: true, Link: tell})
	if err != nil {
		t.Fatal(err)
	}
	awaitLink(t, links, Retrying)
	if err := c.Publish(t.Context(), "x", nil, 1, false); !errors.Is(err, ErrUnreachable) {
		t.Errorf("publish: %v", err)
	}
	b.Start()
	awaitLink(t, links, Connected)
	if err := c.Publish(t.Context(), "x", nil, 1, false); err != nil {
		t.Errorf("publish after the broker came: %v", err)
	}
	c.Close()
	if err := c.Publish(t.Context(), "x", nil, 1, false); !errors.Is(err, errClosed) {
		t.Errorf("publish after Close: %v", err)
	}
}

func TestCommands(t *testing.T) {
	b := startBroker(t)
	out := subscribed(t, b, TopicStream)
	tell := make(chan Link, 100)
	background(t, func(ctx context.Context) error {
		return Broadcast(ctx, BroadcastOptions{
			Broker: b.broker(), ID: "press", Min: time.Hour, Max: time.Hour, QoS: 1,
			Link: func(_ string, l Link) { tell <- l },
		})
	})
	awaitLink(t, tell, Connected)
	c := dialTest(t, b)
	ask := func(command Command) Answer {
		t.Helper()
		a, took, err := c.Ask(t.Context(), "press", command)
		if err != nil {
			t.Fatal(err)
		}
		if took <= 0 {
			t.Errorf("took %s", took)
		}
		return a
	}
	text := func() Hello {
		t.Helper()
		h, ours := ParseHello(within(t, "a message", out).Payload)
		if !ours {
			t.Fatal("not ours")
		}
		return h
	}

	if a := ask(Command{Do: Say, Text: "Guten Tag"}); !a.OK || a.State != (Mode{Min: time.Hour, Max: time.Hour}) {
		t.Errorf("say: %+v", a)
	}
	if h := text(); h.Text != "Guten Tag" || h.Seq != 1 || h.Next <= 59*time.Minute || h.Next > time.Hour {
		t.Errorf("said %+v", h)
	}
	if a := ask(Command{Do: Identify}); !a.OK {
		t.Errorf("identify: %+v", a)
	}
	if h := text(); !strings.Contains(h.Text, "press") || h.Seq != 2 {
		t.Errorf("identified as %+v", h)
	}
	if a := ask(Command{Do: Pause}); !a.OK || !a.State.Paused {
		t.Errorf("pause: %+v", a)
	}
	if a := ask(Command{Do: Interval, Min: time.Millisecond, Max: 2 * time.Millisecond}); !a.OK || a.State != (Mode{true, time.Millisecond, 2 * time.Millisecond}) {
		t.Errorf("interval: %+v", a)
	}
	if a := ask(Command{Do: Say, Text: "in between"}); !a.OK {
		t.Errorf("say while paused: %+v", a)
	}
	// Nothing else was said while it was paused, whatever the interval.
	if h := text(); h.Text != "in between" || h.Seq != 3 || h.Next != 0 {
		t.Errorf("said while paused: %+v", h)
	}
	if a := ask(Command{Do: Resume}); !a.OK || a.State.Paused {
		t.Errorf("resume: %+v", a)
	}
	for seq := uint64(4); seq < 7; seq++ {
		if h := text(); h.Text != "Hello world" || h.Seq != seq || h.Next < time.Millisecond || h.Next > 2*time.Millisecond {
			t.Errorf("after resume: %+v", h)
		}
	}

	// What Ask would refuse to send, a broadcaster refuses to do.
	b.Publish(CommandTopic("press"), `{"id":"1","do":"interval","min":"2s","max":"1s"}`, false, 1)
	b.Publish(CommandTopic("press"), "no JSON \x1b[31m", false, 1)
	b.Publish(CommandTopic("press"), `{"id":"2","do":"pause"}`, true, 1) // retained, but live: it is obeyed
	eventually(t, "the pause", func() bool {
		a := ask(Command{Do: Identify})
		return a.State.Paused
	})
	for _, bad := range []Command{{}, {Do: "dance"}, {Do: Say}, {Do: Interval, Min: 2, Max: 1}, {Do: Say, Text: "\xff"}} {
		if _, _, err := c.Ask(t.Context(), "press", bad); err == nil {
			t.Errorf("%+v was sent", bad)
		}
	}
	if _, _, err := c.Ask(t.Context(), "a/b", Command{Do: Pause}); err == nil {
		t.Error("asked a topic level too many")
	}
}

// Nobody answers for a broadcaster that is not there, or in its name.
func TestAskNobody(t *testing.T) {
	b := startBroker(t)
	c := dialTest(t, b)
	c.patience = 500 * time.Millisecond
	out := subscribed(t, b, CommandTopic("+"))
	asked := make(chan error, 1)
	go func() {
		_, _, err := c.Ask(t.Context(), "nobody", Command{Do: Pause, ID: "1"})
		asked <- err
	}()
	within(t, "the command", out)
	b.Publish(AnswerTopic("somebody"), `{"id":"1","ok":true,"state":{"min":"1s","max":"1s"}}`, false, 0)
	b.Publish(AnswerTopic("nobody"), `{"id":"2","ok":true,"state":{"min":"1s","max":"1s"}}`, false, 0)
	if err := within(t, "the end of patience", asked); !errors.Is(err, ErrNoAnswer) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.Ask(ctx, "nobody", Command{Do: Pause}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
