package manifests

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
)

// press is a workload of a user's own, with labels as others choose them.
const press = `apiVersion: apps/v1
kind: Deployment
metadata: {name: press, labels: {app.kubernetes.io/instance: press-1}}
spec:
  selector: {matchLabels: {app.kubernetes.io/instance: press-1}}
  template:
    metadata: {labels: {app.kubernetes.io/instance: press-1}}
    spec:
      containers:
        - {name: press, image: press, args: [--broker, 'mqtt://broker:1883']}
`

// folderOf writes files, by name, into a new folder.
func folderOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "mine")
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func names(objects []*unstructured.Unstructured) (names []string) {
	for _, u := range objects {
		names = append(names, u.GetKind()+" "+u.GetName())
	}
	slices.Sort(names)
	return names
}

func find(t *testing.T, objects []*unstructured.Unstructured, kind, name string) map[string]any {
	t.Helper()
	for _, u := range objects {
		if u.GetKind() == kind && u.GetName() == name {
			return u.Object
		}
	}
	t.Fatalf("no %s %s among %v", kind, name, names(objects))
	return nil
}

// Manifests that are the user's own get a broker and a receiver beside them, and
// keep their own labels.
func TestOwnManifests(t *testing.T) {
	dir := folderOf(t, map[string]string{"kustomization.yaml": "resources: [press.yaml]\n", "press.yaml": press})
	two := 2
	objects := render(t, Options{Namespace: "plant", Image: "hellox.local/hellox:1", Broadcasters: &two, Overlay: dir})
	want := []string{
		"Deployment press", "Deployment receive", "Namespace plant", "PersistentVolumeClaim history", "Service broker",
		"Service broker-pods", "Service receive-pods", "ServiceAccount broker", "ServiceAccount receive", "StatefulSet broker",
	}
	if got := names(objects); !slices.Equal(got, want) {
		t.Errorf("rendered %v, want %v", got, want)
	}
	for _, u := range objects {
		if u.GetLabels()[InstallationLabel] != "plant" || u.GetKind() != "Namespace" && u.GetNamespace() != "plant" {
			t.Errorf("%s %s is in namespace %q with labels %v", u.GetKind(), u.GetName(), u.GetNamespace(), u.GetLabels())
		}
	}
	labels, _, _ := unstructured.NestedStringMap(find(t, objects, "Deployment", "press"), "spec", "template", "metadata", "labels")
	if labels["app.kubernetes.io/instance"] != "press-1" || labels[InstallationLabel] != "plant" {
		t.Errorf("the pods' labels are %v: the selector does not find them, or down does not", labels)
	}
	for key := range (&unstructured.Unstructured{Object: find(t, objects, "Namespace", "plant")}).GetLabels() {
		if strings.HasPrefix(key, "pod-security.kubernetes.io/") {
			t.Errorf("the namespace of a user's own manifests has label %s", key)
		}
	}
}

// An overlay on the base with something of the user's beside it stays one.
func TestOverlayWithMore(t *testing.T) {
	dir := t.TempDir()
	if err := Eject(dir, OneNode); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"kustomization.yaml": "resources: [base, press.yaml]\ncomponents: [components/storage-class]\n", "press.yaml": press,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	objects := render(t, Options{Namespace: "plant", Overlay: dir})
	if want := len(render(t, Options{Namespace: "plant"})) + 1; len(objects) != want {
		t.Errorf("%d objects, want %d: %v", len(objects), want, names(objects))
	}
	class, _, _ := unstructured.NestedString(find(t, objects, "PersistentVolumeClaim", "history"), "spec", "storageClassName")
	claims, _, _ := unstructured.NestedSlice(find(t, objects, "StatefulSet", "broker"), "spec", "volumeClaimTemplates")
	broker, _, _ := unstructured.NestedString(claims[0].(map[string]any), "spec", "storageClassName")
	if class != "standard" || broker != "standard" {
		t.Errorf("storage classes %q and %q, want the component's", class, broker)
	}
}

