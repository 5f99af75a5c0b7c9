package cause

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"hellox/bootstrap/kube"
)

const ownImage = "hellox.local/hellox:1"

// commands are those of a kind cluster.
var commands = kube.Commands{Context: "kind-hellox", Target: "kind", Profile: "hellox", Namespace: "press"}

// aPod is a pod of role receive with one container in that state.
func aPod(status corev1.ContainerStatus) *corev1.Pod {
	status.Name, status.Image = "receive", ownImage
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "receive-5fd94fb4cb-xfw5v", Namespace: "press"},
		Spec: corev1.PodSpec{NodeName: "node-1", Containers: []corev1.Container{{
			Name: "receive", Image: ownImage,
			Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("256Mi")}},
			Ports:     []corev1.ContainerPort{{Name: "ops", ContainerPort: 9000}},
			ReadinessProbe: &corev1.Probe{FailureThreshold: 3, ProbeHandler: corev1.ProbeHandler{
				HTTPGet: &corev1.HTTPGetAction{Path: "/readyz", Port: intstr.FromString("ops")},
			}},
			LivenessProbe: &corev1.Probe{FailureThreshold: 6, ProbeHandler: corev1.ProbeHandler{
				Exec: &corev1.ExecAction{Command: []string{"cat", "/alive"}},
			}},
		}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{status}},
	}
}

// ofImage is pod with another image.
func ofImage(image string, pod *corev1.Pod) *corev1.Pod {
	pod.Spec.Containers[0].Image = image
	return pod
}

// asInit is pod with its container as an init container.
func asInit(pod *corev1.Pod) *corev1.Pod {
	pod.Spec.InitContainers, pod.Spec.Containers = pod.Spec.Containers, []corev1.Container{{Name: "later"}}
	pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses = pod.Status.ContainerStatuses, nil
	return pod
}

func waiting(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

func ended(t corev1.ContainerStateTerminated) corev1.ContainerState {
	return corev1.ContainerState{Terminated: &t}
}

var isRunning = corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}

func unscheduledPod(message string) *corev1.Pod {
	pod := aPod(corev1.ContainerStatus{})
	pod.Spec.NodeName = ""
	pod.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: message,
	}}}
	return pod
}

func pendingPod() *corev1.Pod {
	pod := aPod(corev1.ContainerStatus{State: waiting("ContainerCreating", "")})
	pod.Status.Phase = corev1.PodPending
	return pod
}

// mounting is a pending pod with a volume page-tls of these items of the Secret page-tls.
func mounting(items ...corev1.KeyToPath) *corev1.Pod {
	pod := pendingPod()
	pod.Spec.Volumes = []corev1.Volume{{Name: "page-tls", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "page-tls", Items: items}}}}
	return pod
}

// aCluster is a Lookup of recorded objects.
type aCluster struct {
	nodes   []corev1.Node
	pods    []corev1.Pod
	claims  []corev1.PersistentVolumeClaim
	classes []StorageClass
	events  []Event
}

func (c aCluster) Nodes() []corev1.Node                   { return c.nodes }
func (c aCluster) Pods() []corev1.Pod                     { return c.pods }
func (c aCluster) Claims() []corev1.PersistentVolumeClaim { return c.claims }
func (c aCluster) StorageClasses() []StorageClass         { return c.classes }
func (c aCluster) ClaimEvents(string) []Event             { return c.events }

func aNode(ready corev1.ConditionStatus, message string) corev1.Node {
	return corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "node-1"},
		Status: corev1.NodeStatus{
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready, Message: message}},
			Allocatable: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("4Gi")},
		},
	}
}

func warned(reason, message string, count int) []Event {
	return []Event{{Reason: reason, Message: message, Count: count, Container: "receive", Last: time.Unix(100, 0)}}
}

