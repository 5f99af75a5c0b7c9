package install

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"k8s.io/client-go/rest"

	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
)

// A goneServer is an API server with some objects, by path. A StatefulSet that is
// deleted stays until there is no pod; any other object with finalizers stays; a pod
// goes only when it is deleted without grace, as no kubelet ends it.
type goneServer struct {
	mu      sync.Mutex
	objects map[string]map[string]any
	forced  []string
}

const goneNamespace = "/api/v1/namespaces/hellox"

func newGoneServer(t *testing.T, objects map[string]map[string]any) (*goneServer, *Installation) {
	t.Helper()
	s := &goneServer{objects: objects}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	inst, err := New(kube.Config{Config: &rest.Config{Host: server.URL}, Commands: kube.Commands{Context: "kind-hellox"}}, "hellox")
	if err != nil {
		t.Fatal(err)
	}
	return s, inst
}

// object is one of the installation, with its UID.
func object(version, kind, name string, metadata map[string]any) map[string]any {
	metadata["name"], metadata["namespace"], metadata["uid"] = name, "hellox", "uid-"+name
	metadata["labels"] = map[string]any{"hellox.local/installation": "hellox"}
	return map[string]any{"apiVersion": version, "kind": kind, "metadata": metadata}
}

func (s *goneServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	answer := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	items := func(prefix string) (all []any) {
		for at, o := range s.objects {
			if strings.HasPrefix(at, prefix) {
				all = append(all, o)
			}
		}
		return all
	}
	_, exists := s.objects[r.URL.Path]
	switch {
	case r.URL.Path == "/api/v1":
		answer(map[string]any{"kind": "APIResourceList", "resources": []any{
			map[string]any{"name": "namespaces", "kind": "Namespace", "namespaced": false},
			map[string]any{"name": "configmaps", "kind": "ConfigMap", "namespaced": true},
		}})
	case r.URL.Path == "/apis/apps/v1":
		answer(map[string]any{"kind": "APIResourceList", "resources": []any{
			map[string]any{"name": "statefulsets", "kind": "StatefulSet", "namespaced": true},
		}})
	case r.URL.Query().Get("watch") != "": // what is watched changes only when it is asked again
		w.WriteHeader(http.StatusOK)
	case r.URL.Path == goneNamespace+"/pods" && r.Method == http.MethodGet:
		answer(map[string]any{"kind": "PodList", "apiVersion": "v1", "items": items(goneNamespace + "/pods/")})
	case r.Method == http.MethodGet && slices.Contains([]string{"configmaps", "statefulsets", "deployments", "replicasets", "persistentvolumeclaims"}, path.Base(r.URL.Path)):
		answer(map[string]any{"kind": "List", "apiVersion": "v1", "items": items(r.URL.Path + "/")})
	case r.URL.Path == "/api/v1/nodes":
		answer(map[string]any{"kind": "NodeList", "apiVersion": "v1", "items": items("/api/v1/nodes/")})
	case !exists:
		w.WriteHeader(http.StatusNotFound)
		answer(map[string]any{"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404})
	case r.Method == http.MethodDelete:
		s.delete(r)
		answer(map[string]any{"kind": "Status", "status": "Success"})
	default:
		answer(s.objects[r.URL.Path])
	}
}

func (s *goneServer) set(path string, o map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects[path] = o
}

func (s *goneServer) delete(r *http.Request) {
	var options struct{ GracePeriodSeconds *int }
	_ = json.NewDecoder(r.Body).Decode(&options)
	if strings.Contains(r.URL.Path, "/pods/") && options.GracePeriodSeconds != nil && *options.GracePeriodSeconds == 0 {
		s.forced = append(s.forced, r.URL.Path)
		delete(s.objects, r.URL.Path)
		for path := range s.objects {
			if strings.Contains(path, "/statefulsets/") {
				delete(s.objects, path)
			}
		}
	}
}

// TestRemoveNamesWhatHolds removes a StatefulSet whose pod is on a node that is off:
// what is waited for is named, and the pod is removed once its grace period is over.
func TestRemoveNamesWhatHolds(t *testing.T) {
	t.Parallel()
	pod := object("v1", "Pod", "broker-0", map[string]any{
		"deletionTimestamp": time.Now().Add(500 * time.Millisecond).UTC().Format(time.RFC3339),
	})
	pod["spec"] = map[string]any{"nodeName": "worker"}
	node := object("v1", "Node", "worker", map[string]any{})
	node["status"] = map[string]any{"conditions": []any{map[string]any{"type": "Ready", "status": "Unknown"}}}
	s, inst := newGoneServer(t, map[string]map[string]any{
		"/apis/apps/v1/namespaces/hellox/statefulsets/broker": object("apps/v1", "StatefulSet", "broker",
			map[string]any{"finalizers": []any{"foregroundDeletion"}}),
		goneNamespace + "/pods/broker-0": pod,
		"/api/v1/nodes/worker":           node,
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var told []string
	did, err := remove(ctx, inst, []kube.Ref{
		{APIVersion: "apps/v1", Kind: "StatefulSet", Namespace: "hellox", Name: "broker"},
		{APIVersion: "gone.example/v1", Kind: "Widget", Namespace: "hellox", Name: "of-a-kind-that-went"},
	}, func(text string) { told = append(told, text) })
	if err != nil {
		t.Fatal(err)
	}
	if want := "waiting for pod broker-0 on node worker, which is not ready"; len(told) == 0 || told[0] != want {
		t.Errorf("progress told %q, want %q", told, want)
	}
	if len(did.forced) != 1 || did.forced[0] != "broker-0 on node worker" || len(s.forced) != 1 {
		t.Errorf("forced %q, %q at the server", did.forced, s.forced)
	}
	if len(did.removed) != 1 {
		t.Errorf("removed %v", did.removed)
	}
}

// An over is a context whose time is over once there is progress: what is held has been
// looked at then, however long that took.
type over struct {
	context.Context
	done chan struct{}
	once sync.Once
	told []string
}

func newOver(t *testing.T) *over { return &over{Context: t.Context(), done: make(chan struct{})} }

func (o *over) progress(text string) {
	o.told = append(o.told, text)
	o.once.Do(func() { close(o.done) })
}

func (o *over) Done() <-chan struct{} { return o.done }

func (o *over) Err() error {
	select {
	case <-o.done:
		return context.DeadlineExceeded
	default:
		return o.Context.Err()
	}
}

// TestRemoveNamesFinalizer ends by its deadline, and says which finalizer held what.
func TestRemoveNamesFinalizer(t *testing.T) {
	t.Parallel()
	_, inst := newGoneServer(t, map[string]map[string]any{
		goneNamespace + "/configmaps/held": object("v1", "ConfigMap", "held", map[string]any{"finalizers": []any{"example.com/hold"}}),
	})
	over := newOver(t)
	_, err := remove(over, inst, []kube.Ref{{APIVersion: "v1", Kind: "ConfigMap", Namespace: "hellox", Name: "held"}}, over.progress)
	const what = "ConfigMap held (finalizer example.com/hold)"
	e := new(step.Error)
	if !errors.As(err, &e) || !strings.Contains(e.Sentence, what) || !strings.Contains(e.Hint, "kubectl --context kind-hellox --namespace hellox patch configmap held") {
		t.Errorf("the error is %#v", err)
	}
}

// A namespace that is being deleted and does not go names the object in it whose
// finalizer holds it, with the command that releases it: once, in up, down and status.
func TestNamespaceHeldByFinalizer(t *testing.T) {
	t.Parallel()
	namespace := object("v1", "Namespace", "hellox", map[string]any{"deletionTimestamp": "2026-08-30T14:02:11Z"})
	delete(namespace["metadata"].(map[string]any), "namespace")
	namespace["status"] = map[string]any{"conditions": []any{
		map[string]any{"type": "NamespaceContentRemaining", "status": "True", "message": "Some resources are remaining: configmaps. has 2 resource instances, widgets.example.com has 1 resource instances"},
		map[string]any{"type": "NamespaceFinalizersRemaining", "status": "True", "message": "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"},
	}}
	_, inst := newGoneServer(t, map[string]map[string]any{
		goneNamespace:                      namespace,
		goneNamespace + "/configmaps/held": object("v1", "ConfigMap", "held", map[string]any{"finalizers": []any{"example.com/hold"}}),
		goneNamespace + "/configmaps/free": object("v1", "ConfigMap", "free", map[string]any{}),
	})
	const what = "ConfigMap held (finalizer example.com/hold) in it"
	ask := map[string]func(*over) error{
		"up":   func(ctx *over) error { _, err := inst.EnsureNamespace(ctx, ctx.progress); return err },
		"down": func(ctx *over) error { return inst.RemoveNamespace(ctx, ctx.progress) },
		"status": func(ctx *over) error {
			_, err := ReadStatus(ctx, kube.Config{Config: inst.client.Config, Commands: inst.client.Commands}, "hellox")
			return err
		},
	}
	for name, ask := range ask {
		err := ask(newOver(t))
		e := new(step.Error)
		if !errors.As(err, &e) || strings.Count(err.Error(), what) != 1 || strings.Count(err.Error(), "amespace hellox") > 2 || !strings.HasPrefix(e.Hint, "kubectl --context kind-hellox --namespace hellox patch configmap held") {
			t.Errorf("%s: %v, %+v", name, err, e)
		}
	}
}

// TestRemoveFolds: what is waited for has two lines of a terminal at most, whatever holds
// the removal and however much of it there is.
func TestRemoveFolds(t *testing.T) {
	t.Parallel()
	objects := map[string]map[string]any{}
	var refs []kube.Ref
	for _, name := range []string{"one", "two", "three", "four", "five", "six", "seven"} {
		name = "settings-of-the-press-in-hall-" + name
		objects[goneNamespace+"/configmaps/"+name] = object("v1", "ConfigMap", name, map[string]any{"finalizers": []any{"example.com/hold"}})
		refs = append(refs, kube.Ref{APIVersion: "v1", Kind: "ConfigMap", Namespace: "hellox", Name: name})
	}
	_, inst := newGoneServer(t, objects)
	over := newOver(t)
	_, err := remove(over, inst, refs, over.progress)
	told := over.told
	if len(told) == 0 || utf8.RuneCountInString(told[0]) > maxProgress || !strings.HasPrefix(told[0], "waiting for ConfigMap settings-of-the-press-in-hall-five (finalizer") {
		t.Errorf("progress told %q", told)
	}
	if err == nil || !strings.Contains(err.Error(), " and 4 more") {
		t.Errorf("the error is %v", err)
	}
}
