package manifests

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// tool is the path of a program, in the version that the exceptions are written for;
// .ci/run installs it.
func tool(t *testing.T, name, module string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no %s in the PATH; CI must have it", name)
		}
		t.Skipf("no %s in the PATH: go install %s", name, module)
	}
	return path
}

// findings are what kube-score objects to: CHECK KIND/NAME.
func findings(t *testing.T, objects []*unstructured.Unstructured) (found []string) {
	t.Helper()
	text, err := YAML(objects)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool(t, "kube-score", "github.com/zegl/kube-score/cmd/kube-score@v1.20.0"), "score", "--output-format", "json", "-")
	cmd.Stdin = bytes.NewReader(text)
	out, _ := cmd.Output() // it exits with 1 if it has findings
	var scored []struct {
		TypeMeta   struct{ Kind string } `json:"type_meta"`
		ObjectMeta struct{ Name string } `json:"object_meta"`
		Checks     []struct {
			Check   struct{ ID string }
			Grade   int
			Skipped bool
		}
	}
	if err := json.Unmarshal(out, &scored); err != nil || len(scored) < 3 {
		t.Fatalf("kube-score says of %d objects: %v\n%s", len(scored), err, out)
	}
	const ok = 10
	for _, o := range scored {
		for _, c := range o.Checks {
			if !c.Skipped && c.Grade < ok {
				found = append(found, c.Check.ID+" "+o.TypeMeta.Kind+"/"+o.ObjectMeta.Name)
			}
		}
	}
	return found
}

// ofTrivy is the ID of a check of trivy; those of kube-score are words.
var ofTrivy = regexp.MustCompile(`^(?i)k[sc]v[0-9]+ `)

// exceptions are the findings that stay, of trivy's checks or of kube-score, with their
// reasons.
func exceptions(t *testing.T, trivy bool) map[string]string {
	t.Helper()
	text, err := os.ReadFile("testdata/findings.txt")
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]string{}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0] == "#" || ofTrivy.MatchString(line) != trivy {
			continue
		}
		if len(words) < 5 {
			t.Fatalf("no reason: %s", line)
		}
		reasons[words[0]+" "+words[1]] = strings.Join(words[2:], " ")
	}
	return reasons
}

// everyOverlay renders the base, and the base with each component.
func everyOverlay(t *testing.T) map[string][]*unstructured.Unstructured {
	t.Helper()
	entries, err := embedded.ReadDir("components")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Namespace: here, Image: ImageName + ":1"}
	all := map[string][]*unstructured.Unstructured{"base": render(t, o)}
	all["move"] = append(render(t, Options{Namespace: here, Image: o.Image, ClusterSize: SeveralNodes}), moved(t, MoveOptions{Namespace: here, Image: o.Image, To: SeveralNodes})...)
	for _, e := range entries {
		o.Overlay = overlayWith(t, e.Name())
		all[e.Name()] = render(t, o)
	}
	return all
}

func TestKubeScore(t *testing.T) {
	reasons := exceptions(t, false)
	needed := map[string]bool{}
	for name, objects := range everyOverlay(t) {
		for _, f := range findings(t, objects) {
			if needed[f] = true; reasons[f] == "" {
				t.Errorf("%s: %s, without a reason in testdata/findings.txt", name, f)
			}
		}
	}
	for f := range reasons {
		if !needed[f] {
			t.Errorf("%s has a reason, and is no finding", f)
		}
	}
}

// kube-score must object when one of these is taken away, or the test above proves
// nothing.
func TestKubeScoreSeesWhatIsMissing(t *testing.T) {
	reasons := exceptions(t, false)
	container := func(u *unstructured.Unstructured, change func(c map[string]any)) {
		eachContainer(u.Object, change)
	}
	for name, mutate := range map[string]func(u *unstructured.Unstructured){
		"limits": func(u *unstructured.Unstructured) { container(u, func(c map[string]any) { delete(c, "resources") }) },
		"security": func(u *unstructured.Unstructured) {
			container(u, func(c map[string]any) { delete(c, "securityContext") })
		},
		"readiness": func(u *unstructured.Unstructured) {
			container(u, func(c map[string]any) { delete(c, "readinessProbe") })
		},
		"image's tag": func(u *unstructured.Unstructured) { container(u, func(c map[string]any) { c["image"] = ImageName }) },
		"network policy": func(u *unstructured.Unstructured) {
			if u.GetKind() == "NetworkPolicy" {
				u.Object["spec"].(map[string]any)["podSelector"] = map[string]any{"matchLabels": map[string]any{"app": "nothing"}}
			}
		},
	} {
		objects := render(t, Options{Namespace: here, Image: ImageName + ":1"})
		for _, u := range objects {
			mutate(u)
		}
		if !slices.ContainsFunc(findings(t, objects), func(f string) bool { return reasons[f] == "" }) {
			t.Errorf("without %s: no finding", name)
		}
	}
}