// TestOf has the states that a real cluster is not brought into by TestKindUpAndDown,
// and the phases of those that it is brought into.
func TestOf(t *testing.T) {
	for _, c := range []struct {
		name    string
		subject Subject
		want    string // "": nothing is wrong
		hint    string
	}{
		{"ready", Subject{Pod: aPod(corev1.ContainerStatus{State: isRunning, Ready: true})}, "", ""},
		{"being made", Subject{Pod: pendingPod()}, "", ""},
		{"ended well", Subject{Pod: aPod(corev1.ContainerStatus{State: ended(corev1.ContainerStateTerminated{Reason: "Completed"})})}, "", ""},
		{
			"ended by a stop of its node",
			Subject{Pod: aPod(corev1.ContainerStatus{State: ended(corev1.ContainerStateTerminated{Reason: "Unknown", ExitCode: 255})})}, "", "",
		},
		{
			"own image not there", Subject{Image: ownImage, Pod: aPod(corev1.ContainerStatus{State: waiting("ErrImageNeverPull", "…")})},
			"image hellox.local/hellox:1 is not on node node-1", "the same hellox up again loads it",
		},
		{
			"another image not there", Subject{Image: ownImage, Pod: ofImage("other:1", aPod(corev1.ContainerStatus{State: waiting("ErrImageNeverPull", "…")}))},
			"image other:1 is not on node node-1", "the same hellox up with --build other=DIR builds it; or correct image: of container receive",
		},
		{
			"pull backs off, and an event has the cause",
			Subject{
				Image:  ownImage,
				Pod:    ofImage("own:dev", aPod(corev1.ContainerStatus{State: waiting("ImagePullBackOff", "Back-off pulling image\n\"x\"")})),
				Events: warned("Failed", `Failed to pull image "x": failed to pull and unpack image "x": failed to resolve reference "x": failed to do request: Head "https://x/": dial tcp: lookup x on 10.0.0.1:53: no such host`, 1),
			},
			`image own:dev cannot be pulled: dial tcp: lookup x on 10.0.0.1:53: no such host`, "hellox pulls nothing: the same hellox up with --build own=DIR",
		},
		{
			"out of memory, and backing off",
			Subject{Pod: aPod(corev1.ContainerStatus{
				State: waiting("CrashLoopBackOff", "back-off 10s"), RestartCount: 4,
				LastTerminationState: ended(corev1.ContainerStateTerminated{Reason: "OOMKilled", ExitCode: 137}),
			})},
			"it was killed for using more memory than its limit, 256Mi (exit code 137), 4 times so far", "raise resources.limits.memory",
		},
		{
			"killed, and the runtime did not hear why",
			Subject{Pod: aPod(corev1.ContainerStatus{
				State: isRunning, RestartCount: 1,
				LastTerminationState: ended(corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 137}),
			})},
			"it was killed (exit code 137), as it is for using more memory than its limit, 256Mi", "raise resources.limits.memory",
		},
		{
			"was restarted, and is ready",
			Subject{Pod: aPod(corev1.ContainerStatus{
				State: isRunning, RestartCount: 1, Ready: true,
				LastTerminationState: ended(corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 1}),
			})}, "", "",
		},
		{
			"crash", Subject{Role: "receive", Pod: aPod(corev1.ContainerStatus{State: ended(corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 2})})},
			"it ended with exit code 2", "hellox logs receive --target kind --profile hellox --namespace press",
		},
		{
			"crash, being made anew", Subject{Role: "receive", Pod: aPod(corev1.ContainerStatus{
				State: waiting("ContainerCreating", ""), RestartCount: 1, LastTerminationState: ended(corev1.ContainerStateTerminated{ExitCode: 2}),
			})},
			"it ended with exit code 2", "hellox logs receive --previous --target kind --profile hellox --namespace press",
		},
		{
			"init container", Subject{Role: "receive", Pod: asInit(aPod(corev1.ContainerStatus{State: ended(corev1.ContainerStateTerminated{ExitCode: 2})}))},
			`init container "receive": it ended with exit code 2`, "kubectl --context kind-hellox --namespace press logs receive-5fd94fb4cb-xfw5v -c receive",
		},
		{
			"init container that runs", Subject{Pod: asInit(aPod(corev1.ContainerStatus{State: isRunning}))}, "", "",
		},
		{
			"signal", Subject{Pod: aPod(corev1.ContainerStatus{State: ended(corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 139, Signal: 11})})},
			"it was ended by signal 11", "logs receive-",
		},
		{
			"wrong processor", Subject{Pod: aPod(corev1.ContainerStatus{State: ended(corev1.ContainerStateTerminated{
				Reason: "StartError", ExitCode: 128, Message: `failed to create task: exec: "/hellox": exec format error: unknown`,
			})})},
			`program "/hellox" is not for the processor of node node-1 (exec format error)`, "kubectl --context kind-hellox get node node-1 -L kubernetes.io/arch",
		},
		{
			"no command", Subject{Pod: aPod(corev1.ContainerStatus{State: waiting("CreateContainerError",
				`failed to generate container "5d3c7c0b6f1e" spec: failed to generate spec: no command specified`)})},
			"image hellox.local/hellox:1 has no command: ENTRYPOINT or CMD is missing in its Dockerfile", "add CMD to its Dockerfile",
		},
		{
			"command missing", Subject{Pod: aPod(corev1.ContainerStatus{State: waiting("RunContainerError", `exec: "/nope": stat /nope: no such file or directory: unknown`)})},
			`program "/nope" is not in image hellox.local/hellox:1`, "correct command: of container receive",
		},
		{
			"command not executable", Subject{Pod: aPod(corev1.ContainerStatus{State: waiting("RunContainerError", `runc create failed: unable to start container process: error during container init: exec: "/data": permission denied: unknown`)})},
			`program "/data" cannot be started: permission denied`, "correct command:",
		},
		{
			"ended by its liveness probe", Subject{
				Role: "receive",
				Pod: aPod(corev1.ContainerStatus{
					State: waiting("CrashLoopBackOff", ""), RestartCount: 3, LastTerminationState: ended(corev1.ContainerStateTerminated{Reason: "Completed"}),
				}),
				Events: append(warned("Unhealthy", "Liveness probe failed: cat: can't open '/alive': No such file or directory", 6),
					Event{Reason: "Killing", Message: "Container receive failed liveness probe, will be restarted"}),
			},
			"its liveness probe ended it 3 times: cat /alive: cat: can't open '/alive': No such file or directory", "hellox logs receive --previous",
		},
		{
			"ends with success again and again", Subject{Role: "receive", Pod: aPod(corev1.ContainerStatus{
				State: waiting("CrashLoopBackOff", ""), RestartCount: 3, LastTerminationState: ended(corev1.ContainerStateTerminated{Reason: "Completed"}),
			})},
			"it ends again and again, with exit code 0, 3 times so far", "hellox logs receive --previous",
		},
		{"unready", Subject{Role: "receive", Pod: aPod(corev1.ContainerStatus{State: isRunning})}, "it runs and is not ready", "hellox logs receive"},
		{
			"probe without an answer", Subject{
				Pod:    aPod(corev1.ContainerStatus{State: isRunning}),
				Events: warned("Unhealthy", `Readiness probe failed: Get "http://10.244.0.5:9000/readyz": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`, 3),
			},
			"it runs and is not ready: its readiness probe failed: GET :9000/readyz: no answer in time", "logs",
		},
		{
			"a reason of tomorrow", Subject{Pod: aPod(corev1.ContainerStatus{State: waiting("FluxCapacitorEmpty", "needs 1.21 GW")})},
			"FluxCapacitorEmpty: needs 1.21 GW", "describe pod receive-",
		},
		{
			"no room, and nothing else known", Subject{Pod: unscheduledPod("0/2 nodes are available: 2 Insufficient memory. no new claims to deallocate, preemption: 0/2 nodes are available")},
			"no node takes it: 2 Insufficient memory", "lower resources.requests.memory",
		},
		{
			"taint", Subject{Pod: unscheduledPod("0/1 nodes are available: 1 node(s) had untolerated taint {dedicated: press}. preemption: no"), Cluster: aCluster{nodes: []corev1.Node{aNode(corev1.ConditionTrue, "")}}},
			"no node takes it: it does not tolerate their taint dedicated: press", "kubectl --context kind-hellox taint nodes --all dedicated-",
		},
		{
			"taint of a node that is not ready", Subject{
				Pod:     unscheduledPod("0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }. preemption: no"),
				Cluster: aCluster{nodes: []corev1.Node{aNode(corev1.ConditionUnknown, "Kubelet stopped posting node status.")}},
			},
			"node node-1 is not ready: Kubelet stopped posting node status.", "kubectl --context kind-hellox describe node node-1",
		},
		{
			"cordoned", Subject{Pod: unscheduledPod("0/1 nodes are available: 1 node(s) were unschedulable. preemption: no"), Cluster: aCluster{nodes: []corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "node-1"}, Spec: corev1.NodeSpec{Unschedulable: true}}}}},
			"node node-1 takes no pods: it is cordoned", "kubectl --context kind-hellox uncordon node-1",
		},
		{
			"network of the node", Subject{Pod: pendingPod(), Events: warned("FailedCreatePodSandBox", `Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox "x": plugin type="bridge" failed (add): no IP addresses available`, 2)},
			"its network or sandbox cannot be set up: no IP addresses available", "describe pod",
		},
		{
			"a claim that its node may not read yet", Subject{Pod: pendingPod(), Events: warned("FailedMount", `Unable to attach or mount volumes: unmounted volumes=[data tmp], unattached volumes=[], failed to process volumes=[data]: error processing PVC press/history: failed to fetch PVC from API server: persistentvolumeclaims "history" is forbidden: User "system:node:node-1" cannot get resource "persistentvolumeclaims" in API group "" in the namespace "press": no relationship found between node 'node-1' and this object`, 1)}, "", "",
		},
		{
			"a certificate that is not there", Subject{Pod: mounting(corev1.KeyToPath{Key: "tls.crt", Path: "tls.crt"}, corev1.KeyToPath{Key: "tls.key", Path: "tls.key"}), Events: warned("FailedMount", `MountVolume.SetUp failed for volume "page-tls" : secret "page-tls" not found`, 1)},
			`volume "page-tls" needs Secret "page-tls", which is not there`, "--namespace press create secret tls page-tls --cert=FILE --key=FILE, ",
		},
		{
			"a Secret of any files that is not there", Subject{Pod: mounting(), Events: warned("FailedMount", `MountVolume.SetUp failed for volume "page-tls" : secret "page-tls" not found`, 1)},
			`volume "page-tls" needs Secret "page-tls", which is not there`, "create secret generic page-tls --from-file=FILE, ",
		},
		{
			"a mount that is only early", Subject{Pod: pendingPod(), Events: warned("FailedMount", `MountVolume.SetUp failed for volume "tmp" : object "press"/"rules" not registered`, 1)}, "", "",
		},
		{
			"evicted", Subject{Pod: &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "The node was low on resource: ephemeral-storage."}}},
			"the pod failed: Evicted: The node was low on resource: ephemeral-storage.", "describe pod",
		},
	} {
		c.subject.Commands = commands
		t.Run(c.name, func(t *testing.T) { check(t, Of(c.subject), c.want, c.hint) })
	}
}

