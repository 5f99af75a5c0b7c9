package manifests

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"sigs.k8s.io/yaml"
)

// certManager is the version whose schemas the component is held to.
const certManager = "github.com/cert-manager/cert-manager@v1.21.2"

// moduleFolder is where a module is. It is fetched as a tool would be, and is in no
// go.mod: what is needed of it are a few files.
func moduleFolder(t *testing.T, name string) string {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", name)
	cmd.Dir = t.TempDir() // beyond this module, whose go.mod does not name it
	out, err := cmd.Output()
	var module struct{ Dir string }
	if err == nil {
		err = json.Unmarshal(out, &module)
	}
	if err == nil {
		return module.Dir
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("go mod download %s: %v\n%s; CI must have it", name, err, out)
	}
	t.Skipf("go mod download %s: %v", name, err)
	return ""
}

// schemaOf is that of a kind of cert-manager, strict: a field that it does not name is an
// error, where the API server would drop it without a word.
func schemaOf(t *testing.T, dir, plural string) *openapi3.Schema {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "deploy", "crds", "cert-manager.io_"+plural+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var definition struct {
		Spec struct {
			Versions []struct {
				Name   string
				Served bool
				Schema struct {
					OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &definition); err != nil {
		t.Fatal(err)
	}
	for _, v := range definition.Spec.Versions {
		if v.Name != "v1" || !v.Served {
			continue
		}
		properties := v.Schema.OpenAPIV3Schema["properties"].(map[string]any)
		delete(properties, "metadata") // Kubernetes's own
		for _, p := range properties {
			closeSchema(p)
		}
		plain, err := json.Marshal(v.Schema.OpenAPIV3Schema)
		if err != nil {
			t.Fatal(err)
		}
		s := new(openapi3.Schema)
		if err := s.UnmarshalJSON(plain); err != nil {
			t.Fatal(err)
		}
		return s
	}
	t.Fatalf("%s of %s has no version v1", plural, certManager)
	return nil
}

// closeSchema allows no other properties than those that a schema names.
func closeSchema(schema any) {
	s, ok := schema.(map[string]any)
	if !ok {
		return
	}
	properties, _ := s["properties"].(map[string]any)
	if properties != nil && s["additionalProperties"] == nil && s["x-kubernetes-preserve-unknown-fields"] == nil {
		s["additionalProperties"] = false
	}
	for _, p := range properties {
		closeSchema(p)
	}
	closeSchema(s["items"])
	closeSchema(s["additionalProperties"])
}

// The objects of the component cert-manager are what its own definitions allow; it is not
// run here.
func TestCertManagerSchema(t *testing.T) {
	dir := moduleFolder(t, certManager)
	schemas := map[string]*openapi3.Schema{"Certificate": schemaOf(t, dir, "certificates"), "Issuer": schemaOf(t, dir, "issuers")}
	seen := map[string]int{}
	for _, u := range everyOverlay(t)["cert-manager"] {
		s := schemas[u.GetKind()]
		if s == nil {
			continue
		}
		seen[u.GetKind()]++
		if err := s.VisitJSON(u.Object); err != nil {
			t.Errorf("%s %s: %v", u.GetKind(), u.GetName(), err)
		}
		spoilt := u.DeepCopy()
		spoilt.Object["spec"].(map[string]any)["secretname"] = "broker-tls"
		if s.VisitJSON(spoilt.Object) == nil {
			t.Errorf("%s %s with a misspelt field is allowed", u.GetKind(), u.GetName())
		}
		wrong := u.DeepCopy()
		wrong.Object["spec"] = map[string]any{"dnsNames": "broker", "ca": "authority"}
		if s.VisitJSON(wrong.Object) == nil {
			t.Errorf("%s %s with fields of another type is allowed", u.GetKind(), u.GetName())
		}
	}
	if seen["Certificate"] != 2 || seen["Issuer"] != 2 {
		t.Errorf("the component has %v, want 2 Certificates and 2 Issuers", seen)
	}
}
