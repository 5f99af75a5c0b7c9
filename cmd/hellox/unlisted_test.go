//go:build unix

package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"hellox/bootstrap/bootstraptest"
)

// A docker that does not list the cluster may be another one than before. While the API
// server answers at the address that the kubeconfig has, or may, nothing is gone: down
// keeps the record. Once nothing is there the record goes, and that is said.
func TestClusterOfAnotherEngine(t *testing.T) {
	t.Parallel()
	nodes := func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(corev1.NodeList{Items: []corev1.Node{bootstraptest.Node("a-control-plane", "containerd", true)}})
	}
	foreign := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }
	hung := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		there   string
	}{
		{"answers", nodes, "answers at "},
		{"hangs", hung, "may be there: "},
		{"is another", foreign, ""},
		{"is gone", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			api := httptest.NewTLSServer(c.handler)
			t.Cleanup(api.Close)
			if c.handler == nil {
				api.Close()
			}
			_, port, err := net.SplitHostPort(api.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			h := clusterState{
				tools:      map[string]string{"docker": `case "$1" in images) echo alpine:3; echo hellox.local/built/press:1 ;; esac`},
				kubeconfig: "clusters:\n- name: c\n  cluster: {server: 'https://127.0.0.1:" + port + "', insecure-skip-tls-verify: true}\ncontexts:\n- name: kind-a\n  context: {cluster: c, user: u}\n",
			}.home(t)
			h.record(t, "kind", "a")
			status, errs, _ := h.command(t, "status")
			_, said, code := h.command(t, "down")
			_, err = os.Stat(filepath.Join(h.root, "kind.a.hellox", "record.json"))
			if c.there == "" {
				if !strings.Contains(status, "not running\n  its cluster no longer exists") || code != 0 || err == nil || !strings.Contains(said, "only its record here is removed") || !strings.Contains(said, "docker rmi hellox.local/built/press:1\n") {
					t.Errorf("status: %s%sdown: exit %d: %s%v", status, errs, code, said, err)
				}
				return
			}
			const sentence = `the container engine in use lists no kind cluster "a", and its API server `
			if !strings.Contains(status, "hellox  unknown\n  "+sentence+c.there) || code != exitMissing || err != nil {
				t.Errorf("status: %s%sdown: exit %d: %v", status, errs, code, err)
			}
			_, up, code := h.command(t, "up", "--target", "kind", "--profile", "a")
			if code != exitMissing || !strings.Contains(up, sentence+c.there) {
				t.Errorf("up, which would create a second one: exit %d: %s", code, up)
			}
			inOrder(t, said, sentence+c.there, "hint: select the engine")
		})
	}
}

// A stopped cluster of another docker than the one in use does not answer, and is not
// gone: the record says which docker has it, and nothing is deleted in the one that is asked.
func TestStoppedClusterOfAnotherEngine(t *testing.T) {
	t.Parallel()
	const desktop = "DOCKER_HOST=unix:///home/ann/.docker/desktop/docker.sock"
	gone := recordedMinikube(t, "container-gone/profile-list-light", "container-gone/status")
	for _, c := range []struct {
		target, profile, engine string
		environ                 []string
		elsewhere               string // the sentence
	}{
		{"kind", "a", "KIND_EXPERIMENTAL_PROVIDER=docker " + desktop, nil, `the container engine in use has no kind cluster "a": it was up with KIND_EXPERIMENTAL_PROVIDER=docker ` + desktop},
		{"kind", "a", "KIND_EXPERIMENTAL_PROVIDER=docker " + desktop, []string{desktop}, ""},
		{"kind", "a", "KIND_EXPERIMENTAL_PROVIDER=podman", []string{desktop}, `the container engine in use has no kind cluster "a": it was up with KIND_EXPERIMENTAL_PROVIDER=podman`},
		{"minikube", "minikube", desktop, nil, `the container engine in use has no minikube profile "minikube": it was up with ` + desktop},
		{"minikube", "minikube", desktop, []string{desktop}, ""},
		{"kind", "a", "", nil, ""}, // of an older hellox
	} {
		h := clusterState{tools: map[string]string{"docker": lists(), "minikube": gone}, environ: c.environ}.home(t)
		h.record(t, c.target, c.profile)
		path := filepath.Join(h.root, c.target+"."+c.profile+".hellox", "record.json")
		text, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, []byte(strings.TrimSuffix(string(text), "}")+`,"engine":"`+c.engine+`"}`), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		status, _, _ := h.command(t, "status")
		up := ""
		if c.target == "minikube" || c.elsewhere != "" { // else a cluster of kind's would be created
			_, up, _ = h.command(t, "up", "--target", c.target, "--profile", c.profile)
		}
		_, said, code := h.command(t, "down")
		_, err = os.Stat(path)
		if c.elsewhere == "" {
			if !strings.Contains(status, "its cluster no longer exists") || code != 0 || err == nil || c.target == "minikube" && !strings.Contains(up, "minikube delete") {
				t.Errorf("%+v: status: %sup: %sdown: exit %d: %s%v", c, status, up, code, said, err)
			}
			continue
		}
		hint := "hint: export " + c.engine
		if !strings.Contains(status, "hellox  unknown\n  "+c.elsewhere) || code != exitMissing || err != nil || !strings.Contains(said, c.elsewhere+"\n") || !strings.Contains(said, hint) {
			t.Errorf("%+v: status: %sdown: exit %d: %s%v", c, status, code, said, err)
		}
		if !strings.Contains(up, c.elsewhere) || !strings.Contains(up, hint) || strings.Contains(up, "minikube delete") {
			t.Errorf("%+v: up: %s", c, up)
		}
		_, up, code = h.command(t, "up", "--target", c.target, "--profile", c.profile, "--namespace", "other")
		if code != exitMissing || !strings.Contains(up, c.elsewhere) {
			t.Errorf("%+v: up in another namespace of that cluster: exit %d: %s", c, code, up)
		}
	}
}
