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
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
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
