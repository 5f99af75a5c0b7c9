package install_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/manifests"
)

// TestClusterSize reads of how many nodes a broker is: by its StatefulSet, else by the
// volume claims that a down --keep-data has left, else by what an up that was killed has
// recorded and made.
func TestClusterSize(t *testing.T) {
	const peers, foreignPeers = `{"hellox.local/installation":"hellox"}`, `{}`
	listed := func(kind, name string) string {
		return `{"version":1,"objects":[{"apiVersion":"v1","kind":"` + kind + `","namespace":"hellox","name":"` + name + `"}]}`
	}
	claim := func(name string) map[string]any { return map[string]any{"metadata": map[string]any{"name": name}} }
	for name, c := range map[string]struct {
		rendered int // of which size the broker is that runs; 0: none does
		foreign  bool
		claims   []any
		inv      string // the inventory; "": there is none
		secret   string // the labels of the Secret broker-peers; "": there is none
		want     int
	}{
		"nothing":             {},
		"one":                 {rendered: 1, want: 1},
		"three":               {rendered: 3, want: 3},
		"another's broker":    {rendered: 3, foreign: true},
		"left of one":         {claims: []any{claim("history"), claim("data-broker-0")}, want: 1},
		"left of three":       {claims: []any{claim("mine"), claim("streams-broker-2")}, want: 3},
		"the user's own":      {claims: []any{claim("mine")}},
		"listed, none made":   {inv: listed("Secret", "broker-peers"), want: 3},
		"killed meanwhile":    {inv: listed("Secret", "broker-peers"), secret: peers, want: 3},
		"only the Secret":     {secret: peers, want: 3},
		"another's Secret":    {secret: foreignPeers},
		"listed of one":       {inv: listed("Secret", "broker-tls")},
		"kept of one":         {inv: listed("Secret", "broker-peers"), claims: []any{claim("history")}, want: 1},
		"three, and own ones": {rendered: 3, claims: []any{claim("data-broker-0")}, want: 3},
	} {
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			switch r.URL.Path {
			case "/apis/apps/v1/namespaces/hellox/statefulsets/broker":
				if c.rendered == 0 {
					http.NotFound(w, r)
					return
				}
				u := brokerOf(t, c.rendered)
				if c.foreign {
					u.SetLabels(nil)
				}
				_ = json.NewEncoder(w).Encode(u)
			case "/api/v1/namespaces/hellox/persistentvolumeclaims":
				if got := r.URL.Query().Get("labelSelector"); got != manifests.InstallationLabel+"=hellox" {
					t.Errorf("%s: claims are selected by %q", name, got)
				}
				_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "v1", "kind": "PersistentVolumeClaimList", "items": c.claims})
			case "/api/v1/namespaces/hellox/configmaps/hellox-inventory":
				if c.inv == "" {
					http.NotFound(w, r)
					return
				}
				_ = json.NewEncoder(w).Encode(manifests.ConfigMap("hellox", "hellox-inventory", "", map[string]string{"inventory.json": c.inv}))
			case "/api/v1/namespaces/hellox/secrets/broker-peers":
				if c.secret == "" {
					http.NotFound(w, r)
					return
				}
				_, _ = io.WriteString(w, `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"broker-peers","labels":`+c.secret+`}}`)
			default:
				t.Errorf("%s: asked for %s", name, r.URL.Path)
				http.NotFound(w, r)
			}
		}))
		inst, err := install.New(kube.Config{Config: &rest.Config{Host: api.URL}}, "hellox")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := install.ClusterSize(t.Context(), inst); err != nil || got != c.want {
			t.Errorf("%s: size %d (%v), want %d", name, got, err, c.want)
		}
		api.Close()
	}
}

func brokerOf(t *testing.T, size int) *unstructured.Unstructured {
	objects, err := manifests.Render(manifests.Options{Namespace: "hellox", ClusterSize: size})
	if err != nil {
		t.Error(err)
	}
	for _, u := range objects {
		if u.GetKind() == "StatefulSet" && u.GetName() == "broker" {
			return u
		}
	}
	return &unstructured.Unstructured{}
}
