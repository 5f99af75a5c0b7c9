package install

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
	"hellox/manifests"
)

// broadcastersAnnotation is how many broadcasters were asked for last. It counts while they
// are not yet one a pod or shares, as it asks: what ended their pods was itself ended.
const broadcastersAnnotation = "hellox.local/broadcasters"

// Broadcasters returns how many broadcasters the installation should have; nil if it has no
// pods for them.
func Broadcasters(ctx context.Context, inst *Installation) (*int, error) {
	pods, err := broadcastPods(ctx, inst)
	if pods == nil || err != nil {
		return nil, err
	}
	shares := manifests.SharesOf(pods)
	asked, err := strconv.Atoi(pods.GetAnnotations()[broadcastersAnnotation])
	if err == nil && manifests.SpreadOf(asked).Shares() != shares {
		return &asked, nil
	}
	if !shares {
		replicas, _, _ := unstructured.NestedInt64(pods.Object, "spec", "replicas")
		n := int(replicas)
		return &n, nil
	}
	total, err := inst.in(kube.ConfigMaps).Get(ctx, manifests.BroadcastTotal, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("read the number of broadcasters in namespace %s: %w", inst.Namespace, err)
	}
	n, err := manifests.TotalOf(total)
	if err != nil {
		return nil, fmt.Errorf("read the number of broadcasters in namespace %s: %w", inst.Namespace, err)
	}
	return &n, nil
}

// broadcastPods returns the StatefulSet of the installation's broadcasters, or nil.
func broadcastPods(ctx context.Context, inst *Installation) (*unstructured.Unstructured, error) {
	u, err := inst.in(kube.StatefulSets).Get(ctx, RoleBroadcast, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the number of broadcasters in namespace %s: %w", inst.Namespace, err)
	}
	if !inst.belongs(u) || u.GetDeletionTimestamp() != nil {
		return nil, nil
	}
	return u, nil
}

// SetBroadcasters sets the number of broadcasters. Where they run as shares before and
// after, those of both numbers go on.
func SetBroadcasters(ctx context.Context, inst *Installation, n int, progress func(string)) error {
	pods, err := broadcastPods(ctx, inst)
	if err != nil {
		return err
	}
	if pods == nil {
		return NoPods(inst, RoleBroadcast)
	}
	spread := manifests.SpreadOf(n)
	total, err := json.Marshal(map[string]any{"data": map[string]any{manifests.TotalKey: strconv.Itoa(spread.Total)}})
	if err != nil {
		return err
	}
	known := inst.in(kube.ConfigMaps)
	if spread.Shares() || manifests.SharesOf(pods) {
		if err := sharesPossible(ctx, inst, pods, n); err != nil {
			return err
		}
		if spread.Shares() != manifests.SharesOf(pods) {
			if err := endBroadcasters(ctx, inst, n, progress); err != nil {
				return err
			}
		}
		// First, because a pod begins with what it finds.
		if _, err = known.Patch(ctx, manifests.BroadcastTotal, types.MergePatchType, total, metav1.PatchOptions{FieldManager: fieldManager}); err != nil {
			return fmt.Errorf("scale the broadcasters in namespace %s to %d: %w", inst.Namespace, n, err)
		}
	}
	spec := map[string]any{"replicas": spread.Pods}
	if spread.Shares() != manifests.SharesOf(pods) {
		spec["template"] = map[string]any{"spec": map[string]any{"serviceAccountName": spread.Account}}
	}
	return patchBroadcast(ctx, inst, n, spec)
}

// sharesPossible returns an error if the pods of the broadcasters know no total.
func sharesPossible(ctx context.Context, inst *Installation, pods *unstructured.Unstructured, n int) error {
	known := false
	manifests.EachMounted(pods.Object, func(kind, name string) {
		known = known || kind == "ConfigMap" && name == manifests.BroadcastTotal
	})
	_, err := inst.in(kube.ConfigMaps).Get(ctx, manifests.BroadcastTotal, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("read the number of broadcasters in namespace %s: %w", inst.Namespace, err)
	}
	if known && err == nil {
		return nil
	}
	return &step.Error{
		Kind:     step.Ambiguous,
		Sentence: fmt.Sprintf("the pods of namespace %s are of an older hellox, of which each is one broadcaster, and cannot be %d", inst.Namespace, n),
		Hint:     inst.commands.Hellox("up --broadcasters " + strconv.Itoa(n)),
	}
}

// Regroup ends the pods of the broadcasters if they are to run as shares and do not, or the
// other way round: the next Apply of objects begins them anew. Two pods would else use one
// ID for a while, each with a right to it.
func Regroup(ctx context.Context, inst *Installation, objects []*unstructured.Unstructured, progress func(string)) error {
	rendered, n := manifests.Broadcasters(objects)
	if rendered == nil {
		return nil
	}
	live, err := broadcastPods(ctx, inst)
	if live == nil || err != nil {
		return err
	}
	if manifests.SharesOf(live) != manifests.SharesOf(rendered) {
		return endBroadcasters(ctx, inst, n, progress)
	}
	if asked := live.GetAnnotations()[broadcastersAnnotation]; asked != "" && asked != strconv.Itoa(n) {
		return patchBroadcast(ctx, inst, n, nil)
	}
	return nil
}

// endBroadcasters ends the pods and waits until they are gone. That n are asked for is on
// record from then on.
func endBroadcasters(ctx context.Context, inst *Installation, n int, progress func(string)) error {
	if err := patchBroadcast(ctx, inst, n, map[string]any{"replicas": 0}); err != nil {
		return err
	}
	for {
		list, err := inst.in(kube.Pods).List(ctx, metav1.ListOptions{LabelSelector: Selector(inst.Namespace, RoleBroadcast)})
		if err != nil {
			return fmt.Errorf("list the pods in namespace %s: %w", inst.Namespace, err)
		}
		if len(list.Items) == 0 {
			return nil
		}
		all := make([]deleted, len(list.Items))
		for i := range list.Items {
			all[i] = deleted{kube.RefOf(&list.Items[i]), list.Items[i].GetUID(), inst.in(kube.Pods)}
		}
		if _, err := waitAllGone(ctx, inst, all, progress); err != nil {
			return err
		}
	}
}

// patchBroadcast changes the spec of the broadcasters' StatefulSet, on the way to n of them.
func patchBroadcast(ctx context.Context, inst *Installation, n int, spec map[string]any) error {
	change := map[string]any{"metadata": map[string]any{"annotations": map[string]any{broadcastersAnnotation: strconv.Itoa(n)}}}
	if spec != nil {
		change["spec"] = spec
	}
	patch, err := json.Marshal(change)
	if err != nil {
		return err
	}
	if _, err = inst.in(kube.StatefulSets).Patch(ctx, RoleBroadcast, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager}); err != nil {
		return fmt.Errorf("scale the broadcasters in namespace %s to %d: %w", inst.Namespace, n, err)
	}
	return nil
}
