package main

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"hellox/stream"
)

// testKindCommands tells the broadcaster, publishes, and reads logs and status.
func testKindCommands(t *testing.T, r *kindRig) {
	out, _ := r.run(t, "tell", "broadcast-0", "identify", "--output", "json")
	var told struct {
		Answer      stream.Answer
		RoundTripMS float64 `json:"round_trip_ms"`
	}
	if err := json.Unmarshal([]byte(out), &told); err != nil || !told.Answer.OK || told.RoundTripMS <= 0 {
		t.Errorf("tell broadcast-0 identify: %s (%v)", out, err)
	}
	until(t, "the receiver knows the pod behind the sender", func() bool {
		pod := r.senders()["broadcast-0"].Pod
		return pod != nil && *pod == (stream.Pod{Name: "broadcast-0", Phase: "Running"})
	})
	arrives := func(topic, text string) {
		t.Helper()
		until(t, text+" is in the history", func() bool {
			return slices.ContainsFunc(r.messages(t, 0, url.Values{"topic": {topic}}), func(m stream.Message) bool {
				return m.Text == text || string(m.Payload) == text
			})
		})
	}
	r.run(t, "tell", "broadcast-0", "say", "Hello told")
	arrives("hello_world/broadcast/broadcast-0", "Hello told")
	r.run(t, "publish", "Hello back")
	arrives(stream.TopicPublish, "Hello back")
	if code, _, said := outcome(t, r.program(r.hellox, "tell", "press-9", "identify")); code != 3 || !strings.Contains(said, "broadcast-0") {
		t.Errorf("tell press-9 identify ended with %d: %s", code, said)
	}

	for role, wanted := range map[string]string{"receive": "the page", "broker": "broker", "broadcast": "broadcast"} {
		out, _ := r.run(t, "logs", role)
		contains(t, "hellox logs "+role, out, wanted)
	}
	out, _ = r.run(t, "status", "--profile", r.cluster)
	contains(t, "hellox status", out, "kind-"+r.cluster+" · hellox  running", "broadcast-0", "1 broadcaster asked for", "broker-0", "receive-", r.page, r.mqtt)
}

// testKindScale has five broadcasters.
func testKindScale(t *testing.T, r *kindRig) {
	r.run(t, "scale", "5")
	want := "broadcast-0 broadcast-1 broadcast-2 broadcast-3 broadcast-4"
	until(t, "after scale 5 there are the senders "+want, func() bool {
		var names []string
		for name := range r.senders() {
			names = append(names, name)
		}
		slices.Sort(names)
		return strings.Join(names, " ") == want
	})
}
