package bootstrap_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"hellox/bootstrap"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/run"
)

// testRestarted stops the cluster under an installation. The up that starts it
// again must not believe what the API server kept of the pods from before: when it
// ends, every container was started since, and is ready.
func testRestarted(t *testing.T, r *rig) {
	const namespace = "hellox-restarted"
	r.down(t, bootstrap.DownOptions{Namespace: namespace})
	defer r.down(t, bootstrap.DownOptions{Namespace: namespace})
	up(t, r.options(t, namespace, r.programs[0]))

	stopped := time.Now()
	for _, node := range r.cluster.Nodes {
		if _, err := r.find.make.Runner.Run(t.Context(), run.Command{Name: containerEngine(), Args: []string{"stop", node.Name}}); err != nil {
			t.Fatal(err)
		}
	}
	here, _ := up(t, r.options(t, namespace, r.programs[0]))

	inst := r.installation(t, namespace)
	n := 0
	for _, node := range r.cluster.Nodes {
		var pods corev1.PodList // of the kubelet: the API server may have it a moment later
		if err := inst.client.GetJSON(t.Context(), "/api/v1/nodes/"+node.Name+"/proxy/pods", &pods); err != nil {
			t.Fatal(err)
		}
		for _, pod := range pods.Items {
			if pod.Namespace != namespace {
				continue
			}
			n++
			for _, c := range pod.Status.ContainerStatuses {
				if c.State.Running == nil || !c.State.Running.StartedAt.After(stopped.Add(-time.Second)) {
					t.Errorf("%s has not been started since the stop: %+v", pod.Name, c.State)
				}
			}
			if !kube.IsReady(&pod) {
				t.Errorf("%s is not ready", pod.Name)
			}
		}
	}
	if n != 3 {
		t.Errorf("the kubelets know %d pods, want 3", n)
	}
	if got := page(t, here.Web, "/"); got != "version 0" {
		t.Errorf("the page says %q", got)
	}
}
