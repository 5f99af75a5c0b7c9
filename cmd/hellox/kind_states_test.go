package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// testKindStates runs up in a shell that is set for another Docker.
func testKindStates(t *testing.T, r *kindRig) {
	// A shell that has evaluated minikube docker-env, whose Docker is not there.
	up := r.program(r.hellox, r.up()...)
	up.Env = append(slices.Clone(r.env), "DOCKER_HOST=tcp://192.168.49.2:2376", "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=/nowhere", "MINIKUBE_ACTIVE_DOCKERD=minikube")
	_, said := r.do(t, up)
	contains(t, "up after docker-env", said, "unchanged")
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
