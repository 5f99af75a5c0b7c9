package manifests

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// trivyChecks is the version of the checks in Rego that the exceptions are written for.
const trivyChecks = "github.com/aquasecurity/trivy-checks@v1.10.0"

// checksOfKubernetes is how many it has: one that is not asked must not pass.
const checksOfKubernetes = 157

// What is read of a check: its name for OPA, and the kinds of objects that it is for, in
// lower case; all if there are none.
var (
	checkPackage = regexp.MustCompile(`(?m)^package (\S+)$`)
	checkKind    = regexp.MustCompile(`(?m)^# +- kind: (\S+)$`)
)

// A regoChecks is a folder of checks as OPA reads them.
type regoChecks struct {
	dir   string
	asked map[string]int // checks by the kind that they are for; "": for all
}

// newRegoChecks writes the checks, and a rule for each that has it judge the objects that it
// is for, as trivy does. result.new is a function of trivy's, which OPA lacks.
func newRegoChecks(t *testing.T) regoChecks {
	t.Helper()
	p := regoChecks{t.TempDir(), map[string]int{}}
	module, checks := moduleFolder(t, trivyChecks), 0
	rules := "package hellox\n\nimport rego.v1\n\nresult_new(msg, _) := msg\n"
	for _, part := range []string{"checks/kubernetes", "lib/kubernetes", "lib/cloud/metadata.rego"} {
		err := filepath.WalkDir(filepath.Join(module, part), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".rego" || strings.HasSuffix(path, "_test.rego") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if part == "checks/kubernetes" {
				checks++
				rules += p.rule(string(text))
			}
			name := strings.ReplaceAll(strings.TrimPrefix(path, module), string(filepath.Separator), "-")
			return os.WriteFile(filepath.Join(p.dir, name), []byte(strings.ReplaceAll(string(text), "result.new(", "data.hellox.result_new(")), 0o666)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if checks != checksOfKubernetes {
		t.Fatalf("%s has %d checks, want %d", trivyChecks, checks, checksOfKubernetes)
	}
	if err := os.WriteFile(filepath.Join(p.dir, "hellox.rego"), []byte(rules), 0o666); err != nil {
		t.Fatal(err)
	}
	return p
}

// rule is that of one check.
func (c regoChecks) rule(check string) string {
	name, condition := checkPackage.FindStringSubmatch(check)[1], ""
	var kinds []string
	for _, m := range checkKind.FindAllStringSubmatch(check, -1) {
		kinds = append(kinds, fmt.Sprintf("%q", m[1]))
		c.asked[m[1]]++
	}
	if len(kinds) > 0 {
		condition = "lower(object.kind) in {" + strings.Join(kinds, ", ") + "}"
	} else {
		c.asked[""]++
	}
	id := name[strings.LastIndexByte(name, '.')+1:]
	return fmt.Sprintf("\nfound contains [name, %q, msg] if {\n\tsome name, object in data.objects\n\t%s\n\tsome msg in data.%s.deny with input as object\n}\n", id, condition, name)
}

// A denial is what one check says of one object.
type denial struct{ object, check, sentence string }

// denials are those of objects that have names of their own.
func (c regoChecks) denials(t *testing.T, objects map[string]*unstructured.Unstructured) (found []denial) {
	t.Helper()
	all := map[string]any{}
	for name, u := range objects {
		all[name] = u.Object
	}
	text, err := json.Marshal(map[string]any{"objects": all})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "objects.json")
	if err := os.WriteFile(file, text, 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool(t, "opa", "github.com/open-policy-agent/opa@v1.22.2"), "eval", "--format", "json", "--data", c.dir, "--data", file, "data.hellox.found")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	var answer struct {
		Result []struct{ Expressions []struct{ Value [][3]string } }
	}
	if err == nil {
		err = json.Unmarshal(out, &answer)
	}
	if err != nil || len(answer.Result) != 1 {
		t.Fatalf("opa: %v\n%s%s", err, said.String(), out)
	}
	for _, f := range answer.Result[0].Expressions[0].Value {
		found = append(found, denial{f[0], f[1], f[2]})
	}
	return found
}

// TestPolicyChecks asks all checks of Kubernetes that trivy has about every object of
// every overlay; what they object to has a reason in testdata/findings.txt.
func TestPolicyChecks(t *testing.T) {
	p, reasons := newRegoChecks(t), exceptions(t, true)
	objects := map[string]*unstructured.Unstructured{}
	for overlay, all := range everyOverlay(t) {
		for _, u := range all {
			objects[overlay+" "+u.GetKind()+"/"+u.GetName()] = u
		}
	}
	found := map[string]bool{}
	for _, d := range p.denials(t, objects) {
		overlay, object, _ := strings.Cut(d.object, " ")
		f := d.check + " " + object
		if found[f] = true; reasons[f] == "" {
			t.Errorf("%s: %s, without a reason in testdata/findings.txt: %s", overlay, f, d.sentence)
		}
	}
	for f := range reasons {
		if !found[f] {
			t.Errorf("%s has a reason, and is no finding", f)
		}
	}
	t.Logf("%d checks, %d of them for workloads and %d for all objects, asked about %d objects: %d findings stay, each with a reason",
		checksOfKubernetes, p.asked["statefulset"], p.asked[""], len(objects), len(found))
}

// The checks must object to each of these, or the test above proves nothing.
func TestPolicyChecksSeeWhatIsWrong(t *testing.T) {
	container := func(change func(c map[string]any)) func(u *unstructured.Unstructured) {
		return func(u *unstructured.Unstructured) { eachContainer(u.Object, change) }
	}
	security := func(field string, value any) func(u *unstructured.Unstructured) {
		return container(func(c map[string]any) { c["securityContext"].(map[string]any)[field] = value })
	}
	set := func(value any, path ...string) func(u *unstructured.Unstructured) {
		return func(u *unstructured.Unstructured) {
			if err := unstructured.SetNestedField(u.Object, value, path...); err != nil {
				t.Fatal(err)
			}
		}
	}
	pod := func(field string, value any) func(u *unstructured.Unstructured) {
		return set(value, "spec", "template", "spec", field)
	}
	wrong := map[string]func(u *unstructured.Unstructured){
		"no limits":            container(func(c map[string]any) { delete(c, "resources") }),
		"privileged":           security("privileged", true),
		"more privileges":      security("allowPrivilegeEscalation", true),
		"a writable root":      security("readOnlyRootFilesystem", false),
		"capabilities":         security("capabilities", map[string]any{"add": []any{"SYS_ADMIN"}}),
		"root":                 pod("securityContext", map[string]any{"runAsUser": int64(0)}),
		"the node's network":   pod("hostNetwork", true),
		"the node's processes": pod("hostPID", true),
		"the node's files":     pod("volumes", []any{map[string]any{"name": "x", "hostPath": map[string]any{"path": "/"}}}),
		"the newest image":     container(func(c map[string]any) { c["image"] = ImageName + ":latest" }),
		"the system namespace": set("kube-system", "metadata", "namespace"),
	}
	base, objects := render(t, Options{Namespace: here, Image: ImageName + ":1"}), map[string]*unstructured.Unstructured{}
	i := slices.IndexFunc(base, func(u *unstructured.Unstructured) bool { return u.GetKind() == "Deployment" })
	for name, change := range wrong {
		objects[name] = base[i].DeepCopy()
		change(objects[name])
	}
	objects["all rights"] = &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": map[string]any{"name": "x", "namespace": here},
		"rules": []any{map[string]any{"apiGroups": []any{"*"}, "resources": []any{"*"}, "verbs": []any{"*"}}},
	}}
	reasons, seen := exceptions(t, true), map[string]bool{}
	for _, d := range newRegoChecks(t).denials(t, objects) {
		if u := objects[d.object]; reasons[d.check+" "+u.GetKind()+"/"+u.GetName()] == "" {
			seen[d.object] = true
		}
	}
	for name := range objects {
		if !seen[name] {
			t.Errorf("%s: no check objects", name)
		}
	}
}
