package install

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/kube"
)

// A provisioner removes a volume some seconds after its claim is gone: it runs a pod
// for that. One that was restarted since may not know the volume any more.
const volumeTime = 10 * time.Second

// Volumes returns the names of the persistent volumes whose claims are or were the
// installation's: those of the claims there are now, and those that an earlier one
// left under the same names.
func Volumes(ctx context.Context, inst *Installation) ([]string, error) {
	inv, err := readInventory(ctx, inst)
	if err != nil {
		return nil, err
	}
	_, data, err := recorded(ctx, inst, inv)
	if err != nil || len(data) == 0 {
		return nil, err
	}
	list, err := inst.client.All(kube.Volumes).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list the volumes: %w", err)
	}
	var names []string
	for i := range list.Items {
		namespace, claim := claimOf(&list.Items[i])
		if namespace == inst.Namespace && slices.ContainsFunc(data, func(r kube.Ref) bool { return r.Name == claim }) {
			names = append(names, list.Items[i].GetName())
		}
	}
	return names, nil
}

// LeftVolumes waits until the volumes of that name are gone, and returns how many are
// not after some seconds, with a sentence about them.
func LeftVolumes(ctx context.Context, inst *Installation, names []string, progress func(string)) (left int, note string, err error) {
	for over := time.Now().Add(volumeTime); len(names) > 0; {
		list, err := inst.client.All(kube.Volumes).List(ctx, metav1.ListOptions{})
		if err != nil {
			return 0, "", fmt.Errorf("list the volumes: %w", err)
		}
		var there, retained []string
		for i := range list.Items {
			u := &list.Items[i]
			if !slices.Contains(names, u.GetName()) {
				continue
			}
			there = append(there, u.GetName())
			if policy, _, _ := unstructured.NestedString(u.Object, "spec", "persistentVolumeReclaimPolicy"); policy == "Retain" {
				retained = append(retained, u.GetName())
			}
		}
		names = there
		if len(names) == len(retained) || time.Now().After(over) {
			break
		}
		progress("waiting for the provisioner to remove volume " + few(names))
		if err := kube.Pause(ctx, 200*time.Millisecond); err != nil {
			return 0, "", err
		}
	}
	if len(names) == 0 {
		return 0, "", nil
	}
	return len(names), fmt.Sprintf("left: %s, which the cluster's provisioner does not remove; %s",
		Count(len(names), "volume"), inst.commands.Cluster("delete persistentvolume "+strings.Join(names, " "))), nil
}

// claimOf returns the claim that a persistent volume is bound to, or was.
func claimOf(u *unstructured.Unstructured) (namespace, name string) {
	namespace, _, _ = unstructured.NestedString(u.Object, "spec", "claimRef", "namespace")
	name, _, _ = unstructured.NestedString(u.Object, "spec", "claimRef", "name")
	return namespace, name
}
