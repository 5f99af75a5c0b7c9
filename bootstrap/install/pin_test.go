package install_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/manifests"
)

// What minikube's API server says of its storage: one class, of its own provisioner,
// whose pod runs on the first node of two.
func minikubeStorage(t *testing.T, provisioner string) kube.Config {
	t.Helper()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/apis/storage.k8s.io/v1/storageclasses":
			_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "storage.k8s.io/v1", "kind": "StorageClassList", "items": []any{
				map[string]any{"metadata": map[string]any{"name": "standard", "annotations": map[string]any{"storageclass.kubernetes.io/is-default-class": "true"}}, "provisioner": provisioner},
				map[string]any{"metadata": map[string]any{"name": "csi"}, "provisioner": "hostpath.csi.k8s.io"},
			}})
		case "/api/v1/namespaces/kube-system/pods/storage-provisioner":
			_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "storage-provisioner"}, "spec": map[string]any{"nodeName": "twin"}})
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(api.Close)
	return kube.Config{Config: &rest.Config{Host: api.URL}}
}

// On a minikube of two nodes a pod that is not root can write to its volume on the
// first one alone: what has a volume runs there, and nothing else is bound to a node.
func TestPinToStorage(t *testing.T) {
	render := func(edit func(*unstructured.Unstructured)) (objects []*unstructured.Unstructured) {
		t.Helper()
		objects, err := manifests.Render(manifests.Options{Namespace: "hellox"})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range objects {
			edit(u)
		}
		return objects
	}
	set := func(value string, path ...string) func(*unstructured.Unstructured) {
		return func(u *unstructured.Unstructured) {
			if _, workload, _ := unstructured.NestedMap(u.Object, "spec", "template"); workload {
				_ = unstructured.SetNestedField(u.Object, value, append([]string{"spec", "template", "spec"}, path...)...)
			}
		}
	}
	csi := func(u *unstructured.Unstructured) {
		if u.GetKind() == "PersistentVolumeClaim" {
			_ = unstructured.SetNestedField(u.Object, "csi", "spec", "storageClassName")
		}
	}
	for _, c := range []struct {
		name, provisioner string
		edit              func(*unstructured.Unstructured)
		pinned            []string
	}{
		{"minikube's own storage", "k8s.io/minikube-hostpath", func(*unstructured.Unstructured) {}, []string{"receive", "broker"}},
		{"another storage", "rancher.io/local-path", func(*unstructured.Unstructured) {}, nil},
		{"the history in another class", "k8s.io/minikube-hostpath", csi, []string{"broker"}},
		{"an overlay that selects nodes", "k8s.io/minikube-hostpath", set("fast", "nodeSelector", "disk"), nil},
		{"an overlay that names a node", "k8s.io/minikube-hostpath", set("twin-m02", "nodeName"), nil},
	} {
		inst, err := install.New(minikubeStorage(t, c.provisioner), "hellox")
		if err != nil {
			t.Fatal(err)
		}
		objects := render(c.edit)
		pinned, node, err := install.PinToStorage(t.Context(), inst, objects, "another")
		if err != nil || !slices.Equal(pinned, c.pinned) || len(pinned) > 0 && node != "twin" {
			t.Errorf("%s: pinned %q to %q, %v", c.name, pinned, node, err)
		}
		for _, u := range objects {
			selector, _, _ := unstructured.NestedStringMap(u.Object, "spec", "template", "spec", "nodeSelector")
			if want := slices.Contains(c.pinned, u.GetName()) && (u.GetKind() == "Deployment" || u.GetKind() == "StatefulSet"); (selector["kubernetes.io/hostname"] == "twin") != want {
				t.Errorf("%s: %s %s selects %v", c.name, u.GetKind(), u.GetName(), selector)
			}
		}
	}
}