// The page beyond loopback: a listener with a certificate beside the one on
// loopback, a Service, and a node's port or an Ingress.
func TestPageBeyondLoopback(t *testing.T) {
	plain := len(render(t, Options{Namespace: "plant"}))
	for component, more := range map[string]int{"page-nodeport": 2, "page-ingress": 3} {
		dir := t.TempDir()
		if err := Eject(dir, OneNode); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte("resources: [base]\ncomponents: [components/"+component+"]\n"), 0o666); err != nil {
			t.Fatal(err)
		}
		objects := render(t, Options{Namespace: "plant", Overlay: dir})
		if len(objects) != plain+more {
			t.Errorf("%s: %d objects more, want %d: %v", component, len(objects)-plain, more, names(objects))
		}
		containers, _, _ := unstructured.NestedSlice(find(t, objects, "Deployment", "receive"), "spec", "template", "spec", "containers")
		var args []string
		for _, a := range containers[0].(map[string]any)["args"].([]any) {
			args = append(args, a.(string))
		}
		for _, want := range []string{"--listen=127.0.0.1:8420", "--listen=0.0.0.0:8443", "--tls-cert=/tls/tls.crt", "--tls-key=/tls/tls.key"} {
			if !slices.Contains(args, want) {
				t.Errorf("%s: %v, without %s", component, args, want)
			}
		}
		kind, _, _ := unstructured.NestedString(find(t, objects, "Service", "page"), "spec", "type")
		if (kind == "NodePort") != (component == "page-nodeport") {
			t.Errorf("%s: the Service has type %q", component, kind)
		}
		for _, o := range objects { // by the types of Kubernetes, a field that they do not know is wrong
			typed, err := scheme.Scheme.New(o.GroupVersionKind())
			if err == nil {
				err = runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, typed, true)
			}
			if err != nil {
				t.Errorf("%s: %s %s: %v", component, o.GetKind(), o.GetName(), err)
			}
		}
	}
}

