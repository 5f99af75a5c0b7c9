package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
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

// testKindScale has more broadcasters than a node has pods, changes their number while they
// speak, and has five.
func testKindScale(t *testing.T, r *kindRig) {
	heard := func(n int) {
		t.Helper()
		until(t, fmt.Sprintf("after scale %d those are heard, and no others", n), func() bool {
			senders := r.senders()
			for i := range n {
				if _, ok := senders["broadcast-"+strconv.Itoa(i)]; !ok {
					return false
				}
			}
			return len(senders) == n
		})
		if asked := r.status(t, "hellox").Broadcasters; asked == nil || *asked != n {
			t.Errorf("after scale %d status tells of %v", n, asked)
		}
	}
	_, said := r.run(t, "scale", "70")
	contains(t, "scale 70", said, "70 broadcasters in 1 pod")
	heard(70)
	before := r.pods(t)
	_, said = r.run(t, "scale", "502")
	contains(t, "scale 502", said, "502 broadcasters in 2 pods")
	heard(502)
	_, said = r.run(t, r.up()...)
	contains(t, "up after scale 502", said, "unchanged")
	after := r.pods(t)
	for uid, name := range before {
		if after[uid] != name {
			t.Errorf("scale 502, and an up, replaced %s", name)
		}
	}
	r.run(t, "scale", "5")
	heard(5)
}