// check compares a cause, and asks for two lines of 80 columns, and for a hint that can
// be typed whatever the current context and the other installations are.
func check(t *testing.T, got *Cause, want, hint string) {
	t.Helper()
	switch {
	case got == nil && want != "":
		t.Fatalf("no cause; want %q", want)
	case got == nil:
		return
	case got.Text != want:
		t.Errorf("%q\nwant %q", got.Text, want)
	}
	if !strings.Contains(got.Hint, hint) || got.Hint == "" {
		t.Errorf("hint %q, want %q in it", got.Hint, hint)
	}
	for _, left := range strings.SplitAfter(got.Hint, "kubectl ")[1:] {
		if !strings.HasPrefix(left, "--context kind-hellox ") {
			t.Errorf("kubectl without the cluster: %q", got.Hint)
		}
	}
	for _, left := range strings.SplitAfter(got.Hint, "hellox logs ")[1:] {
		if !strings.Contains(left, "--target kind --profile hellox --namespace press") {
			t.Errorf("hellox without the installation: %q", got.Hint)
		}
	}
	if strings.Contains(got.Hint, "DIR") && !strings.Contains(got.Hint, "--build ") {
		t.Errorf("a folder that is not named: %q", got.Hint)
	}
	for _, line := range []string{"hellox: roll out " + got.String(), "hint: " + got.Hint} {
		if utf8.RuneCountInString(line) > 160 || strings.Contains(line, "\n") {
			t.Errorf("more than two lines: %q", line)
		}
	}
}

