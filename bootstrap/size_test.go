package bootstrap

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
	"hellox/manifests"
)

// TestPlainOverTLS refuses a broker that asks no client who it is in the place of one that
// asks; elsewhere it may begin, and TLS may take its place.
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
		is, asked []*unstructured.Unstructured
		refused   bool
	}{
		"plain at first":   {nil, plain, false},
		"plain over plain": {plain, plain, false},
		"TLS over plain":   {plain, tls, false},
		"TLS over TLS":     {tls, tls, false},
		"plain over TLS":   {tls, plain, true},
	} {
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for _, u := range c.is {
				if u.GetKind() == "StatefulSet" && strings.HasSuffix(r.URL.Path, "/namespaces/press/statefulsets/"+u.GetName()) {
					w.Header().Set("Content-Type", "application/json")
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
		err = (&upRun{options: UpOptions{Namespace: "press"}, inst: inst}).sameClients(t.Context(), c.asked)
		api.Close()
		e, ok := errors.AsType[*step.Error](err)
		switch {
		case !c.refused && err == nil:
		case c.refused && ok && strings.Contains(e.Sentence, "in namespace press knows its pods") && strings.Contains(e.Hint, "hellox down") && strings.Contains(e.Hint, "--namespace hellox-plain"):
		default:
			t.Errorf("%s: %v", name, err)
		}
	}
}
