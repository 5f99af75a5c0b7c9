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

// A cluster without the mark of up is refused, in words that say so; nothing but
// questions is sent to it.
func TestCheckCreated(t *testing.T) {
	marked := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s", r.Method, r.URL.Path)
		}
		w.Header().Set("Content-Type", "application/json")
		if marked {
			_, _ = w.Write([]byte(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x"}}`))
			return
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"apiVersion":"v1","kind":"Status","status":"Failure","reason":"NotFound","code":404}`))
	}))
	defer server.Close()
	c := &cluster.Cluster{REST: kube.Config{Config: &rest.Config{Host: server.URL}}}
	refused := new(step.Error)
	if err := CheckCreated(t.Context(), c); !errors.As(err, &refused) || refused.Kind != step.Unsafe || !strings.Contains(err.Error(), "hellox did not make it") {
		t.Errorf("not made by up: %v", err)
	}
	marked = true
	if err := CheckCreated(t.Context(), c); err != nil {
		t.Errorf("made by up: %v", err)
	}
}
