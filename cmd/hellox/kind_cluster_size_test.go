package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"hellox/stream"
)

// testKindClusterSize has an installation beside the first that moves from one node to
// three. There one pod of the broker and one receiver are killed under load, and no message
// that the broker acknowledged is missing or there twice. Then it moves back.
func testKindClusterSize(t *testing.T, r *kindRig) {
	three := &kindRig{cluster: r.cluster, node: r.node, dir: r.dir, env: r.env, hellox: r.hellox}
	const namespace = "hellox-3"
	in := []string{"--namespace", namespace, "--profile", r.cluster}
	code, _, said := outcome(t, r.program(r.hellox, "scale", "--role", "receive", "2", "--namespace", "hellox", "--profile", r.cluster))
	if code != 2 {
		t.Errorf("scale --role receive 2 at size 1 ended with %d", code)
	}
	contains(t, "scale --role receive 2 at size 1", said, "its history is one file")

	r.run(t, r.up("--namespace", namespace, "--broadcasters", "4", "--web-port", "0", "--mqtt-port", "0")...)
	three.forwarded(t, namespace)
	until(t, "four senders are heard", func() bool { return len(three.senders()) == 4 })
	for name := range three.senders() {
		three.run(t, append([]string{"tell", name, "interval", "50ms", "50ms"}, in...)...)
	}
	three.move(t, namespace, "3", "all that the broker acknowledged is in the history", "moved to three nodes")
	mark := three.newest()
	until(t, "messages are stored", func() bool { return three.newest() > mark+50 })
	for _, pod := range []string{"broker-1", three.indexer(t, namespace)} {
		began, before := time.Now(), three.newest()
		three.kubectl(t, "-n", namespace, "delete", "pod", pod, "--force", "--grace-period=0")
		until(t, "messages are stored after the end of "+pod, func() bool { return three.newest() > before+100 })
		t.Logf("%s was killed: 100 more messages were stored within %s", pod, time.Since(began).Round(time.Second))
	}
	three.kubectl(t, "-n", namespace, "rollout", "status", "statefulset/broker", "--timeout=2m")
	// What comes last is sent after all that happened.
	out, _ := three.run(t, append([]string{"publish", "the end"}, in...)...)
	t.Log(out)
	var all []stream.Message
	until(t, "the last message is stored", func() bool {
		all = three.messages(t, 0, nil)
		return slices.ContainsFunc(all, func(m stream.Message) bool { return string(m.Payload) == "the end" })
	})
	checkNoGaps(t, all)
	_, said = r.run(t, append([]string{"scale", "--role", "receive", "1"}, in...)...)
	contains(t, "scale --role receive 1", said, "1 receiver")
	_, said = r.run(t, r.up("--namespace", namespace, "--web-port", "0", "--mqtt-port", "0")...)
	contains(t, "up again", said, "unchanged")
	if got := three.kubectl(t, "-n", namespace, "get", "deployment", "receive", "-o", "jsonpath={.spec.replicas}"); got != "1" {
		t.Errorf("after another up there are %s receivers", got)
	}
	three.move(t, namespace, "1", "the nodes let no client in", "moved to one node")
	r.run(t, append([]string{"down"}, in...)...)
	if left := three.kubectl(t, "get", "namespace", namespace, "--ignore-not-found", "-o", "name"); left != "" {
		t.Errorf("left: %s", left)
	}
	if left := three.kubectl(t, "get", "persistentvolumes", "-o", "json"); strings.Contains(left, `"namespace": "`+namespace+`"`) {
		t.Error("down left volumes of the broker's nodes")
	}
	mark = r.newest()
	until(t, "the first installation goes on", func() bool { return r.newest() > mark })
}

// indexer returns the receiver that said last that it is the one which appends.
func (r *kindRig) indexer(t *testing.T, namespace string) string {
	t.Helper()
	newest, pod := time.Time{}, ""
	for _, name := range strings.Fields(r.kubectl(t, "-n", namespace, "get", "pods", "-l", "app.kubernetes.io/component=receive", "-o", "jsonpath={.items[*].metadata.name}")) {
		for line := range strings.Lines(r.kubectl(t, "-n", namespace, "logs", name)) {
			var entry struct {
				Time time.Time
				Msg  string
			}
			if json.Unmarshal([]byte(line), &entry) == nil && strings.Contains(entry.Msg, "is the indexer") && entry.Time.After(newest) {
				newest, pod = entry.Time, name
			}
		}
	}
	if pod == "" {
		t.Fatalf("no receiver in namespace %s appends", namespace)
	}
	return pod
}
