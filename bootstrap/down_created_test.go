package bootstrap

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
)

// markedServer is an API server whose cluster has the mark of up, or not, and holds an
// installation in each of the namespaces. It takes nothing but questions.
func markedServer(t *testing.T, marked *bool, namespaces *[]string) *cluster.Cluster {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.URL.Path == "/api/v1/namespaces":
			var items []string
			for _, name := range *namespaces {
				items = append(items, `{"metadata":{"name":"`+name+`","labels":{"hellox.local/installation":"`+name+`"}}}`)
			}
			_, _ = w.Write([]byte(`{"apiVersion":"v1","kind":"NamespaceList","items":[` + strings.Join(items, ",") + `]}`))
		case r.URL.Path == "/api/v1/configmaps":
			_, _ = w.Write([]byte(`{"apiVersion":"v1","kind":"ConfigMapList","items":[]}`))
		case *marked && strings.HasPrefix(r.URL.Path, "/api/v1/namespaces/kube-system/"):
			_, _ = w.Write([]byte(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"}}`))
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"apiVersion":"v1","kind":"Status","status":"Failure","reason":"NotFound","code":404}`))
		}
	}))
	t.Cleanup(server.Close)
	return &cluster.Cluster{REST: kube.Config{
		Config: &rest.Config{Host: server.URL}, Commands: kube.Commands{Context: "kind-two", Target: "kind", Profile: "two"},
	}}
}

// A cluster without the mark of up is refused, in words that say so, and so is one that
// holds another installation; nothing but questions is sent to it.
func TestCheckDeletable(t *testing.T) {
	marked, namespaces := false, []string{"hellox"}
	c := markedServer(t, &marked, &namespaces)
	refused := new(step.Error)
	err := CheckDeletable(t.Context(), c, "hellox")
	if !errors.As(err, &refused) || refused.Kind != step.Unsafe || !strings.Contains(err.Error(), "hellox did not make it") {
		t.Errorf("not made by up: %v", err)
	}
	marked = true
	if err := CheckDeletable(t.Context(), c, "hellox"); err != nil {
		t.Errorf("made by up: %v", err)
	}
	namespaces = append(namespaces, "other")
	err = CheckDeletable(t.Context(), c, "hellox")
	const hint = "hellox down --target kind --profile two --namespace other && hellox down --cluster --target kind --profile two --namespace hellox"
	if !errors.As(err, &refused) || refused.Kind != step.Unsafe || !strings.Contains(err.Error(), "it also holds the installation in namespace other") || refused.Hint != hint {
		t.Errorf("another installation: %v, hint %q", err, refused.Hint)
	}
}

// A down that must not delete the cluster removes nothing before it says so.
func TestDownRefusesFirst(t *testing.T) {
	marked, namespaces := true, []string{"hellox", "other"}
	c := markedServer(t, &marked, &namespaces)
	err := Down(t.Context(), c, DownOptions{Namespace: "hellox", DeleteCluster: true}, silence{})
	if err == nil || !strings.Contains(err.Error(), "it also holds the installation in namespace other") {
		t.Errorf("%v", err)
	}
}

// silence is a Reporter of nothing.
type silence struct{}

func (silence) Begin(string)      {}
func (silence) Progress(string)   {}
func (silence) Done(string, bool) {}
func (silence) Fail(error)        {}
func (silence) Note(string)       {}
func (silence) Warn(string)       {}
