package manifests

import (
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// jobOf decodes the Job among objects, as strictly as the API server does.
func jobOf(t *testing.T, objects ...*unstructured.Unstructured) batchv1.Job {
	t.Helper()
	var job batchv1.Job
	for _, u := range objects {
		if u.GetKind() != "Job" {
			continue
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u.Object, &job, true); err != nil {
			t.Fatal(err)
		}
		return job
	}
	t.Fatal("there is no Job")
	return job
}

func moved(t *testing.T, o MoveOptions) []*unstructured.Unstructured {
	t.Helper()
	objects, err := Move(o)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// TestMove copies in the right direction, by a pod that is as restricted as the others.
func TestMove(t *testing.T) {
	const streams = "nats://broker-0.broker-pods.$(POD_NAMESPACE).svc:4222,broker-1.broker-pods.$(POD_NAMESPACE).svc:4222,broker-2.broker-pods.$(POD_NAMESPACE).svc:4222"
	for to, want := range map[int][]string{
		SeveralNodes: {historyFile, streams, "--keep=2GiB", "--topic=plant/#"},
		OneNode:      {"--history-ca=/peers/ca.crt", streams, historyFile, "--topic=plant/#"},
	} {
		objects := moved(t, MoveOptions{Namespace: "press", Image: ImageName + ":v2", To: to, Topics: []string{"plant/#"}, Keep: "2GiB"})
		for _, u := range objects {
			if u.GetNamespace() != "press" || u.GetLabels()[InstallationLabel] != "press" {
				t.Errorf("%s %s: in namespace %q, labels %v", u.GetKind(), u.GetName(), u.GetNamespace(), u.GetLabels())
			}
		}
		job := jobOf(t, objects...)
		pod := job.Spec.Template.Spec
		args := pod.Containers[0].Args
		if got := args[len(args)-4:]; !slices.Equal(got, want) {
			t.Errorf("to %d: %q", to, got)
		}
		if pod.Containers[0].Image != ImageName+":v2" || job.Spec.Template.Labels[InstallationLabel] != "press" {
			t.Errorf("to %d: %+v", to, job.Spec.Template)
		}
		if found := violations(t, job.Spec.Template); len(found) > 0 {
			t.Errorf("to %d: %v", to, found)
		}
		if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
			t.Errorf("to %d: the pod gets a token of the API", to)
		}
	}
}

// TestMoveNetwork: what copies reaches the streams and the name server, and nothing reaches
// it but what reads metrics.
func TestMoveNetwork(t *testing.T) {
	nodes := render(t, Options{Namespace: here, ClusterSize: SeveralNodes})
	before := matrix(t, nodes)
	var added []string
	for _, one := range matrix(t, append(nodes, moved(t, MoveOptions{Namespace: here, To: OneNode})...)) {
		if !slices.Contains(before, one) {
			added = append(added, one)
		}
	}
	slices.Sort(added)
	want := []string{"monitoring -> move TCP 9000", "move -> broker TCP 4222", "move -> dns TCP 53", "move -> dns UDP 53"}
	if !slices.Equal(added, want) {
		t.Errorf("reachable besides: %q", added)
	}
}

// TestMoveFile copies the file that the base's receiver has.
func TestMoveFile(t *testing.T) {
	objects := render(t, Options{Namespace: "press"})
	for _, u := range objects {
		if u.GetKind() != "Deployment" || u.GetName() != roleReceive {
			continue
		}
		text, err := YAML([]*unstructured.Unstructured{u})
		if err != nil || !strings.Contains(string(text), "--history="+historyFile) || !strings.Contains(string(text), "claimName: "+HistoryClaim) {
			t.Errorf("the receiver has another history: %v\n%s", err, text)
		}
		if topics := Topics(u); topics != nil {
			t.Errorf("the base has topics %q", topics)
		}
		if keep := Keep(u); keep != "1GiB" { // as hellox receive --help has it
			t.Errorf("the base keeps %s", keep)
		}
		u.Object["spec"].(map[string]any)["template"] = map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"args": []any{"receive", "--topic=a/#", "--topic=b", "--keep=3GiB"}}}}}
		if topics := Topics(u); !slices.Equal(topics, []string{"a/#", "b"}) {
			t.Errorf("topics %q", topics)
		}
		if keep := Keep(u); keep != "3GiB" {
			t.Errorf("it keeps %s", keep)
		}
	}
}

// TestDrain runs the broker of one node with its volume, and lets in the receiver alone.
func TestDrain(t *testing.T) {
	broker := brokerOf(t, Options{Namespace: "press", Image: ImageName + ":v1"})
	drain, err := Drain(broker, nil, ImageName+":v2")
	if err != nil {
		t.Fatal(err)
	}
	job := jobOf(t, drain)
	pod := job.Spec.Template.Spec
	c := pod.Containers[0]
	if job.Name != DrainJob || job.Namespace != "press" || job.Labels[InstallationLabel] != "press" || job.Spec.Suspend == nil || !*job.Spec.Suspend {
		t.Errorf("%+v", job.ObjectMeta)
	}
	if c.Image != ImageName+":v2" || !slices.Contains(c.Args, "--drain=hellox-receive") || !slices.Contains(c.Args, "--store=/data/store") || pod.RestartPolicy != corev1.RestartPolicyOnFailure {
		t.Errorf("%s %q, %s", c.Image, c.Args, pod.RestartPolicy)
	}
	if !slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool {
		return v.Name == "data" && v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == "data-broker-0"
	}) {
		t.Errorf("without the broker's volume: %+v", pod.Volumes)
	}
	if found := violations(t, job.Spec.Template); len(found) > 0 {
		t.Error(found)
	}
	receive := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"args": []any{"receive", "--client-id=mine"}}}}}}}}
	drain, err = Drain(broker, receive, ImageName+":v2")
	if err != nil || !slices.Contains(jobOf(t, drain).Spec.Template.Spec.Containers[0].Args, "--drain=mine") {
		t.Errorf("with another client ID: %v, %v", drain, err)
	}
	if _, err := Drain(&unstructured.Unstructured{Object: map[string]any{}}, nil, ""); err == nil {
		t.Error("of nothing a Job was made")
	}
}

// TestDrained has the nodes let no client in.
func TestDrained(t *testing.T) {
	broker := brokerOf(t, Options{Namespace: "press", ClusterSize: SeveralNodes, Image: ImageName + ":v1"})
	drained := Drained(broker, ImageName+":v2")
	c := podTemplatesOf(t, []*unstructured.Unstructured{drained})[roleBroker].Spec.Containers[0]
	if c.Args[len(c.Args)-1] != "--drain" || c.Image != ImageName+":v2" {
		t.Errorf("%s: %q", c.Image, c.Args)
	}
	if !IsDrained(drained) || IsDrained(broker) || IsDrained(brokerOf(t, Options{Namespace: "press"})) {
		t.Error("it is not told apart")
	}
}

func brokerOf(t *testing.T, o Options) *unstructured.Unstructured {
	t.Helper()
	for _, u := range render(t, o) {
		if u.GetKind() == "StatefulSet" && u.GetName() == roleBroker {
			return u
		}
	}
	t.Fatal("there is no broker")
	return nil
}
