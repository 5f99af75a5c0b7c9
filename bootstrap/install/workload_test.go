package install

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"hellox/bootstrap/install/cause"
	"hellox/bootstrap/kube"
)

func anObject(kind, name string, more map[string]any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apps/v1", "kind": kind}}
	for k, v := range more {
		u.Object[k] = v
	}
	u.SetName(name)
	u.SetUID(types.UID(kind + name))
	u.SetLabels(map[string]string{roleLabel: name})
	return u
}

func podOfRevision(role, label, revision string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: role + "-" + revision, Labels: map[string]string{roleLabel: role, label: revision}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
			Name: role, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1}},
		}}},
	}
}

func alone(s cause.Subject) cause.Subject { return s }

// TestFormerPods: what fails of the revision before is replaced, and no cause.
func TestFormerPods(t *testing.T) {
	status := map[string]any{"spec": map[string]any{"replicas": int64(1)}, "status": map[string]any{"updateRevision": "new", "replicas": int64(1)}}
	receive, broker := anObject("Deployment", "receive", status), anObject("StatefulSet", "broker", status)
	receive.SetAnnotations(map[string]string{revisionAnnotation: "2"})
	replicaSet := func(name, revision string) *unstructured.Unstructured {
		rs := anObject("ReplicaSet", "receive", nil)
		rs.SetLabels(map[string]string{deploymentRevision: name})
		rs.SetAnnotations(map[string]string{revisionAnnotation: revision})
		rs.SetOwnerReferences([]metav1.OwnerReference{{UID: receive.GetUID()}})
		return rs
	}
	pods := []*corev1.Pod{
		podOfRevision("receive", deploymentRevision, "old"), podOfRevision("receive", deploymentRevision, "new"),
		podOfRevision("broker", statefulSetRevision, "old"), podOfRevision("broker", statefulSetRevision, "new"),
	}
	for _, c := range []struct {
		name string
		sets []*unstructured.Unstructured
		want string
	}{
		{"both are known", []*unstructured.Unstructured{replicaSet("old", "1"), replicaSet("new", "2")}, "broker-new receive-new"},
		{"the new ReplicaSet is not there yet", []*unstructured.Unstructured{replicaSet("old", "1")}, "broker-new"},
	} {
		workloads, err := workloadsOf([]*unstructured.Unstructured{receive, broker}, c.sets)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, cause := range causesOf(kube.Commands{}, workloads, pods, nil, alone) {
			names = append(names, cause.Pod)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%s: causes of %q, want %q", c.name, got, c.want)
		}
	}
}

// TestRefused takes a FailedCreate event for what it is only while pods are missing,
// and only if the workload was not changed since.
func TestRefused(t *testing.T) {
	changed := time.Unix(1000, 0)
	w := workload{uid: "u", name: "broker", role: "broker", want: 1, changed: changed}
	event := func(at int64, message string) cause.Event {
		return cause.Event{Reason: cause.FailedCreate, Message: message, Last: time.Unix(at, 0)}
	}
	events := map[types.UID][]cause.Event{"u": {event(999, "before"), event(1001, "newer"), event(1000, "of the same second")}, "other": {event(2000, "of another")}}
	if got := w.refused(events); got != "newer" {
		t.Errorf("%q", got)
	}
	for _, at := range []int64{999, 1000} {
		if got := w.refused(map[types.UID][]cause.Event{"u": {event(at, "before")}}); got != "" {
			t.Errorf("an event from before the change: %q", got)
		}
	}
	w.total = 1
	if got := w.refused(events); got != "" {
		t.Errorf("all pods are there: %q", got)
	}
}

// TestExpired: a cause stands since its first phase, and anew when it comes back.
func TestExpired(t *testing.T) {
	since := map[string]time.Time{}
	now := time.Unix(0, 0)
	crash := func(reason string) []*cause.Cause {
		return []*cause.Cause{{Pod: "broker-0", Container: "broker", Reason: reason, Crashed: true, Grace: 3 * time.Second}}
	}
	for i, reason := range []string{"Error", "ContainerCreating", "CrashLoopBackOff"} {
		fatal, next := expired(crash(reason), since, now)
		if want := time.Duration(3-i) * time.Second; len(fatal) > 0 || next != want {
			t.Errorf("phase %s: %d fatal, next in %s, want %s", reason, len(fatal), next, want)
		}
		now = now.Add(time.Second)
	}
	if fatal, _ := expired(crash("Error"), since, now); len(fatal) != 1 {
		t.Error("the grace period never ends")
	}
	if _, next := expired(nil, since, now); next != 0 || len(since) > 0 {
		t.Errorf("healed: next in %s, %v", next, since)
	}
	if fatal, _ := expired(crash("Error"), since, now); len(fatal) > 0 {
		t.Error("the former crash counts")
	}
}

// TestAlike says once what several pods have in common.
func TestAlike(t *testing.T) {
	causes := []*cause.Cause{{Pod: "a-0", Text: "x"}, {Pod: "b-0", Text: "y"}, {Pod: "a-1", Text: "x"}, {Pod: "a-2", Text: "x"}}
	if got := strings.Join(alike(causes), "|"); got != "a-0 and 2 other pods: x|b-0: y" {
		t.Errorf("%q", got)
	}
}
