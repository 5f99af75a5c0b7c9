package install

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"hellox/bootstrap/kube"
	"hellox/manifests"
)

// The roles, as the manifests name them.
const (
	RoleBroker    = "broker"
	RoleBroadcast = "broadcast"
	RoleReceive   = "receive"
)

// SetReceivers sets the number of receivers.
func SetReceivers(ctx context.Context, inst *Installation, n int) error {
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"replicas": n}})
	if err != nil {
		return err
	}
	_, err = inst.in(kube.Deployments).Patch(ctx, RoleReceive, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager}, "scale")
	if err != nil {
		return fmt.Errorf("scale the receivers in namespace %s to %d: %w", inst.Namespace, n, err)
	}
	return nil
}

// Receivers returns how many receivers the installation should have; nil if it has none.
func Receivers(ctx context.Context, inst *Installation) (*int, error) {
	u, err := inst.in(kube.Deployments).Get(ctx, RoleReceive, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the number of receivers in namespace %s: %w", inst.Namespace, err)
	}
	if !inst.belongs(u) || u.GetDeletionTimestamp() != nil {
		return nil, nil
	}
	n, _, _ := unstructured.NestedInt64(u.Object, "spec", "replicas")
	count := int(n)
	return &count, nil
}

// ClusterSize returns of how many nodes the installation's broker is: by what runs, by the
// data that a down has kept, or by what an up that was ended has recorded or made; 0 if
// there is none of that.
func ClusterSize(ctx context.Context, inst *Installation) (int, error) {
	u, err := inst.in(kube.StatefulSets).Get(ctx, RoleBroker, metav1.GetOptions{})
	if err == nil && inst.belongs(u) {
		return manifests.ClusterSize([]*unstructured.Unstructured{u}), nil
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return 0, fmt.Errorf("read the broker in namespace %s: %w", inst.Namespace, err)
	}
	claims, err := inst.in(kube.Claims).List(ctx, metav1.ListOptions{LabelSelector: inst.Selector()})
	if err != nil {
		return 0, fmt.Errorf("list the volume claims in namespace %s: %w", inst.Namespace, err)
	}
	for i := range claims.Items {
		if size := manifests.ClaimSize(claims.Items[i].GetName()); size != 0 && claims.Items[i].GetDeletionTimestamp() == nil {
			return size, nil
		}
	}
	return begunSize(ctx, inst)
}

// AsksClients reports whether the installation has a broker that asks its clients who they
// are.
func AsksClients(ctx context.Context, inst *Installation) (bool, error) {
	u, err := inst.in(kube.StatefulSets).Get(ctx, RoleBroker, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read the broker in namespace %s: %w", inst.Namespace, err)
	}
	return inst.belongs(u) && !manifests.AsksNone([]*unstructured.Unstructured{u}), nil
}

// begunSize returns the size that an up has begun to make. Only a broker of several nodes
// has the Secret of its peers, which the inventory lists before anything is applied.
func begunSize(ctx context.Context, inst *Installation) (int, error) {
	inv, err := readInventory(ctx, inst)
	if err != nil {
		return 0, err
	}
	peers := kube.Ref{APIVersion: "v1", Kind: "Secret", Namespace: inst.Namespace, Name: manifests.BrokerPeers}
	if slices.Contains(inv.Objects, peers) {
		return manifests.SeveralNodes, nil
	}
	secret, err := inst.in(kube.Secrets).Get(ctx, peers.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the certificate of the nodes in namespace %s: %w", inst.Namespace, err)
	}
	if inst.belongs(secret) && secret.GetDeletionTimestamp() == nil {
		return manifests.SeveralNodes, nil
	}
	return 0, nil
}