// TestClaims names what a claim lacks.
func TestClaims(t *testing.T) {
	fast, slow := "fast", "slow"
	standard := []StorageClass{{Name: "standard", Default: true}, {Name: "slow"}}
	pending := corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending}
	pod := unscheduledPod("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: not eligible")
	pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "history"}}}}
	claim := func(class *string, status corev1.PersistentVolumeClaimStatus) []corev1.PersistentVolumeClaim {
		return []corev1.PersistentVolumeClaim{{
			ObjectMeta: metav1.ObjectMeta{Name: "history"}, Status: status, Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: class},
		}}
	}
	for _, c := range []struct {
		name       string
		cluster    aCluster
		want, hint string
	}{
		{"not known", aCluster{}, "its volume is not there: pod has unbound immediate PersistentVolumeClaims", "describe pvc"},
		{"no such class", aCluster{claims: claim(&fast, pending), classes: standard}, `claim history gets no volume: there is no storage class "fast" (there is standard, slow)`, "storageClassName"},
		{"no default", aCluster{claims: claim(nil, pending), classes: standard[1:]}, `claim history gets no volume: no storage class is the default (there is slow)`, "kubectl --context kind-hellox annotate storageclass slow"},
		{"no class at all", aCluster{claims: claim(nil, pending), classes: []StorageClass{}}, `claim history gets no volume: the cluster has no storage class`, "install a storage class"},
		{"not yet", aCluster{claims: claim(&slow, pending), classes: standard}, `claim history waits for its volume of storage class "slow"`, "describe pvc history"},
		{
			"provisioner fails", aCluster{claims: claim(&slow, pending), classes: standard, events: []Event{{Reason: "ProvisioningFailed", Message: `failed to provision volume with StorageClass "slow": no space left on device`}}},
			`storage class "slow" makes no volume for claim history: no space left on device`, "describe pvc history",
		},
		{"lost", aCluster{claims: claim(&slow, corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimLost})}, "the volume of claim history was removed, with its data", "kubectl --context kind-hellox --namespace press delete pvc history, then the same hellox up again"},
		{"no such claim", aCluster{claims: []corev1.PersistentVolumeClaim{}}, `its volume "data" needs the claim "history", which is not there`, "PersistentVolumeClaim"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Of(Subject{Pod: pod, Cluster: c.cluster, Commands: commands})
			check(t, got, c.want, c.hint)
			// A provisioner that has said nothing yet may start with its cluster.
			if (got.Grace > graceLong) != (c.name == "not yet") {
				t.Errorf("the roll-out fails after %s", got.Grace)
			}
		})
	}
	early := unscheduledPod(`0/1 nodes are available: persistentvolumeclaim "history" not found. not found`)
	early.Spec.Volumes = pod.Spec.Volumes
	for name, cluster := range map[string]aCluster{"is there": {claims: claim(&slow, pending), classes: standard}, "could not be asked for": {}} {
		if c := Of(Subject{Pod: early, Cluster: cluster, Commands: commands}); c != nil {
			t.Errorf("a claim that the scheduler has not seen yet, and that %s: %+v", name, c)
		}
	}
	check(t, Of(Subject{Pod: early, Cluster: aCluster{claims: []corev1.PersistentVolumeClaim{}}, Commands: commands}),
		`its volume "data" needs the claim "history", which is not there`, "PersistentVolumeClaim")
}

