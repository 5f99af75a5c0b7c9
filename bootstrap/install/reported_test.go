package install

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"hellox/bootstrap/kube"
)

// A kubelet is what the kubelet of the only node answers, through the API server.
type kubelet struct {
	running, known any // *corev1.PodList, or *metav1.Status
	starting       bool
}

// aRestart is what a kind cluster had while its node came back: by the API server
// all is rolled out.
type aRestart struct {
	Workloads, ReplicaSets []*unstructured.Unstructured
	Pods                   []*corev1.Pod
	Down, Up               struct{ Running, Known *corev1.PodList }
}

func readRestart(t *testing.T) (r aRestart) {
	t.Helper()
	text, err := os.ReadFile("testdata/restart.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func (k kubelet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := k.known
	switch {
	case r.URL.Path == "/readyz":
		if k.starting {
			w.WriteHeader(http.StatusInternalServerError)
		}
		return
	case strings.HasSuffix(r.URL.Path, "/proxy/runningpods/"):
		answer = k.running
	}
	w.Header().Set("Content-Type", "application/json")
	if status, ok := answer.(*metav1.Status); ok {
		w.WriteHeader(int(status.Code))
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// TestUnreported has what a real node said while it came back from a stop, during
// all of which the API server had every workload rolled out.
func TestUnreported(t *testing.T) {
	recorded := readRestart(t)
	workloads, err := workloadsOf(recorded.Workloads, recorded.ReplicaSets)
	if err != nil {
		t.Fatal(err)
	}
	if waiting := waitingFor(workloads); len(waiting) > 0 {
		t.Fatalf("the recorded workloads are not rolled out: %v", waiting)
	}
	forbidden := &metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Reason: metav1.StatusReasonForbidden, Code: 403}
	unreachable := &metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure", Code: 503,
		Message: "error trying to reach service: dial tcp 172.18.0.2:10250: connect: connection refused",
	}
	up, down := recorded.Up, recorded.Down
	for _, c := range []struct {
		name    string
		kubelet kubelet
		want    string // "": confirmed
	}{
		{"not there yet", kubelet{running: unreachable}, "node kind-control-plane has not reported its pods yet"},
		{"just there, with the API server's word", kubelet{running: down.Running, known: up.Known}, "0 of 3 pods run on node kind-control-plane again"},
		{"containers found dead", kubelet{running: down.Running, known: down.Known}, "0 of 3 pods run"},
		{"running and not ready", kubelet{running: up.Running, known: down.Known}, "0 of 3 pods run"},
		{"one is back", kubelet{running: &corev1.PodList{Items: up.Running.Items[:1]}, known: up.Known}, "1 of 3 pods run"},
		{"all are back", kubelet{running: up.Running, known: up.Known}, ""},
		{"may not be asked", kubelet{running: forbidden}, ""},
		{"refused by an API server that begins", kubelet{running: forbidden, starting: true}, "has not reported"},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(c.kubelet)
			defer server.Close()
			inst, err := New(kube.Config{Config: &rest.Config{Host: server.URL}}, "hellox")
			if err != nil {
				t.Fatal(err)
			}
			got := kubelets{inst.client}.unreported(t.Context(), workloads, recorded.Pods)
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	t.Run("a pod is missing", func(t *testing.T) {
		server := httptest.NewServer(kubelet{running: up.Running, known: up.Known})
		defer server.Close()
		inst, err := New(kube.Config{Config: &rest.Config{Host: server.URL}}, "hellox")
		if err != nil {
			t.Fatal(err)
		}
		if got := (kubelets{inst.client}).unreported(t.Context(), workloads, recorded.Pods[1:]); !strings.Contains(got, "0/1") {
			t.Errorf("%q", got)
		}
	})
}
