package bootstrap

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"hellox/bootstrap/step"
)

// The roles, as the manifests name them.
const (
	roleBroker    = "broker"
	roleBroadcast = "broadcast"
	roleReceive   = "receive"
)

// Scale sets the number of broadcasters and waits until so many are ready. A
// later Up keeps it.
func Scale(ctx context.Context, config *rest.Config, namespace string, n int, steps step.Reporter) error {
	ctx = quiet(ctx)
	s, err := newSite(config, namespace)
	if err != nil {
		return err
	}
	steps.Begin(step.Apply)
	before, err := s.broadcasters(ctx)
	if err == nil && before == nil {
		err = s.noPods(roleBroadcast)
	}
	if err == nil {
		err = s.setBroadcasters(ctx, n)
	}
	if err != nil {
		steps.Fail(err)
		return err
	}
	steps.Done(count(n, "broadcaster"), *before == n)
	if err := s.rolloutStep(ctx, steps); err != nil {
		steps.Fail(err)
		return err
	}
	return nil
}

func (s *site) setBroadcasters(ctx context.Context, n int) error {
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{"replicas": n}})
	if err != nil {
		return err
	}
	_, err = s.in(statefulSets).Patch(ctx, roleBroadcast, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager}, "scale")
	if err != nil {
		return fmt.Errorf("scale the broadcasters in namespace %s to %d: %w", s.namespace, n, err)
	}
	return nil
}

// broadcasters returns how many broadcasters the installation was told to have,
// by whomever; nil if it has none to tell.
func (s *site) broadcasters(ctx context.Context) (*int, error) {
	u, err := s.in(statefulSets).Get(ctx, roleBroadcast, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the number of broadcasters in namespace %s: %w", s.namespace, err)
	}
	if !s.belongs(u) || u.GetDeletionTimestamp() != nil {
		return nil, nil
	}
	n, _, _ := unstructured.NestedInt64(u.Object, "spec", "replicas")
	count := int(n)
	return &count, nil
}
