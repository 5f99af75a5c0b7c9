package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/image"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// A twoNodes is the provider of a cluster, and its nodes' images. Its worker is off,
// and its API server still calls it ready.
type twoNodes struct {
	Provider
	off     bool
	starts  int
	settles int // how many answers the worker's runtime gives before it is ready
	loaded  map[string]bool
}

func (p *twoNodes) Images(context.Context, Candidate, string) (NodeImages, error) {
	return stubImages{p}, nil
}

func (p *twoNodes) StartNodes(_ context.Context, _ Candidate, progress func(string)) (bool, error) {
	progress("starting node twin-m02")
	p.starts++
	was := p.off
	p.off = false
	return was, nil
}

// says returns the error of asking the node.
func (p *twoNodes) says(node string) error {
	said := ""
	switch {
	case node == "twin-m02" && p.off:
		said = "Error response from daemon: Container aabd1c is not running"
	case node == "twin-m02" && p.settles > 0:
		p.settles--
		said = `connect to endpoint "unix:///run/containerd/containerd.sock": context deadline exceeded`
	default:
		return nil
	}
	return &run.ExitError{Program: "docker", Code: 1, Output: run.Output{Stderr: said}}
}

// stubImages are the images of its nodes.
type stubImages struct{ *twoNodes }

func (p stubImages) Remove(context.Context, string, string) error { return nil }

func (p stubImages) Has(_ context.Context, node string, _ image.Identity) (bool, error) {
	return p.loaded[node], p.says(node)
}

func (p stubImages) Load(_ context.Context, node string, _ image.Identity, archive io.Reader) (bool, error) {
	_, err := io.Copy(io.Discard, archive)
	p.loaded[node] = true
	return false, errors.Join(err, p.says(node))
}

func (p stubImages) List(_ context.Context, node, repository string) ([]string, error) {
	return []string{repository + ":1"}, p.says(node)
}

func (p stubImages) Compressed() bool { return false }

// cluster returns it as Found.Start does.
func (p *twoNodes) cluster(t *testing.T) *Cluster {
	t.Helper()
	nodes := []corev1.Node{bootstraptest.Node("twin", "containerd", true), bootstraptest.Node("twin-m02", "containerd", true)}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(corev1.NodeList{Items: nodes})
	}))
	t.Cleanup(api.Close)
	c, err := newCluster(p, Candidate{Target: "minikube", Unit: "profile", Name: "twin"}, &rest.Config{Host: api.URL}, []Node{newNode(nodes[0]), newNode(nodes[1])}, false)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A worker that was just stopped is ready for its API server, and not for the one that
// wants to load an image: it is started, and its runtime waited for.
func TestLoadStartsStoppedNode(t *testing.T) {
	p := &twoNodes{off: true, settles: 2, loaded: map[string]bool{}}
	c := p.cluster(t)
	img := bootstraptest.PackBytes(t, "an executable", "amd64")
	var said, reported []string
	err := c.LoadEverywhere(t.Context(), img, func(s string) { said = append(said, s) }, func(loaded bool, n int) {
		reported = append(reported, fmt.Sprint(n))
	})
	if err != nil || p.starts != 1 || !p.loaded["twin"] || !p.loaded["twin-m02"] || !c.Started {
		t.Fatalf("%v, %d starts, loaded %v", err, p.starts, p.loaded)
	}
	if len(said) == 0 || said[0] != "starting node twin-m02" || !slices.Contains(reported, "2") {
		t.Errorf("said %q, reported %q", said, reported)
	}
	if err := c.LoadEverywhere(t.Context(), img, func(string) {}, func(bool, int) {}); err != nil || p.starts != 1 {
		t.Errorf("again: %v, %d starts", err, p.starts)
	}
}

// What may not start a node names it, with the command that does.
func TestStoppedNodeIsNamed(t *testing.T) {
	p := &twoNodes{off: true, loaded: map[string]bool{"twin": true}}
	c := p.cluster(t)
	_, err := c.Has(t.Context(), "twin-m02", bootstraptest.PackBytes(t, "an executable", "amd64").Identity())
	e := (*step.Error)(nil)
	if !errors.As(err, &e) || e.Kind != step.Missing || err.Error() != `use node twin-m02 of minikube profile "twin": it is not running` || !strings.HasPrefix(e.Hint, "hellox up --target minikube --profile twin") {
		t.Errorf("%v", err)
	}
	removable, left, err := c.RemovableImages(t.Context())
	if err != nil || len(left) != 1 || len(removable) != 1 || len(removable["twin"]) != 1 {
		t.Errorf("removable: %v, %v", removable, err)
	}
}

// What programs say of a node that does not run.
func TestIsNodeStopped(t *testing.T) {
	for stderr, want := range map[string]bool{
		"Error response from daemon: Container aabd1c is not running":                                          true, // docker
		"Error response from daemon: container aabd1c is not running":                                          true, // docker 28
		"Error response from daemon: Container twin-m02 is paused, unpause the container before exec":          true,
		"Error: can only create exec sessions on running containers: container state improper":                 true, // podman
		`ssh: "twin-m02" is not running`:                                                                       true, // minikube ssh
		"Error response from daemon: No such container: twin-m02":                                              true,
		"ctr: unrecognized image format":                                                                       false,
		`FATA[0000] no such image "hellox.local/hellox:1" present`:                                             false,
		"Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?":    false,
		`validate service connection: dial unix /run/containerd/containerd.sock: connect: connection refused"`: false,
	} {
		err := &run.ExitError{Program: "docker", Code: 1, Output: run.Output{Stderr: stderr}}
		if isNodeStopped(err) != want {
			t.Errorf("%q: %t", stderr, !want)
		}
	}
}
