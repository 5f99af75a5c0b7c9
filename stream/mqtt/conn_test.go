package mqtt

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"hellox/stream"
	"hellox/stream/streamtest"
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
		if err := c.Publish(t.Context(), stream.TopicPublish, []byte{0xff, qos}, qos, false); err != nil {
			t.Fatal(err)
		}
		if a := streamtest.Within(t, "the message", out); a.Topic != stream.TopicPublish || string(a.Payload) != string([]byte{0xff, qos}) || a.QoS != min(qos, 1) {
			t.Errorf("QoS %d arrived as %+v", qos, a)
		}
	}
	if err := c.Publish(t.Context(), "kept", []byte("x"), 1, true); err != nil {
		t.Fatal(err)
	}
	if a := streamtest.Within(t, "the retained message", subscribed(t, b, "kept")); !a.Retained || string(a.Payload) != "x" {
		t.Errorf("%+v", a)
	}

	if err := c.Publish(t.Context(), "a/#", nil, 0, false); err == nil || !strings.Contains(err.Error(), "wildcard") {
		t.Errorf("of a wildcard: %v", err)
	}
	denied := "secret"
	b.DenyTopic.Store(&denied)
	err := c.Publish(t.Context(), denied, nil, 1, false)
	if !errors.Is(err, ErrLost) || stream.Hint(err) == "" {
		t.Errorf("of a denied topic: %v, hint %q", err, stream.Hint(err))
	}
	// The Conn comes back by itself.
	if err := c.Publish(t.Context(), stream.TopicPublish, nil, 1, false); err != nil {
		t.Errorf("after a refusal: %v", err)
	}
}

func TestConnWithoutBroker(t *testing.T) {
	b := startBroker(t)
	b.Stop()
	if _, err := Dial(t.Context(), DialOptions{Broker: b.broker()}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("dial: %v", err)
	}
	tell, links := streamtest.LinkLog()
	c, err := Dial(t.Context(), DialOptions{Broker: b.broker(), Background: true, Link: tell})
	if err != nil {
		t.Fatal(err)
	}
	streamtest.AwaitLink(t, links, stream.Retrying)
	if err := c.Publish(t.Context(), "x", nil, 1, false); !errors.Is(err, ErrUnreachable) {
		t.Errorf("publish: %v", err)
	}
	b.Start()
	streamtest.AwaitLink(t, links, stream.Connected)
	if err := c.Publish(t.Context(), "x", nil, 1, false); err != nil {
		t.Errorf("publish after the broker came: %v", err)
	}
	c.Close()
	if err := c.Publish(t.Context(), "x", nil, 1, false); !errors.Is(err, errClosed) {
		t.Errorf("publish after Close: %v", err)
	}
}

// Nobody answers for a broadcaster that is not there, or in its name.
func TestAskWithoutAnswer(t *testing.T) {
	b := startBroker(t)
	c := dialTest(t, b)
	c.answerTimeout = 500 * time.Millisecond
	out := subscribed(t, b, stream.CommandTopic("+"))
	b.Publish(stream.PresenceTopic("nobody"), `{"state":"here"}`, true, 1) // or it would be told as absent
	asked := make(chan error, 1)
	go func() {
		_, _, err := c.Ask(t.Context(), "nobody", stream.Command{Do: stream.Pause, ID: "1"})
		asked <- err
	}()
	streamtest.Within(t, "the command", out)
	b.Publish(stream.AnswerTopic("somebody"), `{"id":"1","ok":true,"state":{"min":"1s","max":"1s"}}`, false, 0)
	b.Publish(stream.AnswerTopic("nobody"), `{"id":"2","ok":true,"state":{"min":"1s","max":"1s"}}`, false, 0)
	if err := streamtest.Within(t, "the end of the timeout", asked); !errors.Is(err, stream.ErrNoAnswer) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.Ask(ctx, "nobody", stream.Command{Do: stream.Pause}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A broadcaster that is not there is told at once, with those that are.
func TestAskAbsent(t *testing.T) {
	b := startBroker(t)
	b.Publish(stream.PresenceTopic("press-2"), `{"state":"here"}`, true, 1)
	b.Publish(stream.PresenceTopic("press-1"), `{"state":"here"}`, true, 1)
	b.Publish(stream.PresenceTopic("press-3"), `{"state":"gone"}`, true, 1)
	c := dialTest(t, b)
	c.answerTimeout = time.Hour // it is not this that ends it
	ask := func(id string) string {
		t.Helper()
		_, _, err := c.Ask(t.Context(), id, stream.Command{Do: stream.Pause})
		var absent *stream.AbsentError
		if !errors.As(err, &absent) || absent.ID != id {
			t.Fatalf("%s: %v", id, err)
		}
		return err.Error()
	}
	if got, want := ask("press-9"), "there is no broadcaster press-9; there are press-1, press-2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := ask("press-3"), "press-3 is gone; there are press-1, press-2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// The same connection sees who goes.
	b.Publish(stream.PresenceTopic("press-1"), `{"state":"lost"}`, true, 1)
	b.Publish(stream.PresenceTopic("press-2"), "", true, 1)
	if got, want := ask("press-1"), "press-1 is lost, and no other is there"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// One that answers is there, whatever its presence says.
	out := subscribed(t, b, stream.CommandTopic("+"))
	answered := make(chan error, 1)
	go func() {
		_, _, err := c.Ask(t.Context(), "press-1", stream.Command{Do: stream.Pause, ID: "7"})
		answered <- err
	}()
	streamtest.Within(t, "the command", out)
	b.Publish(stream.AnswerTopic("press-1"), `{"id":"7","ok":true,"state":{"min":"1s","max":"1s"}}`, false, 0)
	if err := streamtest.Within(t, "the answer", answered); err != nil {
		t.Error(err)
	}
}

// TestHintsOfSilence reads the hints of a refusal without a reason: white space is named
// for topics that have some, as hellox nats takes none.
func TestHintsOfSilence(t *testing.T) {
	b := startBroker(t)
	c := dialTest(t, b)
	for topic, spaces := range map[string]bool{"a b/c": true, "a\tb/c": true, "ab/c": false} {
		b.DenyTopic.Store(&topic)
		errs := map[string]error{"publish": c.Publish(t.Context(), topic, nil, 1, false)}
		client, err := Connect(t.Context(), ClientOptions{Broker: b.broker()})
		if err != nil {
			t.Fatal(err)
		}
		errs["subscribe"] = client.Subscribe(t.Context(), map[string]byte{topic: 1})
		client.Close()
		for what, err := range errs {
			if hint := stream.Hint(err); hint == "" || strings.Contains(hint, "white space") != spaces {
				t.Errorf("%s %q: %v, hint %q", what, topic, err, hint)
			}
		}
	}
}

// A user who may not read presences waits for the answer, as long as it takes.
func TestAskWithoutPresences(t *testing.T) {
	b := startBroker(t)
	denied := stream.PresenceTopic("+")
	b.DenyTopic.Store(&denied)
	c := dialTest(t, b)
	c.answerTimeout = 2 * settleTime
	if _, _, err := c.Ask(t.Context(), "press-9", stream.Command{Do: stream.Pause}); !errors.Is(err, stream.ErrNoAnswer) {
		t.Error(err)
	}
}
