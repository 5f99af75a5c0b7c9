package install

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestPhaseOf tells phase and last reason of pods as the kubelet describes them.
func TestPhaseOf(t *testing.T) {
	t.Parallel()
	waiting := func(reason string) corev1.ContainerStatus {
		return corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}
	}
	ended := func(reason string, code int32) *corev1.ContainerStateTerminated {
		return &corev1.ContainerStateTerminated{Reason: reason, ExitCode: code}
	}
	status := func(phase corev1.PodPhase, init []corev1.ContainerStatus, all ...corev1.ContainerStatus) corev1.Pod {
		return corev1.Pod{Status: corev1.PodStatus{Phase: phase, InitContainerStatuses: init, ContainerStatuses: all}}
	}
	now := metav1.Now()
	for _, c := range []struct {
		name string
		pod  corev1.Pod
		want PodPhase
	}{
		{"running", status(corev1.PodRunning, nil, corev1.ContainerStatus{}), PodPhase{Phase: "Running"}},
		{"running again after it was killed", status(corev1.PodRunning, nil, corev1.ContainerStatus{
			State:                corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
			LastTerminationState: corev1.ContainerState{Terminated: ended("OOMKilled", 137)},
		}), PodPhase{Phase: "Running", Reason: "OOMKilled"}},
		{"its image is not there", status(corev1.PodPending, nil, waiting("ErrImageNeverPull")), PodPhase{Phase: "Pending", Reason: "ErrImageNeverPull"}},
		{"just created", status(corev1.PodPending, nil, waiting("ContainerCreating")), PodPhase{Phase: "Pending"}},
		{"its init container fails", status(corev1.PodPending,
			[]corev1.ContainerStatus{{State: corev1.ContainerState{Terminated: ended("Error", 2)}}}, waiting("PodInitializing")),
			PodPhase{Phase: "Pending", Reason: "Error"}},
		{"evicted", corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted"}}, PodPhase{Phase: "Failed", Reason: "Evicted"}},
		{"being deleted", corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &now}, Status: corev1.PodStatus{Phase: corev1.PodRunning}}, PodPhase{Phase: "Terminating"}},
		{"of no phase", corev1.Pod{}, PodPhase{Phase: "Unknown"}},
	} {
		if got := phaseOf(&c.pod); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