// What a user gets wrong in a folder is told in one sentence, with the file.
func TestFolderErrors(t *testing.T) {
	const config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
	for name, c := range map[string]struct {
		files          map[string]string
		sentence, hint string
	}{
		"no folder":        {nil, "there is no folder DIR", "hellox manifests --eject DIR"},
		"no kustomization": {map[string]string{"a.yaml": config}, "DIR holds no kustomization.yaml", "echo 'resources: [a.yaml]' > DIR/kustomization.yaml"},
		"nothing":          {map[string]string{"README": ""}, "DIR holds no kustomization.yaml", "hellox manifests --eject DIR"},
		"two":              {map[string]string{"kustomization.yaml": "", "Kustomization": ""}, "DIR holds both Kustomization and kustomization.yaml", ""},
		"no resources":     {map[string]string{"kustomization.yaml": "resources: []\n"}, "DIR renders no objects", "resources: "},
		"file missing":     {map[string]string{"kustomization.yaml": "resources: [a.yaml]\n"}, "DIR/kustomization.yaml names a.yaml, which is not there", "correct the name"},
		"patch missing":    {map[string]string{"kustomization.yaml": "resources: [a.yaml]\npatches: [{path: p.yaml}]\n", "a.yaml": config}, "DIR/kustomization.yaml names p.yaml, which is not there", ""},
		"generated from nothing": {
			map[string]string{"kustomization.yaml": "configMapGenerator: [{name: c, files: [key=acl.txt]}]\n"},
			"DIR/kustomization.yaml names acl.txt, which is not there", "",
		},
		"page":            {map[string]string{"kustomization.yaml": "resources: ['https://example.org/a.yaml']\n"}, "DIR/kustomization.yaml names https://example.org/a.yaml; hellox fetches nothing", "save it in DIR"},
		"unknown field":   {map[string]string{"kustomization.yaml": "resource: [a.yaml]\n"}, `read DIR/kustomization.yaml: json: unknown field "resource"`, ""},
		"not YAML":        {map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: x\n"}, "DIR/a.yaml, line 4: found character that cannot start any token", ""},
		"no kind":         {map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": config + "---\napiVersion: v1\nmetadata: {name: x}\n"}, "DIR/a.yaml, line 5: the object has no kind", ""},
		"no name":         {map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": "apiVersion: v1\nkind: ConfigMap\n"}, "DIR/a.yaml, line 1: the object has no metadata.name", ""},
		"no object":       {map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": "- x\n"}, "DIR/a.yaml, line 1: it is not an object of Kubernetes", ""},
		"twice":           {map[string]string{"kustomization.yaml": "resources: [a.yaml, b.yaml]\n", "a.yaml": config, "b.yaml": config}, "ConfigMap x is in DIR/a.yaml and in DIR/b.yaml", "leave one"},
		"outside":         {map[string]string{"kustomization.yaml": "resources: [../other.yaml]\n", "../other.yaml": config}, "DIR/kustomization.yaml names ../other.yaml, which lies outside its folder", "copy it into DIR"},
		"of the cluster":  {map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: fast}\nprovisioner: x\n"}, "DIR/a.yaml: StorageClass fast belongs to the whole cluster", "kubectl --context NAME apply -f DIR/a.yaml"},
		"other namespace": {map[string]string{"kustomization.yaml": "resources: [a.yaml]\nnamespace: plant\n", "a.yaml": config}, "DIR/a.yaml: ConfigMap x is for namespace plant, and this installation is in namespace hellox", "the same hellox up with --namespace plant"},
		"taken name":      {map[string]string{"kustomization.yaml": "resources: [a.yaml]\n", "a.yaml": "apiVersion: v1\nkind: Service\nmetadata: {name: broker}\nspec: {ports: [{port: 1}]}\n"}, "DIR/a.yaml: Service broker has the name of one that hellox adds", "another name"},
		"patch for nothing": {
			map[string]string{"kustomization.yaml": "resources: [a.yaml]\npatches: [{patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: pres}}'}]\n", "a.yaml": config},
			"a patch in DIR is for Deployment pres, which is not among its resources", "",
		},
		"in a folder below": {map[string]string{"kustomization.yaml": "resources: [below]\n", "below/kustomization.yaml": "resources: [a.yaml]\n"}, "DIR/below/kustomization.yaml names a.yaml, which is not there", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folderOf(t, c.files)
			_, err := Render(Options{Namespace: "hellox", Overlay: dir})
			wrong := (*FolderError)(nil)
			if !errors.As(err, &wrong) {
				t.Fatalf("error %v is no FolderError", err)
			}
			shown := func(text string) string {
				return strings.ReplaceAll(filepath.ToSlash(strings.ReplaceAll(text, dir, "DIR")), "\\", "/")
			}
			if got := shown(wrong.Sentence); !strings.HasPrefix(got, c.sentence) || strings.Count(got, "\n") > 0 {
				t.Errorf("it says %q, want %q", got, c.sentence)
			}
			if got := shown(wrong.Hint()); got == "" || !strings.Contains(got, c.hint) {
				t.Errorf("hint %q, want %q", got, c.hint)
			}
		})
	}
}

// What was built takes the place of the image that the manifests name, in every
// container, and is not looked for in a registry.
func TestBuiltImages(t *testing.T) {
	job := "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: night}\nspec: {schedule: '@daily', jobTemplate: {spec: {template: {spec: {restartPolicy: Never, initContainers: [{name: a, image: press}], containers: [{name: b, image: other:1}]}}}}}\n"
	dir := folderOf(t, map[string]string{"kustomization.yaml": "resources: [press.yaml, job.yaml]\n", "press.yaml": press, "job.yaml": job})
	objects := render(t, Options{Namespace: "plant", Overlay: dir, Images: map[string]string{"press": "hellox.local/built/press:1"}})
	images := map[string]any{}
	for _, kind := range []string{"Deployment press", "CronJob night"} {
		kind, name, _ := strings.Cut(kind, " ")
		eachContainer(find(t, objects, kind, name), func(c map[string]any) {
			images[c["image"].(string)] = c["imagePullPolicy"]
		})
	}
	if len(images) != 2 || images["hellox.local/built/press:1"] != "Never" || images["other:1"] != nil {
		t.Errorf("images and their pull policies: %v", images)
	}
	_, err := Render(Options{Namespace: "plant", Overlay: dir, Images: map[string]string{"stamp": "hellox.local/built/stamp:1"}})
	wrong := (*FolderError)(nil)
	if !errors.As(err, &wrong) || !wrong.Unused || wrong.Hint() != "they run other:1, press" {
		t.Errorf("an image that is not run: %v (%+v)", err, wrong)
	}
}

// The example of docs/own-manifests.md renders with the image that is built of it.
func TestExample(t *testing.T) {
	objects := render(t, Options{Namespace: "hellox", Overlay: filepath.Join("..", "docs", "examples", "press"), Images: map[string]string{"press": "hellox.local/built/press:1"}})
	eachContainer(find(t, objects, "Deployment", "press"), func(c map[string]any) {
		if c["image"] != "hellox.local/built/press:1" || c["imagePullPolicy"] != "Never" {
			t.Errorf("its container is %v", c)
		}
	})
	find(t, objects, "StatefulSet", "broker")
}