// TestShort says what is short, and by how much, beside what other pods ask for.
func TestShort(t *testing.T) {
	asks := func(cpu string, node string) corev1.Pod {
		pod := unscheduledPod("0/1 nodes are available: 1 Insufficient cpu. preemption: no")
		pod.Spec.NodeName = node
		pod.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}
		return *pod
	}
	pod := asks("1500m", "")
	cluster := aCluster{nodes: []corev1.Node{aNode(corev1.ConditionTrue, "")}, pods: []corev1.Pod{asks("750m", "node-1"), asks("8", "node-2"), pod}}
	check(t, Of(Subject{Pod: &pod, Cluster: cluster, Commands: commands}), "it asks for 1.5 of cpu, 0.25 more than is free: node node-1 has 1.25 of 2 left", "lower resources.requests.cpu")
}

// TestCreate explains refusals as the API server words them.
func TestCreate(t *testing.T) {
	const broker = `create Pod broker-0 in StatefulSet broker failed error: pods "broker-0" is forbidden: `
	for _, c := range []struct{ name, message, want, hint string }{
		{
			"PodSecurity", broker + `violates PodSecurity "restricted:v1.34": allowPrivilegeEscalation != false (container "broker" must set securityContext.allowPrivilegeEscalation=false), runAsNonRoot != true (pod or container "broker" must set securityContext.runAsNonRoot=true)`,
			`its pod is refused: it violates PodSecurity "restricted:v1.34": allowPrivilegeEscalation != false, runAsNonRoot != true`, "correct securityContext:",
		},
		{
			"two resources", broker + `exceeded quota: small, requested: cpu=50m,pods=1, used: cpu=1,pods=3, limited: cpu=1,pods=3`,
			`its pod is refused: quota small is used up: 50m of cpu asked for, 1 of 1 used; 1 of pods asked for, 3 of 3 used`, "edit resourcequota small",
		},
		{
			"quota without limits", broker + `failed quota: small: must specify limits.cpu for: broker`,
			"its pod is refused: quota small: must specify limits.cpu for: broker", "add resources:",
		},
		{
			"limit range", broker + `maximum memory usage per Container is 100Mi, but limit is 256Mi`,
			"its pod is refused: maximum memory usage per Container is 100Mi, but limit is 256Mi", "describe limitrange",
		},
		{
			"webhook refuses", `create Pod broker-0 in StatefulSet broker failed error: admission webhook "guard.example.com" denied the request: no brokers here`,
			`its pod is refused: admission webhook "guard.example.com" refuses it: no brokers here`, "correct the overlay",
		},
		{
			"webhook without an answer", `Internal error occurred: failed calling webhook "guard.example.com": failed to call webhook: Post "https://guard.default.svc:443/?timeout=10s": context deadline exceeded`,
			`its pod is refused: admission webhook "guard.example.com" does not answer: no answer in time`, "kubectl --context kind-hellox get validatingwebhookconfigurations",
		},
		{
			"webhook without a service", `Internal error occurred: failed calling webhook "guard.example.com": failed to call webhook: Post "https://guard.default.svc:443/?timeout=10s": service "guard" not found`,
			`its pod is refused: admission webhook "guard.example.com" does not answer: service "guard" not found`, "repair or delete it",
		},
		{
			"claim of a StatefulSet", `create Claim data-broker-0 for Pod broker-0 in StatefulSet broker failed error: persistentvolumeclaims "data-broker-0" is forbidden: exceeded quota: small, requested: requests.storage=1Gi, used: requests.storage=0, limited: requests.storage=1Mi`,
			`its pod is refused: quota small is used up: 1Gi of requests.storage asked for, 0 of 1Mi used`, "edit resourcequota small",
		},
		{"something new", `create Pod broker-0 in StatefulSet broker failed error: the moon is full`, "its pod is refused: the moon is full", "get events"},
	} {
		t.Run(c.name, func(t *testing.T) { check(t, Create(commands, "broker", "broker", c.message), c.want, c.hint) })
	}
	text, hint := Refusal(commands, `configmaps is forbidden: User "ann" cannot patch resource "configmaps" in API group "" in the namespace "press"`)
	if !strings.Contains(text, "ann") || !strings.Contains(hint, "kubeconfig") {
		t.Errorf("%q, %q", text, hint)
	}
	if text, hint := Refusal(commands, "etcd is full"); text != "" || hint != "" {
		t.Errorf("%q, %q", text, hint)
	}
}

