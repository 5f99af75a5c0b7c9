package install_test

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"hellox/bootstrap/install"
)

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := new(unstructured.Unstructured)
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}

// TestDiff names the fields that change, by the names of a list's elements, and none of
// those that the API server keeps for itself.
func TestDiff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, before, after string
		want                []string
	}{
		{"a workload", `
metadata: {name: broker, resourceVersion: "7", generation: 1, uid: a, managedFields: [{manager: hellox}], labels: {a: b}}
spec:
  replicas: 1
  template: {spec: {containers: [{name: other, image: x}, {name: broker, image: "hellox:1", args: [a, b]}]}}
status: {replicas: 1}
`, `
metadata: {name: broker, resourceVersion: "9", generation: 2, uid: b, managedFields: [], labels: {a: b, c: d}}
spec:
  replicas: 2
  template: {spec: {containers: [{name: broker, image: "hellox:2", args: [a, c]}, {name: other, image: x}]}}
status: {replicas: 2}
`, []string{
			`metadata.labels.c: added "d"`,
			`spec.replicas: 1 → 2`,
			`spec.template.spec.containers[broker].args: ["a","b"] → ["a","c"]`,
			`spec.template.spec.containers[broker].image: "hellox:1" → "hellox:2"`,
		}},
		{"nothing but noise", `{metadata: {name: x, resourceVersion: "1"}, data: {a: b}}`, `{metadata: {name: x, resourceVersion: "2"}, data: {a: b}}`, nil},
		{"a container more, a field less", `{spec: {paused: true, containers: [{name: a}]}}`, `{spec: {containers: [{name: a}, {name: b}]}}`,
			[]string{`spec.containers[b]: added {"name":"b"}`, `spec.paused: removed true`}},
		{"a secret", `{kind: Secret, data: {password: b2xk}, type: Opaque}`, `{kind: Secret, data: {password: bmV3}, type: Opaque}`,
			[]string{"data.password: changed (not shown)"}},
		{"a long value", `{data: {a: x}}`, `{data: {a: ` + strings.Repeat("y", 300) + `}}`,
			[]string{`data.a: "x" → "` + strings.Repeat("y", 79) + `… (302 bytes)`}},
	} {
		if got := install.Diff(parse(t, c.before), parse(t, c.after)); !slices.Equal(got, c.want) {
			t.Errorf("%s:\n%s\nwant:\n%s", c.name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}
