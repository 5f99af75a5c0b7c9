package install

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/install/cause"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
)

func TestPodStatusJSON(t *testing.T) {
	got, err := json.Marshal([]PodStatus{{Name: "broker-0", State: "ready", Since: time.Date(2026, 8, 30, 16, 2, 11, 0, time.FixedZone("", 2*3600)), Image: "i"}})
	const want = `[{"name":"broker-0","state":"ready","restarts":0,"image":"i","since":"2026-08-30T14:02:11.000000000Z"}]`
	if err != nil || string(got) != want {
		t.Errorf("got  %s, %v\nwant %s", got, err, want)
	}
}

// An installation of which a down has removed a part is not ready, though what is left
// of it is.
func TestStatusOfHalfAnInstallation(t *testing.T) {
	t.Parallel()
	workload := func(kind, name string, metadata map[string]any) map[string]any {
		u := object("apps/v1", kind, name, metadata)
		u["spec"] = map[string]any{"replicas": 0}
		u["status"] = map[string]any{}
		return u
	}
	inventory := object("v1", "ConfigMap", inventoryName, map[string]any{"resourceVersion": "7"})
	inventory["data"] = map[string]any{inventoryKey: `{"version":1,"objects":[{"apiVersion":"apps/v1","kind":"StatefulSet","name":"broker"},` +
		`{"apiVersion":"apps/v1","kind":"StatefulSet","name":"receive"},{"apiVersion":"apps/v1","kind":"StatefulSet","name":"broadcast"},{"apiVersion":"v1","kind":"Service","name":"web"}]}`}
	const sets = "/apis/apps/v1/namespaces/hellox/statefulsets/"
	s, inst := newGoneServer(t, map[string]map[string]any{
		goneNamespace + "/configmaps/" + inventoryName: inventory,
		sets + "broker":  workload("StatefulSet", "broker", map[string]any{}),
		sets + "receive": workload("StatefulSet", "receive", map[string]any{"deletionTimestamp": "2026-08-30T14:02:11Z"}),
	})
	got, err := ReadStatus(t.Context(), kube.Config{Config: inst.client.Config, Commands: inst.client.Commands}, "hellox")
	if err != nil || got.Ready || !slices.Equal(got.Missing, []string{"broadcast", "receive"}) {
		t.Errorf("a part is missing: %+v, %v", got, err)
	}
	s.set(sets+"receive", workload("StatefulSet", "receive", map[string]any{}))
	s.set(sets+"broadcast", workload("StatefulSet", "broadcast", map[string]any{}))
	got, err = ReadStatus(t.Context(), kube.Config{Config: inst.client.Config, Commands: inst.client.Commands}, "hellox")
	if err != nil || !got.Ready || len(got.Missing) > 0 {
		t.Errorf("whole: %+v, %v", got, err)
	}
}

// What a down --keep-data has left is told: what it is, and what uses and removes it.
func TestStatusOfKeptData(t *testing.T) {
	t.Parallel()
	claim := func(name, size string) map[string]any {
		u := object("v1", "PersistentVolumeClaim", name, map[string]any{})
		u["status"] = map[string]any{"capacity": map[string]any{"storage": size}}
		return u
	}
	inventory := object("v1", "ConfigMap", inventoryName, map[string]any{"resourceVersion": "7"})
	s, inst := newGoneServer(t, map[string]map[string]any{
		goneNamespace + "/configmaps/" + inventoryName:          inventory,
		goneNamespace + "/persistentvolumeclaims/history":       claim("history", "2Gi"),
		goneNamespace + "/persistentvolumeclaims/data-broker-0": claim("data-broker-0", "1Gi"),
	})
	for text, want := range map[string]string{
		`{"version":1,"objects":[],"data_only":true}`: "only its data is left in namespace hellox, the history and the queues that --keep-data has kept: PersistentVolumeClaim data-broker-0 (1Gi), history (2Gi)",
		`{"version":1,"objects":[]}`:                  "there is no installation in namespace hellox",
	} {
		inventory["data"] = map[string]any{inventoryKey: text}
		s.set(goneNamespace+"/configmaps/"+inventoryName, inventory)
		_, err := ReadStatus(t.Context(), kube.Config{Config: inst.client.Config, Commands: inst.client.Commands}, "hellox")
		e, ok := errors.AsType[*step.Error](err)
		if !ok || e.Kind != step.Missing || e.Sentence != want || strings.Contains(e.Hint, "hellox down") != strings.Contains(want, "its data") {
			t.Errorf("%s: %v, %+v", text, err, e)
		}
	}
}

// TestStatusOfOwnWorkloads: of two workloads of the user's own, which have no role, each has
// its pods and not those of the other.
func TestStatusOfOwnWorkloads(t *testing.T) {
	var objects []*unstructured.Unstructured
	var pods []*corev1.Pod
	for _, name := range []string{"say", "listen", "saying"} {
		u := anObject("Deployment", name, map[string]any{"spec": map[string]any{
			"replicas": int64(1), "selector": map[string]any{"matchLabels": map[string]any{"app": name}},
		}})
		u.SetLabels(nil)
		objects = append(objects, u)
		pods = append(pods, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name + "-1", Labels: map[string]string{"app": name}}})
	}
	workloads, err := workloadsOf(objects, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range statusOf("hellox", view{workloads: workloads, pods: pods}).Roles {
		if len(role.Pods) != 1 || role.Pods[0].Name != role.Role+"-1" {
			t.Errorf("%q has the pods %+v", role.Role, role.Pods)
		}
	}
	causes := []*cause.Cause{{Pod: "say-1", Text: "why not"}}
	if got, want := progressOf(workloads, causes), "listen 0/1, say 0/1 (why not), saying 0/1"; got != want {
		t.Errorf("the progress is %q, want %q", got, want)
	}
}