// TestGrace: a program of hellox that ended twice ends the roll-out, another one may
// wait for the broker, and a program that cannot run is no crash.
func TestGrace(t *testing.T) {
	loop := func(restarts int32) *corev1.Pod {
		return aPod(corev1.ContainerStatus{
			State: waiting("CrashLoopBackOff", ""), RestartCount: restarts, LastTerminationState: ended(corev1.ContainerStateTerminated{ExitCode: 1}),
		})
	}
	for _, c := range []struct {
		name string
		pod  *corev1.Pod
		want time.Duration
	}{
		{"ended once", aPod(corev1.ContainerStatus{State: ended(corev1.ContainerStateTerminated{ExitCode: 1})}), graceProbe},
		{"own, twice", loop(1), graceNone},
		{"another, twice", ofImage("app:1", loop(1)), graceProbe},
		{"another, four times", ofImage("app:1", loop(3)), graceNone},
	} {
		if got := Of(Subject{Pod: c.pod, Image: ownImage}); got.Grace != c.want || got.Family() != "crash" {
			t.Errorf("%s: %s, %s, want %s", c.name, got.Grace, got.Family(), c.want)
		}
	}
	c := Of(Subject{Pod: loop(1)})
	c.Logged([]string{"exec /hellox: exec format error"})
	if c.Crashed || c.Grace != graceNone || !strings.Contains(c.Text, "exec format error") {
		t.Errorf("%+v", c)
	}
}

