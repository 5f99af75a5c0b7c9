package main

import (
	"os"
	"path/filepath"
	"slices"
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

// TestKindNodeImageAbsent has no network for the node image of the first cluster: up
// says which one is wanted, and leaves nothing.
func TestKindNodeImageAbsent(t *testing.T) {
	if os.Getenv("HELLOX_E2E") == "" {
		t.Skip("HELLOX_E2E is not set: it takes a container engine")
	}
	dir := t.TempDir()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(kubeconfig, []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &kindRig{dir: dir, cluster: "hellox-ci-absent", env: append(os.Environ(), "NO_COLOR=1", "KUBECONFIG="+kubeconfig,
		"XDG_STATE_HOME="+filepath.Join(dir, "state"), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))}
	r.removeCluster(t)
	defer r.removeCluster(t)
	const image = "registry.invalid/node:v1.34.4" // no name server knows .invalid (RFC 6761)
	code, _, said := outcome(t, r.program("hellox", "up", "--target", "kind", "--profile", r.cluster, "--node-image", image))
	if code != exitMissing {
		t.Errorf("it ended with %d", code)
	}
	contains(t, "up", said, `hellox: create kind cluster "hellox-ci-absent": its node image `+image+" is not here and cannot be pulled: ",
		"hint: docker pull "+image+" where the network allows it, or --node-image REF: docker image ls lists what is here")
	if left, _ := r.do(t, r.program("docker", "ps", "-aq", "--filter", "label=io.x-k8s.kind.cluster="+r.cluster)); left != "" {
		t.Errorf("up left the containers %s", left)
	}
	_, said = r.do(t, r.program("hellox", "down", "--target", "kind", "--profile", r.cluster))
	r.noFiles(t)
	t.Log(said)
}
