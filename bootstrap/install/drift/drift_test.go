package drift_test

import (
	"encoding/json"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/install/drift"
)

const desired = `{
  "apiVersion": "apps/v1", "kind": "StatefulSet",
  "metadata": {"name": "broker", "namespace": "press", "labels": {"part": "broker"}},
  "spec": {
    "replicas": 1,
    "selector": {"matchLabels": {"part": "broker"}},
    "template": {"spec": {
      "nodeSelector": {"disk": "fast"},
      "containers": [{
        "name": "broker", "image": "hellox:1", "args": ["broker", "--listen=mqtt://127.0.0.1:1883"],
        "ports": [{"name": "mqtts", "containerPort": 8883}, {"name": "ops", "containerPort": 9000}],
        "securityContext": {"readOnlyRootFilesystem": true}
      }],
      "volumes": [{"name": "tmp", "emptyDir": {}}]
    }}
  }
}`

// live is what an API server has of it: with defaults, with what others added, and with
// the owners of the fields.
const live = `{
  "apiVersion": "apps/v1", "kind": "StatefulSet",
  "metadata": {"name": "broker", "namespace": "press", "labels": {"part": "broker", "others": "own"}, "uid": "1", "generation": 2,
    "managedFields": [
      {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status", "fieldsType": "FieldsV1", "fieldsV1": {"f:status": {"f:replicas": {}}}},
      {"manager": "hellox", "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": {
        "f:metadata": {"f:labels": {"f:part": {}}},
        "f:spec": {
          "f:replicas": {},
          "f:selector": {},
          "f:template": {"f:spec": {
            "f:nodeSelector": {},
            "f:containers": {"k:{\"name\":\"broker\"}": {
              ".": {}, "f:name": {}, "f:image": {}, "f:args": {},
              "f:ports": {
                "k:{\"containerPort\":8883,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}, "f:containerPort": {}},
                "k:{\"containerPort\":9000,\"protocol\":\"TCP\"}": {".": {}, "f:name": {}, "f:containerPort": {}}
              },
              "f:securityContext": {"f:readOnlyRootFilesystem": {}}
            }},
            "f:volumes": {"k:{\"name\":\"tmp\"}": {".": {}, "f:name": {}, "f:emptyDir": {}}}
          }}
        }
      }}
    ]},
  "spec": {
    "replicas": 1, "serviceName": "",
    "selector": {"matchLabels": {"part": "broker"}},
    "template": {"spec": {
      "dnsPolicy": "ClusterFirst",
      "nodeSelector": {"disk": "fast"},
      "containers": [{
        "name": "broker", "image": "hellox:1", "args": ["broker", "--listen=mqtt://127.0.0.1:1883"],
        "ports": [{"name": "mqtts", "containerPort": 8883, "protocol": "TCP"}, {"name": "ops", "containerPort": 9000, "protocol": "TCP"}],
        "securityContext": {"readOnlyRootFilesystem": true}
      }],
      "volumes": [{"name": "tmp", "emptyDir": {}}]
    }}
  },
  "status": {"replicas": 1}
}`

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}

// TestNone changes one thing at a time, of the object or of the manifests.
func TestNone(t *testing.T) {
	for name, c := range map[string]struct {
		live, desired [2]string // what is put in the place of what
		none          bool
	}{
		"nothing":                           {none: true},
		"another label of others":           {live: [2]string{`"others": "own"`, `"others": "theirs"`}, none: true},
		"a default is another":              {live: [2]string{`"ClusterFirst"`, `"Default"`}, none: true},
		"a value changed by hand":           {live: [2]string{`"replicas": 1, "serviceName"`, `"replicas": 3, "serviceName"`}},
		"a text changed by hand":            {live: [2]string{`"image": "hellox:1"`, `"image": "hellox:0"`}},
		"an item of a list changed by hand": {live: [2]string{`"broker", "--listen=mqtt://127.0.0.1:1883"]`, `"broker", "--listen=mqtt://0.0.0.0:1883"]`}},
		"an item added by hand":             {live: [2]string{`"broker", "--listen=mqtt://127.0.0.1:1883"]`, `"broker", "--listen=mqtt://127.0.0.1:1883", "--insecure"]`}},
		"an item removed by hand":           {live: [2]string{`, {"name": "ops", "containerPort": 9000, "protocol": "TCP"}`, ``}},
		"a label removed by hand":           {live: [2]string{`"labels": {"part": "broker", "others": "own"}`, `"labels": {"others": "own"}`}},
		"a map removed by hand":             {live: [2]string{`"securityContext": {"readOnlyRootFilesystem": true}`, `"securityContext": null`}},
		"a field that is another's now": {live: [2]string{`"f:replicas": {},
          "f:selector"`, `"f:selector"`}},
		"an atomic map that is another's": {live: [2]string{`"f:nodeSelector": {},`, ``}},
		"never applied by hellox":         {live: [2]string{`"manager": "hellox", "operation": "Apply"`, `"manager": "hellox", "operation": "Update"`}},
		"applied by another":              {live: [2]string{`"manager": "hellox"`, `"manager": "kubectl"`}},
		"owners that cannot be read":      {live: [2]string{`"k:{\"containerPort\":9000,`, `"k:{\"containerPort\":9000,,`}},
		"manifests with another value":    {desired: [2]string{`hellox:1`, `hellox:2`}},
		"manifests without a field":       {desired: [2]string{`"replicas": 1,`, ``}},
		"manifests without a port":        {desired: [2]string{`, {"name": "ops", "containerPort": 9000}`, ``}},
		"manifests without a name of one": {desired: [2]string{`{"name": "ops", "containerPort": 9000}`, `{"containerPort": 9000}`}},
		"manifests with one more field":   {desired: [2]string{`"replicas": 1,`, `"replicas": 1, "serviceName": "",`}},
		"manifests with one more item":    {desired: [2]string{`{"name": "tmp", "emptyDir": {}}`, `{"name": "tmp", "emptyDir": {}}, {"name": "more", "emptyDir": {}}`}},
		"manifests that remove a field":   {desired: [2]string{`"replicas": 1,`, `"replicas": 1, "minReadySeconds": null,`}},
		"manifests in another order":      {desired: [2]string{`[{"name": "mqtts", "containerPort": 8883}, {"name": "ops", "containerPort": 9000}]`, `[{"name": "ops", "containerPort": 9000}, {"name": "mqtts", "containerPort": 8883}]`}},
	} {
		one, other := live, desired
		for _, change := range []struct {
			text *string
			in   [2]string
		}{{&one, c.live}, {&other, c.desired}} {
			if !strings.Contains(*change.text, change.in[0]) {
				t.Fatalf("%s: %q is not there", name, change.in[0])
			}
			*change.text = strings.Replace(*change.text, change.in[0], change.in[1], 1)
		}
		if got := drift.None(object(t, other), object(t, one), "hellox"); got != c.none {
			t.Errorf("%s: %t, want %t", name, got, c.none)
		}
	}
}

// TestNoneOfNumbers compares a manifest, whose numbers are read from YAML, with what was
// read from JSON.
func TestNoneOfNumbers(t *testing.T) {
	manifest, there := object(t, desired), object(t, live)
	if err := unstructured.SetNestedField(manifest.Object, int64(1), "spec", "replicas"); err != nil {
		t.Fatal(err)
	}
	if !drift.None(manifest, there, "hellox") {
		t.Error("1 is not 1.0")
	}
}
