package main

import (
	"strings"
	"testing"
)

// testKindLoopbackOnly tries what a user's forward reaches from another pod,
// on the pod's address: it must be refused. The listener for other pods is
// tried beside it, because a dead address refuses everything.
func testKindLoopbackOnly(t *testing.T, r *kindRig) {
	address := func(role string) string {
		return r.kubectl(t, "-n", "hellox", "get", "pods", "-l", "app.kubernetes.io/component="+role, "-o", "jsonpath={.items[0].status.podIP}")
	}
	probes := []struct{ name, target, phase, says string }{
		{"probe-page", "mqtt://" + address("receive") + ":8420", "Failed", "refused"},
		{"probe-forwarded-broker", "mqtt://" + address("broker") + ":1883", "Failed", "refused"},
		{"probe-broker", "mqtt://" + address("broker") + ":8883", "Succeeded", "Hello world"},
	}
	t.Cleanup(func() {
		for _, p := range probes {
			r.kubectl(t, "-n", "default", "delete", "pod", p.name, "--ignore-not-found", "--now")
		}
	})
	for _, p := range probes {
		r.kubectl(t, "-n", "default", "run", p.name, "--image", r.image, "--image-pull-policy", "Never", "--restart", "Never",
			"--", "watch", p.target, "-t", "hello_world/#", "-n", "1", "--for", "30s", "--output", "plain")
	}
	for _, p := range probes {
		phase := ""
		until(t, p.name+" has ended", func() bool {
			phase = r.kubectl(t, "-n", "default", "get", "pod", p.name, "-o", "jsonpath={.status.phase}")
			return phase == "Failed" || phase == "Succeeded"
		})
		said := r.kubectl(t, "-n", "default", "logs", p.name)
		if phase != p.phase || !strings.Contains(said, p.says) {
			t.Errorf("another pod that dials %s: %s, want %s and %q: %s", p.target, phase, p.phase, p.says, said)
		}
	}
}