// TestEarly: a probe has failed when Kubernetes says so, not before.
func TestEarly(t *testing.T) {
	for count, early := range map[int]bool{0: true, 1: true, 2: true, 3: false} {
		var events []Event
		if count > 0 {
			events = warned("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", count)
		}
		if c := Of(Subject{Pod: aPod(corev1.ContainerStatus{State: isRunning}), Events: events}); c.Early != early {
			t.Errorf("after %d failures: early %v", count, c.Early)
		}
	}
}

// TestRestarted counts the restarts of a pod that is ready.
func TestRestarted(t *testing.T) {
	pod := aPod(corev1.ContainerStatus{State: isRunning, Ready: true, RestartCount: 2})
	if c := Restarted(Subject{Pod: pod}); c != nil {
		t.Errorf("without an event: %s", c)
	}
	events := append(warned("Unhealthy", "Liveness probe failed: gone", 6), Event{Reason: "Killing", Message: "Container receive failed liveness probe, will be restarted"})
	c := Restarted(Subject{Pod: pod, Events: events, Commands: commands})
	check(t, c, "its liveness probe ended it 2 times, and may again: cat /alive: gone", "--previous")
}

// TestFit keeps what it cuts as evidence.
func TestFit(t *testing.T) {
	long := strings.Repeat("word ", 60)
	c := Of(Subject{Pod: aPod(corev1.ContainerStatus{State: waiting("CreateContainerError", long)})})
	if utf8.RuneCountInString(c.Text) > room(c.Pod) || !strings.HasSuffix(c.Text, "word…") || len(c.Evidence) != 1 || !strings.Contains(c.Evidence[0], strings.TrimSpace(long)) {
		t.Errorf("%q, %q", c.Text, c.Evidence)
	}
}

