package install

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"hellox/bootstrap/kube"
)

// The roles, as the manifests name them.
const (
	RoleBroker    = "broker"
	RoleBroadcast = "broadcast"
	RoleReceive   = "receive"
)

// SetBroadcasters sets the number of broadcasters.
func SetBroadcasters(ctx context.Context, inst *Installation, n int) error {
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"replicas": n}})
	if err != nil {
		return err
	}
	_, err = inst.in(kube.StatefulSets).Patch(ctx, RoleBroadcast, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager}, "scale")
	if err != nil {
		return fmt.Errorf("scale the broadcasters in namespace %s to %d: %w", inst.Namespace, n, err)
	}
	return nil
}

// Broadcasters returns how many broadcasters the installation should have; nil
// if it has no StatefulSet of them.
func Broadcasters(ctx context.Context, inst *Installation) (*int, error) {
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
	n, _, _ := unstructured.NestedInt64(u.Object, "spec", "replicas")
	count := int(n)
	return &count, nil
}
