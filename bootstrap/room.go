package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
	"hellox/manifests"
)

// What broadcasters take of a cluster, measured (docs/scale.md).
const (
	aloneBytes = 32 << 20  // a pod of one asks for as much
	shareBytes = 230 << 10 // one of a share of 500 over TLS, resident
	atBroker   = 60 << 10  // its connection at the broker
)

// checkRoom returns an error if the nodes have no room for n broadcasters: none of their
// pods, or of the memory that other pods do not ask for. Where that may not be read
// nothing is wrong.
func checkRoom(ctx context.Context, inst *install.Installation, n int) error {
	pods, memory, err := room(ctx, inst)
	if errors.Is(err, errRoomUnknown) {
		return nil
	}
	if err != nil {
		return err
	}
	return noRoom(n, pods, memory)
}

// noRoom returns the error of n broadcasters that so many pods and so much memory do not
// suffice for, or nil.
func noRoom(n, pods int, memory int64) error {
	fits := func(n int) bool {
		needPods, needMemory := needs(n)
		return needPods <= pods && needMemory <= memory
	}
	if fits(n) {
		return nil
	}
	needPods, needMemory := needs(n)
	most := n
	for most > 0 && !fits(most) {
		most--
	}
	hint := fmt.Sprintf("take %d, for which there is room, or give the cluster more", most)
	if most == 0 {
		hint = "give the cluster a node, or more memory"
	}
	const mi = 1 << 20
	return &step.Error{
		Kind: step.Missing,
		Sentence: fmt.Sprintf("%s need %s and %d MiB of memory; the nodes have room for %s and %d MiB",
			install.Count(n, "broadcaster"), install.Count(needPods, "pod"), needMemory/mi, install.Count(max(pods, 0), "pod"), max(memory, 0)/mi),
		Hint: hint,
	}
}

// needs returns how many pods and how much memory n broadcasters take.
func needs(n int) (pods int, memory int64) {
	spread := manifests.SpreadOf(n)
	if spread.Shares() {
		return spread.Pods, int64(n) * (shareBytes + atBroker)
	}
	return spread.Pods, int64(n) * aloneBytes
}

// errRoomUnknown is the error of a user who may not see all nodes and pods.
var errRoomUnknown = errors.New("the nodes' room is not known")

// room returns how many pods and how much memory the nodes have for broadcasters: what
// all but these do not ask for.
func room(ctx context.Context, inst *install.Installation) (pods int, memory int64, err error) {
	nodes, err := inst.Client().All(kube.Nodes).List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, 0, unknownRoom(err)
	}
	all, err := inst.Client().All(kube.Pods).List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, 0, unknownRoom(err)
	}
	usable := map[string]bool{}
	for i := range nodes.Items {
		var node corev1.Node
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(nodes.Items[i].Object, &node); err != nil {
			return 0, 0, fmt.Errorf("read what room the nodes have: %w", err)
		}
		if !takesPods(&node) {
			continue
		}
		usable[node.Name] = true
		pods += int(node.Status.Allocatable.Pods().Value())
		memory += node.Status.Allocatable.Memory().Value()
	}
	for i := range all.Items {
		pod, err := kube.PodOf(&all.Items[i])
		if err != nil {
			return 0, 0, err
		}
		own := pod.Namespace == inst.Namespace && pod.Labels["app.kubernetes.io/component"] == install.RoleBroadcast
		if own || !usable[pod.Spec.NodeName] || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		pods--
		for _, c := range pod.Spec.Containers {
			memory -= c.Resources.Requests.Memory().Value()
		}
	}
	return pods, memory, nil
}

func unknownRoom(err error) error {
	if apierrors.IsForbidden(err) {
		return errRoomUnknown
	}
	return fmt.Errorf("read what room the nodes have: %w", err)
}

// takesPods reports whether pods without tolerations are put on a node.
func takesPods(node *corev1.Node) bool {
	return !node.Spec.Unschedulable && !slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Effect != corev1.TaintEffectPreferNoSchedule })
}
