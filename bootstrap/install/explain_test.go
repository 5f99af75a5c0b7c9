package install

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// aPod is a pod of role receive with one container in that state.
func aPod(status corev1.ContainerStatus) *corev1.Pod {
	status.Name, status.Image = "receive", "hellox.local/hellox:1"
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "receive-1", Namespace: "press", Labels: map[string]string{roleLabel: "receive"}},
		Spec: corev1.PodSpec{NodeName: "node-1", Containers: []corev1.Container{{
			Name:      "receive",
			Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")}},
		}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{status}},
	}
}

func waiting(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

func ended(t corev1.ContainerStateTerminated) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &t}
}

var isRunning = corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		name string
		pod  *corev1.Pod
		want string // "": nothing is wrong
		hint string
	}{
		{"ready", aPod(corev1.ContainerStatus{State: isRunning, Ready: true}), "", ""},
		{"being made", aPod(corev1.ContainerStatus{State: waiting("ContainerCreating", "")}), "", ""},
		{"ended well", aPod(corev1.ContainerStatus{State: ended(corev1.ContainerStateTerminated{Reason: "Completed"})}), "", ""},
		{
			"image not there", aPod(corev1.ContainerStatus{State: waiting("ErrImageNeverPull", "Container image … is not present with pull policy of Never")}),
			"image hellox.local/hellox:1 is not on node node-1", "hellox up",
		},
		{
			"pull backs off", aPod(corev1.ContainerStatus{State: waiting("ImagePullBackOff", "Back-off pulling image\n\"x\"")}),
			`image hellox.local/hellox:1 cannot be pulled: Back-off pulling image "x"`, "--kustomize",
		},
		{
			"out of memory, and backing off",
			aPod(corev1.ContainerStatus{
				State: waiting("CrashLoopBackOff", "back-off 10s"), RestartCount: 4,
				LastTerminationState: ended(corev1.ContainerStateTerminated{Reason: "OOMKilled", ExitCode: 137}),
			}),
			"it was killed for using more memory than its limit, 256Mi, 4 times so far", "limits.memory",
		},
		{
			"out of memory, and running again",
			aPod(corev1.ContainerStatus{
				State: isRunning, RestartCount: 1,
				LastTerminationState: ended(corev1.ContainerStateTerminated{Reason: "OOMKilled", ExitCode: 137}),
			}),
			"it was killed for using more memory than its limit, 256Mi", "limits.memory",
		},
		{
			"killed, and the runtime did not hear why",
			aPod(corev1.ContainerStatus{
				State: isRunning, RestartCount: 1,
				LastTerminationState: ended(corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 137}),
			}),
			"it was killed (exit code 137), as it is for using more memory than its limit, 256Mi", "limits.memory",
		},
		{
			"was restarted, and is ready",
			aPod(corev1.ContainerStatus{
				State: isRunning, RestartCount: 1, Ready: true,
				LastTerminationState: ended(corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 1}),
			}),
			"", "",
		},
		{
			"crash", aPod(corev1.ContainerStatus{State: ended(corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 2})}),
			"it ended with exit code 2", "hellox logs receive --previous --namespace press",
		},
		{
			"signal", aPod(corev1.ContainerStatus{State: ended(corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 139, Signal: 11})}),
			"it was ended by signal 11", "hellox logs",
		},
		{
			"wrong processor", aPod(corev1.ContainerStatus{State: ended(corev1.ContainerStateTerminated{
				Reason: "StartError", ExitCode: 128, Message: `failed to create task: exec: "/hellox": exec format error: unknown`,
			})}),
			"the program is not for this node's kind of processor (exec format error)", "",
		},
		{
			"linked dynamically", aPod(corev1.ContainerStatus{State: waiting("RunContainerError", `exec: "/hellox": stat /hellox: no such file or directory: unknown`)}),
			"the program, or what it is linked to, is not in the image: no such file or directory", "",
		},
		{
			"config", aPod(corev1.ContainerStatus{State: waiting("CreateContainerConfigError", `secret "x" not found`)}),
			`its container cannot be made: secret "x" not found`, "describe pod receive-1",
		},
		{"unready", aPod(corev1.ContainerStatus{State: isRunning}), "it runs but is not ready", ""},
		{
			"a reason of tomorrow", aPod(corev1.ContainerStatus{State: waiting("FluxCapacitorEmpty", "needs 1.21 GW")}),
			"FluxCapacitorEmpty: needs 1.21 GW", "",
		},
		{
			"no room", unscheduledPod("0/2 nodes are available: 2 Insufficient memory. no new claims to deallocate, preemption: 0/2 nodes are available"),
			"no node takes it: 0/2 nodes are available: 2 Insufficient memory", "make room",
		},
		{
			"no volume", unscheduledPod("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: not eligible"),
			"its volume is not there: 0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims", "storageclass",
		},
		{
			"evicted", &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "The node was low on resource: ephemeral-storage."}},
			"the pod failed: Evicted: The node was low on resource: ephemeral-storage.", "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := explain(c.pod)
			switch {
			case got == nil && c.want != "":
				t.Fatalf("no cause; want %q", c.want)
			case got == nil:
				return
			case got.Text != c.want:
				t.Errorf("%q\nwant %q", got.Text, c.want)
			}
			if !strings.Contains(got.Hint, c.hint) {
				t.Errorf("hint %q, want %q in it", got.Hint, c.hint)
			}
			if strings.Contains(got.Text, "\n") {
				t.Error("it is more than one line")
			}
		})
	}
}

func unscheduledPod(message string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "receive-1"},
		Status: corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: message,
		}}},
	}
}

func TestExpired(t *testing.T) {
	since := map[string]time.Time{}
	now := time.Unix(0, 0)
	// One crash in all its phases stands since its first; one that heals
	// starts anew.
	phases := []*corev1.Pod{
		aPod(corev1.ContainerStatus{State: ended(corev1.ContainerStateTerminated{ExitCode: 1})}),
		aPod(corev1.ContainerStatus{State: isRunning, LastTerminationState: ended(corev1.ContainerStateTerminated{ExitCode: 1})}),
		aPod(corev1.ContainerStatus{State: waiting("CrashLoopBackOff", ""), LastTerminationState: ended(corev1.ContainerStateTerminated{ExitCode: 1})}),
	}
	for i, pod := range phases {
		c := explain(pod)
		fatal, next := expired([]*Cause{c}, since, now)
		if len(fatal) > 0 || next != c.grace-time.Duration(i)*time.Second {
			t.Errorf("phase %d: %d fatal up, next in %s", i, len(fatal), next)
		}
		now = now.Add(time.Second)
	}
	if _, next := expired(nil, since, now); next != 0 || len(since) > 0 {
		t.Errorf("healed: next in %s, %v", next, since)
	}
	c := explain(phases[0])
	if fatal, _ := expired([]*Cause{c}, since, now); len(fatal) > 0 {
		t.Error("the former crash counts")
	}
	if fatal, _ := expired([]*Cause{c}, since, now.Add(c.grace)); len(fatal) != 1 {
		t.Error("the grace period never ends")
	}
}
