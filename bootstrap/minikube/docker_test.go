package minikube

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"

	"hellox/bootstrap/bootstraptest"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/image"
)

const dockerEnvCall = "minikube -p minikube docker-env --shell none -o json"

// docker starts a stand-in for minikube's Docker that only answers with its ID.
func (l *laptop) docker(id *string) {
	l.T.Helper()
	s := l.CA.TLSServer(l.T, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"ID": *id})
	}))
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		l.T.Fatal(err)
	}
	l.Script.Replace = append(l.Script.Replace, [2]string{"tcp://192.168.49.2:2376", "tcp://127.0.0.1:" + port})
}

// images returns the image stores of the nodes of the profile that runs.
func (l *laptop) images() (cluster.NodeImages, error) {
	l.T.Helper()
	m := l.minikube()
	candidates, err := m.List(l.T.Context(), nil)
	if err != nil || len(candidates) != 1 {
		l.T.Fatalf("%+v, %v", candidates, err)
	}
	return m.Images(l.T.Context(), candidates[0], "docker")
}

// What docker-env prints is cached as long as the same daemon is there.
func TestDockerEnvIsAskedOnce(t *testing.T) {
	l := newLaptop(t, "minikube")
	id := "one"
	l.API("192.168.49.2").Set("", bootstraptest.Node("minikube", "docker", true))
	l.docker(&id)
	l.Kubeconfig("docker-running/kubeconfig")
	l.Scene("now", listed("docker-running/profile-list-light"), bootstraptest.Play{Call: dockerEnvCall, Recording: "docker-running/docker-env"})
	asks := func() int {
		_, c, err := l.ready(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if has, err := c.Has(t.Context(), "minikube", image.Identity{Name: image.Repository + ":1", ID: "sha256:1"}); err != nil || has {
				t.Fatal(has, err)
			}
		}
		n := 0
		for _, c := range l.Calls() {
			if c == dockerEnvCall {
				n++
			}
		}
		return n
	}
	if first, second := asks(), asks(); first != 1 || second != 1 {
		t.Errorf("asked %d times, then %d in all", first, second)
	}
	if id = "another"; asks() != 2 {
		t.Error("another daemon is taken for the one that was known")
	}
}

// What docker-env prints where minikube gives no access to Docker is an error,
// even if it ends with 0.
func TestDockerEnvIsRefused(t *testing.T) {
	for recording, want := range map[string]string{
		"two-nodes-running/docker-env":         "incompatible with multi-node clusters",
		"two-nodes-one-stopped/docker-env":     "incompatible with multi-node clusters",
		"container-gone/docker-env":            "unknown state",
		"docker-stopped/docker-env":            "ended with exit code 83",
		"containerd-stopped/docker-env":        "ended with exit code 83",
		"no-profile/docker-env":                "ended with exit code 85",
		"containerd-running-images/docker-env": "is no address of a Docker daemon with TLS",
	} {
		l := newLaptop(t, "minikube")
		l.Scene("now", bootstraptest.Play{Call: dockerEnvCall, Recording: recording})
		if _, err := l.minikube().docker(t.Context(), profile{Name: "minikube"}.candidate()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", recording, err)
		}
	}
}

// The whole way into minikube's Docker, with a real daemon at its end.
func TestLoadIntoMinikubesDocker(t *testing.T) {
	l := newLaptop(t, "minikube")
	l.API("192.168.49.2").Set("", bootstraptest.Node("minikube", "docker", true))
	address := l.Dockerd()
	l.Script.Replace = append(l.Script.Replace, [2]string{"192.168.49.2:2376", address})
	l.Kubeconfig("docker-running/kubeconfig")
	l.Scene("now", listed("docker-running/profile-list-light"), bootstraptest.Play{Call: dockerEnvCall, Recording: "docker-running/docker-env"})

	_, c, err := l.ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bootstraptest.WaitFor(t, "the daemon", func() bool {
		_, err := l.images()
		return err == nil
	})
	if t.Failed() {
		return
	}
	img := bootstraptest.PackBytes(t, strings.Repeat("an executable\x03\x00\r\n", 100_000), c.Arch)
	loaded, err := c.Load(t.Context(), "minikube", img)
	if err != nil || !loaded {
		t.Fatalf("%t, %v", loaded, err)
	}
	if loaded, err = c.Load(t.Context(), "minikube", img); err != nil || loaded {
		t.Fatalf("the second time: %t, %v", loaded, err)
	}
	// A compressed archive would do as well.
	second := bootstraptest.PackBytes(t, "another executable", c.Arch)
	var archive bytes.Buffer
	if err := second.WriteArchive(t.Context(), &archive, true); err != nil {
		t.Fatal(err)
	}
	images, err := l.images()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := images.Load(t.Context(), "minikube", img.Identity(), &archive); err != nil {
		t.Fatal(err)
	}
	if has, err := c.Has(t.Context(), "minikube", second.Identity()); err != nil || !has {
		t.Errorf("compressed: %t, %v", has, err)
	}
	// The name alone proves nothing.
	impostor := *img
	impostor.ID, impostor.DiffID = second.ID, second.DiffID
	if has, err := c.Has(t.Context(), "minikube", impostor.Identity()); err != nil || has {
		t.Errorf("other content under the tag: %t, %v", has, err)
	}
	var whole bytes.Buffer
	if err := bootstraptest.PackBytes(t, strings.Repeat("a third", 1000), c.Arch).WriteArchive(t.Context(), &whole, false); err != nil {
		t.Fatal(err)
	}
	for name, broken := range map[string]string{"empty": "", "noise": strings.Repeat("noise", 10_000), "cut": whole.String()[:whole.Len()/2]} {
		if _, err := images.Load(t.Context(), "minikube", second.Identity(), strings.NewReader(broken)); err == nil {
			t.Errorf("a broken archive (%s) is taken for loaded", name)
		}
	}
	for _, want := range []struct {
		keep    []string
		removed int
	}{{[]string{img.Tag}, 1}, {nil, 1}, {nil, 0}} {
		if n, _, err := c.RemoveImages(t.Context(), want.keep...); err != nil || n != want.removed {
			t.Errorf("removed %d, want %d; %v", n, want.removed, err)
		}
	}
	if has, err := c.Has(t.Context(), "minikube", img.Identity()); err != nil || has {
		t.Errorf("removed: %t, %v", has, err)
	}
}

func TestDockerMustBeHere(t *testing.T) {
	for _, host := range []string{"tcp://203.0.113.7:2376", "tcp://docker.example.org:2376", "ssh://docker@127.0.0.1:32794", "unix:///var/run/docker.sock", ""} {
		if _, err := newDockerImages(host, t.TempDir()); err == nil {
			t.Errorf("%q is taken for minikube's Docker", host)
		}
	}
}
