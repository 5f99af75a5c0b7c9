package install

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/rest"

	"hellox/bootstrap/install/cause"
	"hellox/bootstrap/kube"
)

// TestAnswered has a pod whose probe fails say why: of that the kubelet tells the code alone.
func TestAnswered(t *testing.T) {
	const why = "the streams are not there yet: most of the nodes must be running, the first time all of them"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/namespaces/hellox/pods/broker-0:9000/proxy/readyz" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"status":"failing","detail":"` + why + `"}`))
	}))
	defer server.Close()
	inst, err := New(kube.Config{Config: &rest.Config{Host: server.URL}}, "hellox")
	if err != nil {
		t.Fatal(err)
	}
	pod := func(name string) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec: corev1.PodSpec{NodeName: "one", Containers: []corev1.Container{{
				Name: "broker", Ports: []corev1.ContainerPort{{Name: "ops", ContainerPort: 9000}},
				ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/readyz", Port: intstr.FromString("ops")}}},
			}}},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{
				{Name: "broker", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}},
		}
	}
	for name, want := range map[string]string{
		"broker-0": "it runs and is not ready (/readyz): the streams are not there yet",
		"other":    "it runs and is not ready: its readiness probe failed: GET :9000/readyz answers 503",
	} {
		c := cause.Of(cause.Subject{Pod: pod(name), Events: []cause.Event{{
			Reason: "Unhealthy", Container: "broker", Message: "Readiness probe failed: HTTP probe failed with statuscode: 503", Count: 5,
		}}})
		if c == nil {
			t.Fatal("there is no cause")
		}
		rollout{observer: &observer{inst: inst}}.investigate(t.Context(), c)
		if !strings.HasPrefix(c.Text, want) {
			t.Errorf("%s: %q, want %q", name, c.Text, want)
		}
		if all := c.Text + strings.Join(c.Evidence, ""); name == "broker-0" && !strings.Contains(all, why) {
			t.Errorf("%q does not have all of %q", all, why)
		}
	}
}
