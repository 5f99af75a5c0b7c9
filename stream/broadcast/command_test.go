package broadcast

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"hellox/stream"
	"hellox/stream/mqtt"
	"hellox/stream/streamtest"
)

func TestCommands(t *testing.T) {
	b := startBroker(t)
	out := subscribed(t, b, stream.TopicStream)
	tell := make(chan stream.Link, 100)
	streamtest.Background(t, func(ctx context.Context) error {
		return Run(ctx, Options{
			Broker: b.broker(), ID: "press", Min: time.Hour, Max: time.Hour, QoS: 1,
			Link: func(_ string, l stream.Link) { tell <- l },
		})
	})
	streamtest.AwaitLink(t, tell, stream.Connected)
	c, err := mqtt.Dial(t.Context(), mqtt.DialOptions{Broker: b.broker()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ask := func(command stream.Command) stream.Answer {
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
	text := func() stream.Hello {
		t.Helper()
		h, ours := stream.ParseHello(streamtest.Within(t, "a message", out).Payload)
		if !ours {
			t.Fatal("not ours")
		}
		return h
	}

	// It had connected, so the first message was on its way.
	if h := text(); h.Text != "Hello world" || h.Seq != 1 || h.Next != time.Hour {
		t.Errorf("the first message is %+v", h)
	}
	if a := ask(stream.Command{Do: stream.Say, Text: "Guten Tag"}); !a.OK || a.State != (stream.Mode{Min: time.Hour, Max: time.Hour}) {
		t.Errorf("say: %+v", a)
	}
	if h := text(); h.Text != "Guten Tag" || h.Seq != 2 || h.Next <= 59*time.Minute || h.Next > time.Hour {
		t.Errorf("said %+v", h)
	}
	if a := ask(stream.Command{Do: stream.Identify}); !a.OK {
		t.Errorf("identify: %+v", a)
	}
	if h := text(); !strings.Contains(h.Text, "press") || h.Seq != 3 {
		t.Errorf("identified as %+v", h)
	}
	if a := ask(stream.Command{Do: stream.Pause}); !a.OK || !a.State.Paused {
		t.Errorf("pause: %+v", a)
	}
	if a := ask(stream.Command{Do: stream.Interval, Min: time.Millisecond, Max: 2 * time.Millisecond}); !a.OK || a.State != (stream.Mode{Paused: true, Min: time.Millisecond, Max: 2 * time.Millisecond}) {
		t.Errorf("interval: %+v", a)
	}
	if a := ask(stream.Command{Do: stream.Say, Text: "in between"}); !a.OK {
		t.Errorf("say while paused: %+v", a)
	}
	// Nothing else was published while it was paused, whatever the interval.
	if h := text(); h.Text != "in between" || h.Seq != 4 || h.Next != 0 {
		t.Errorf("said while paused: %+v", h)
	}
	if a := ask(stream.Command{Do: stream.Resume}); !a.OK || a.State.Paused {
		t.Errorf("resume: %+v", a)
	}
	for seq := uint64(5); seq < 8; seq++ {
		if h := text(); h.Text != "Hello world" || h.Seq != seq || h.Next < time.Millisecond || h.Next > 2*time.Millisecond {
			t.Errorf("after resume: %+v", h)
		}
	}

	// What Ask would refuse to send, a broadcaster refuses to do.
	b.Publish(stream.CommandTopic("press"), `{"id":"1","do":"interval","min":"2s","max":"1s"}`, false, 1)
	b.Publish(stream.CommandTopic("press"), "no JSON \x1b[31m", false, 1)
	b.Publish(stream.CommandTopic("press"), `{"id":"2","do":"pause"}`, true, 1) // retained, but live: it is obeyed
	streamtest.Eventually(t, "the pause", func() bool {
		a := ask(stream.Command{Do: stream.Identify})
		return a.State.Paused
	})
	for _, bad := range []stream.Command{{}, {Do: "dance"}, {Do: stream.Say}, {Do: stream.Interval, Min: 2, Max: 1}, {Do: stream.Say, Text: "\xff"}} {
		if _, _, err := c.Ask(t.Context(), "press", bad); err == nil {
			t.Errorf("%+v was sent", bad)
		}
	}
	if _, _, err := c.Ask(t.Context(), "a/b", stream.Command{Do: stream.Pause}); err == nil {
		t.Error("asked a topic level too many")
	}
}

// Presence says how a broadcaster stands: as soon as it is connected, and before
// the answer to a command that changed it.
func TestPresenceFollowsCommands(t *testing.T) {
	b := startBroker(t)
	out := subscribed(t, b, stream.PresenceTopic("+"))
	streamtest.Background(t, func(ctx context.Context) error {
		return Run(ctx, Options{Broker: b.broker(), ID: "press", Min: time.Hour, Max: 2 * time.Hour, QoS: 1})
	})
	next := func(want stream.Presence) {
		t.Helper()
		var got stream.Presence
		a := streamtest.Within(t, "a presence", out)
		if err := json.Unmarshal(a.Payload, &got); err != nil {
			t.Fatal(err)
		}
		if want.Boot = got.Boot; got != want || got.Boot == "" {
			t.Errorf("presence %s, want %+v", a.Payload, want)
		}
	}
	here := stream.Presence{State: "here", Min: time.Hour, Max: 2 * time.Hour}
	next(here)
	c, err := mqtt.Dial(t.Context(), mqtt.DialOptions{Broker: b.broker()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, command := range []stream.Command{
		{Do: stream.Pause}, {Do: stream.Pause}, {Do: stream.Say, Text: "hi"}, // the last two change nothing
		{Do: stream.Interval, Min: time.Minute, Max: time.Minute},
		{Do: stream.Resume},
	} {
		was := here
		switch command.Do {
		case stream.Pause:
			here.Paused = true
		case stream.Resume:
			here.Paused = false
		case stream.Interval:
			here.Min, here.Max = command.Min, command.Max
		}
		if _, _, err := c.Ask(t.Context(), "press", command); err != nil {
			t.Fatal(err)
		}
		if here != was {
			next(here)
		}
	}
	if !b.Cut("press") {
		t.Fatal("it is not connected")
	}
	next(stream.Presence{State: "lost"}) // a last will cannot know how it stands
	next(here)
}
