package kind

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// --node-image is for a cluster that is created: one that exists has its own.
func TestCheckNodeImage(t *testing.T) {
	bin := t.TempDir()
	docker := `#!/bin/sh
case "$*" in
"inspect --format {{.Config.Image}} {{.Image}} a-control-plane") echo "kindest/node:v1.34.4 sha256:1" ;;
"inspect --format {{.Config.Image}} {{.Image}} a-worker") echo "kindest/node:v1.34.4 sha256:1" ;;
"image inspect --format {{.Id}} mirror/node:v1.34.4") echo sha256:1 ;;
"image inspect --format {{.Id}} kindest/node:v1.33.0") echo sha256:2 ;;
*) exit 1 ;;
esac
`
	if err := os.WriteFile(filepath.Join(bin, "docker"), []byte(docker), 0o700); err != nil {
		t.Fatal(err)
	}
	p := New(Options{Runner: run.New([]string{"PATH=" + bin + ":/bin:/usr/bin"})})
	p.engine = "docker"
	c := p.candidate(engineCluster{name: "a", nodes: []container{{name: "a-external-load-balancer"}, {name: "a-control-plane"}, {name: "a-worker"}}})
	for ref, ok := range map[string]bool{
		"kindest/node:v1.34.4": true,
		"mirror/node:v1.34.4":  true, // the same image by another name
		"kindest/node:v1.33.0": false,
		"nowhere/node:v1":      false, // not even there
	} {
		err := p.CheckNodeImage(t.Context(), c, ref)
		wrong := (*step.Error)(nil)
		switch {
		case ok && err != nil:
			t.Errorf("%s: %v", ref, err)
		case !ok && (!errors.As(err, &wrong) || wrong.Kind != step.Ambiguous || !strings.Contains(err.Error(), `kind cluster "a" exists, with the node image kindest/node:v1.34.4`)):
			t.Errorf("%s: %v", ref, err)
		}
	}
}

// A node image that cannot be pulled is named, and what is here instead.
func TestPullFails(t *testing.T) {
	p := New(Options{Runner: run.New(nil)})
	p.engine = "docker"
	image, ok := pulls([]string{"docker", "pull", "kindest/node:v1.34.0@sha256:1"})
	if !ok || image != "kindest/node:v1.34.0" {
		t.Fatalf("%q, %v", image, ok)
	}
	for _, other := range [][]string{{"docker", "run", "kindest/node:v1.34.0"}, {"docker", "pull"}} {
		if _, ok := pulls(other); ok {
			t.Errorf("%q pulls", other)
		}
	}
	err := p.createError(p.candidate(engineCluster{name: "a"}), pullError{image, errors.New("docker: no such host")})
	said := (*step.Error)(nil)
	if !errors.As(err, &said) || said.Kind != step.Missing || said.Error() != `create kind cluster "a": its node image kindest/node:v1.34.0 is not here and cannot be pulled: docker: no such host` ||
		said.Hint != "docker pull kindest/node:v1.34.0 where the network allows it, or --node-image REF: docker image ls lists what is here" {
		t.Errorf("%v, %+v", err, said)
	}
	if errors.As(p.createError(p.candidate(engineCluster{name: "a"}), errors.New("failed to init node")), &said); said.Kind != step.Failed || !strings.Contains(said.Hint, "kind export logs") {
		t.Errorf("%+v", said)
	}
}