// TestBuildHint names the image as --build takes it: without tag and digest, with its
// registry's port.
func TestBuildHint(t *testing.T) {
	for image, want := range map[string]string{
		"own:dev": "--build own=DIR", "own": "--build own=DIR", "127.0.0.1:5000/own": "--build 127.0.0.1:5000/own=DIR",
		"127.0.0.1:5000/a/own:1@sha256:ab": "--build 127.0.0.1:5000/a/own=DIR", "hellox.local/built/own:1f": "--build own=DIR",
	} {
		if hint := buildHint(image, "main"); !strings.Contains(hint, want+" ") {
			t.Errorf("%s: %q, want %q", image, hint, want)
		}
	}
}

// TestStarved: with too little memory for the runtime itself no program is started, and
// what the runtime says does not name memory.
func TestStarved(t *testing.T) {
	limited := func(limit, message string) Subject {
		pod := aPod(corev1.ContainerStatus{State: waiting("CrashLoopBackOff", "back-off 10s"), RestartCount: 1, LastTerminationState: ended(corev1.ContainerStateTerminated{
			Reason: "StartError", ExitCode: 128, Message: message,
		})})
		pod.Spec.Containers[0].Resources.Limits[corev1.ResourceMemory] = resource.MustParse(limit)
		return Subject{Pod: pod, Image: ownImage, Role: "receive", Commands: commands}
	}
	const stopped = "failed to start containerd task \"receive\": cannot start a stopped process: unknown"
	const low = "its program could not be started: the memory limit of 4Mi is probably too low"
	const hint = "raise resources.limits.memory of container receive"
	check(t, Of(limited("4Mi", stopped)), low, hint)
	check(t, Of(limited("4Mi", "runc create failed: unable to start container process: container init was OOM-killed (memory limit too low?): unknown")), low, hint)
	check(t, Of(limited("1Gi", stopped)), "its program cannot be started: cannot start a stopped process", "hellox logs")
}

// TestTold: a program of hellox that ends with an error writes a hint after it, which
// explains nothing alone.
func TestTold(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{nil, ""},
		{[]string{"starting", "the moon is full"}, "the moon is full"},
		{[]string{"hellox: unknown flag --lisen", "hint: hellox broker --help"}, "hellox: unknown flag --lisen"},
		{[]string{"hellox: it failed", "        the last line of another program", "hint: ls"}, "hellox: it failed"},
	} {
		if got := (&Cause{Evidence: c.lines}).Told(); got != c.want {
			t.Errorf("%q: %q, want %q", c.lines, got, c.want)
		}
	}
}

// TestPrintedNothing: a program that ends at once and prints nothing leaves nothing to
// look for in its log, and up says so. It is warned of before up gives up.
func TestPrintedNothing(t *testing.T) {
	pod := func(code int32) *corev1.Pod {
		return ofImage("own:dev", aPod(corev1.ContainerStatus{
			State: waiting("CrashLoopBackOff", ""), RestartCount: 1, LastTerminationState: ended(corev1.ContainerStateTerminated{ExitCode: code}),
		}))
	}
	for code, want := range map[int32]string{
		1: "it ended with exit code 1, and printed nothing",
		0: "it ends again and again, with exit code 0, and printed nothing",
	} {
		c := Of(Subject{Pod: pod(code), Image: ownImage, Commands: commands})
		c.Logged(nil)
		c.Logged(nil)
		check(t, c, want, "logs receive-")
		if c.Grace != graceProbe {
			t.Errorf("exit code %d: %s until it is given up", code, c.Grace)
		}
		c = Of(Subject{Pod: pod(code), Image: ownImage})
		c.Logged([]string{"no such table"})
		if c.Told() != "no such table" || strings.Contains(c.Text, "printed") {
			t.Errorf("exit code %d: %+v", code, c)
		}
	}
}
