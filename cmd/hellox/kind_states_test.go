package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// testKindStates brings the cluster into states that a laptop's may be in, and expects
// the truth from status, one sentence from what needs the stream, and from up that all
// is well afterwards.
func testKindStates(t *testing.T, r *kindRig) {
	at := []string{"--target", "kind", "--profile", r.cluster}
	// A shell that has evaluated minikube docker-env, whose Docker is not there.
	up := r.program(r.hellox, r.up()...)
	up.Env = append(slices.Clone(r.env), "DOCKER_HOST=tcp://192.168.49.2:2376", "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=/nowhere", "MINIKUBE_ACTIVE_DOCKERD=minikube")
	_, said := r.do(t, up)
	contains(t, "up after docker-env", said, "unchanged")

	for state, commands := range map[string][2][]string{
		"paused":  {{"pause"}, {"unpause"}},
		"stopped": {{"stop", "--time", "1"}, {"start"}},
	} {
		into, out := commands[0], commands[1]
		r.do(t, r.program("docker", append(into, r.node)...))
		text, _ := r.run(t, append([]string{"status"}, at...)...)
		contains(t, "status while it is "+state, text, "  not running\n", "its cluster is "+state)
		for _, words := range [][]string{{"watch", "-n", "1"}, {"publish", "hi"}} {
			began := time.Now()
			code, _, said := outcome(t, r.program(r.hellox, append(words, at...)...))
			if took := time.Since(began); code != exitMissing || took > 15*time.Second {
				t.Errorf("%s while it is %s: exit %d after %s", words[0], state, code, took)
			}
			contains(t, words[0], said, "its cluster is "+state, "hint: hellox up --target kind --profile "+r.cluster)
		}
		_, said := r.run(t, append([]string{"up", "--dry-run"}, at...)...)
		contains(t, "up --dry-run while it is "+state, said, "it is "+state+" and will be "+out[0])
		_, said = r.run(t, r.up()...)
		t.Log(said)
		if s := r.status(t, "hellox"); !s.Running || s.State != stateRunning {
			t.Errorf("after it was %s and up: %s, %s", state, s.State, s.Cause)
		}
		r.goesOn(t, "the cluster was "+state)
	}
}

// TestKindNodes takes a worker of a cluster of several nodes away, in the 40 s in which
// Kubernetes does not know it: up starts it. HELLOX_E2E_NODES names the cluster.
func TestKindNodes(t *testing.T) {
	name := os.Getenv("HELLOX_E2E_NODES")
	if name == "" {
		t.Skip("HELLOX_E2E_NODES does not name a kind cluster of several nodes")
	}
	t.Setenv("HELLOX_E2E_CLUSTER", name)
	r := newKindRig(t)
	at := []string{"--target", "kind", "--profile", name}
	config, err := exec.Command("kind", "get", "kubeconfig", "--name", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.dir+"/kubeconfig", config, 0o600); err != nil {
		t.Fatal(err)
	}
	r.run(t, r.up("--broadcasters", "5")...)
	defer r.run(t, append([]string{"down"}, at...)...)
	workers, _ := r.do(t, r.program("docker", "ps", "--filter", "label=io.x-k8s.kind.cluster="+name, "--filter", "label=io.x-k8s.kind.role=worker", "--format", "{{.Names}}"))
	worker := strings.Fields(workers)[0]
	r.do(t, r.program("docker", "stop", "--time", "1", worker))
	_, said := r.run(t, append([]string{"up", "--dry-run"}, at...)...)
	contains(t, "up --dry-run", said, "it runs without "+worker+", to be started")
	_, said = r.run(t, r.up()...)
	t.Log(said)
	if running, _ := r.do(t, r.program("docker", "inspect", "--format", "{{.State.Running}}", worker)); strings.TrimSpace(running) != "true" {
		t.Errorf("%s does not run after up", worker)
	}
	if s := r.status(t, "hellox"); !s.Running {
		t.Errorf("after up: %s, %s", s.State, s.Cause)
	}
}
