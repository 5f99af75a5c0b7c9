package bootstrap

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/image"
	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
	"hellox/manifests"
)

// TestPlainOverTLS refuses a broker that asks no client who it is in the place of one that
// asks, before anything is packed or built; elsewhere it may begin, and TLS may take its
// place.
func TestPlainOverTLS(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mine")
	if err := manifests.Eject(dir, manifests.OneNode); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte("resources: [base]\ncomponents: [components/plain]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rendered := func(overlay string) []*unstructured.Unstructured {
		objects, err := manifests.Render(manifests.Options{Namespace: "press", Overlay: overlay})
		if err != nil {
			t.Fatal(err)
		}
		return objects
	}
	plain, tls := rendered(dir), rendered("")
	for name, c := range map[string]struct {
		is      []*unstructured.Unstructured
		asked   string // the overlay
		refused bool
	}{
		"plain at first":   {nil, dir, false},
		"plain over plain": {plain, dir, false},
		"TLS over plain":   {plain, "", false},
		"TLS over TLS":     {tls, "", false},
		"plain over TLS":   {tls, dir, true},
	} {
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if strings.HasSuffix(r.URL.Path, "/persistentvolumeclaims") {
				fmt.Fprint(w, `{"kind":"PersistentVolumeClaimList","apiVersion":"v1","items":[]}`)
				return
			}
			for _, u := range c.is {
				if u.GetKind() == "StatefulSet" && strings.HasSuffix(r.URL.Path, "/namespaces/press/statefulsets/"+u.GetName()) {
					_ = json.NewEncoder(w).Encode(u)
					return
				}
			}
			http.NotFound(w, r)
		}))
		inst, err := install.New(kube.Config{Config: &rest.Config{Host: api.URL}}, "press")
		if err != nil {
			t.Fatal(err)
		}
		// There is no executable to pack: who comes so far was not refused.
		up := &upRun{options: UpOptions{Namespace: "press", Overlay: c.asked, Cluster: &cluster.Cluster{Arch: "amd64"}}, inst: inst, steps: &silentSteps{}}
		err = up.run(t.Context())
		api.Close()
		e, ok := errors.AsType[*step.Error](err)
		switch {
		case !c.refused && errors.Is(err, fs.ErrNotExist):
		case c.refused && ok && e.Kind == step.Ambiguous && strings.Contains(e.Sentence, "in namespace press knows its pods") && strings.Contains(e.Hint, "hellox down") && strings.Contains(e.Hint, "--namespace hellox-plain"):
		default:
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPlanImage: a dry run builds nothing, and says what would be built.
func TestPlanImage(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the Go of this test is a script")
	}
	dir := t.TempDir()
	if err := errors.Join(os.MkdirAll(filepath.Join(dir, "cmd", "hellox"), 0o700), os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module hellox\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "go"), []byte("#!/bin/sh\ntouch "+dir+"/built\nexit 1\n"), 0o700), os.WriteFile(filepath.Join(dir, "laptop"), []byte("not of linux"), 0o700)); err != nil {
		t.Fatal(err)
	}
	steps := &silentSteps{}
	up := &upRun{steps: steps, options: UpOptions{
		Cluster: &cluster.Cluster{Arch: "arm64", Nodes: []cluster.Node{{Name: "one"}}},
		Packer:  image.Packer{Runner: run.New([]string{"PATH=" + dir}), Executable: filepath.Join(dir, "laptop"), Sources: []string{dir}, CacheDir: filepath.Join(dir, "cache")},
	}}
	if err := errors.Join(up.planImage(), up.planLoad(t.Context())); err != nil {
		t.Fatal(err)
	}
	if want := []string{"would pack the image of one that up builds with Go from " + dir, "would put it on one"}; !slices.Equal(steps.done, want) || up.imageName() != image.NotBuilt {
		t.Errorf("it says %q, and takes image %s", steps.done, up.imageName())
	}
	for _, name := range []string{"built", "cache"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("there is %s", name)
		}
	}
}
