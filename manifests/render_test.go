package manifests

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

var update = flag.Bool("update", false, "write the golden files anew")

func render(t *testing.T, o Options) []*unstructured.Unstructured {
	t.Helper()
	objects, err := Render(o)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func TestRenderGolden(t *testing.T) {
	three := 3
	objects := render(t, Options{Namespace: "press", Image: "hellox.local/hellox:4f1c9a2e", Broadcasters: &three})
	got, err := YAML(objects)
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "press.yaml")
	if *update {
		if err := os.WriteFile(golden, got, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("rendered differs from %s (go test ./manifests -update writes it anew):\n%s", golden, diff)
	}
}

// Every object must be found again by its label, or `down` leaves it behind.
func TestEverythingIsMarked(t *testing.T) {
	for _, u := range render(t, Options{Namespace: "press"}) {
		name := u.GetKind() + " " + u.GetName()
		if got := u.GetLabels()[InstallationLabel]; got != "press" {
			t.Errorf("%s: label %s is %q", name, InstallationLabel, got)
		}
		if u.GetKind() != "Namespace" && u.GetNamespace() != "press" {
			t.Errorf("%s is in namespace %q", name, u.GetNamespace())
		}
		if u.GetKind() == "Namespace" && u.GetName() != "press" {
			t.Errorf("%s is not renamed", name)
		}
		template, found, err := unstructured.NestedStringMap(u.Object, "spec", "template", "metadata", "labels")
		if err != nil {
			t.Fatal(err)
		}
		if found && template[InstallationLabel] != "press" {
			t.Errorf("%s: pod template has labels %v", name, template)
		}
		claims, _, err := unstructured.NestedSlice(u.Object, "spec", "volumeClaimTemplates")
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range claims {
			labels, _, _ := unstructured.NestedStringMap(c.(map[string]any), "metadata", "labels")
			if labels[InstallationLabel] != "press" {
				t.Errorf("%s: volume claim template has labels %v", name, labels)
			}
		}
	}
}

// What one installation selects must not select another's pods or be given
// away by a selector that forgets the component.
func TestSelectorsNameTheComponent(t *testing.T) {
	for _, u := range render(t, Options{Namespace: "press"}) {
		path := []string{"spec", "selector"}
		if u.GetKind() != "Service" {
			path = append(path, "matchLabels")
		}
		selector, found, err := unstructured.NestedStringMap(u.Object, path...)
		if err != nil {
			t.Fatal(err)
		}
		if found && selector["app.kubernetes.io/component"] != u.GetLabels()["app.kubernetes.io/component"] {
			t.Errorf("%s %s selects %v", u.GetKind(), u.GetName(), selector)
		}
	}
}

func TestEjectedRendersTheSame(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mine")
	if err := Eject(dir, OneNode); err != nil {
		t.Fatal(err)
	}
	two := 2
	want := render(t, Options{Namespace: "press", Image: "hellox.local/hellox:1", Broadcasters: &two})
	got := render(t, Options{Namespace: "press", Image: "hellox.local/hellox:1", Broadcasters: &two, Overlay: dir})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ejected differs:\n%s", diff)
	}
	if err := Eject(dir, OneNode); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("second eject: %v", err)
	}
}

func TestOverlayChanges(t *testing.T) {
	dir := t.TempDir()
	if err := Eject(dir, OneNode); err != nil {
		t.Fatal(err)
	}
	kustomization := filepath.Join(dir, "kustomization.yaml")
	text, err := os.ReadFile(kustomization)
	if err != nil {
		t.Fatal(err)
	}
	// The examples that stand in the file as comments must work as they are.
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "# patches:") || strings.HasPrefix(line, "# components:") || strings.HasPrefix(line, "#  ") {
			lines[i] = strings.TrimPrefix(line, "# ")
		}
	}
	if err := os.WriteFile(kustomization, []byte(strings.Join(lines, "\n")), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, u := range render(t, Options{Namespace: "press", Overlay: dir}) {
		if u.GetKind() != "StatefulSet" || u.GetName() != "broker" {
			continue
		}
		containers, _, _ := unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers")
		memory, _, _ := unstructured.NestedString(containers[0].(map[string]any), "resources", "limits", "memory")
		if memory != "512Mi" {
			t.Errorf("memory limit %q, want the overlay's", memory)
		}
		return
	}
	t.Error("no broker")
}

func TestRenderNamesTheOverlayThatIsWrong(t *testing.T) {
	dir := t.TempDir()
	_, err := Render(Options{Namespace: "press", Overlay: dir})
	if err == nil || !strings.Contains(err.Error(), dir+" holds no kustomization.yaml") {
		t.Errorf("error %v", err)
	}
}
