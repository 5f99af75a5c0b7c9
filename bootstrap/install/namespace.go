package install

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
)

// EnsureNamespace creates the namespace if there is none, and reports whether it
// is the installation's own. Its label is set when it is created, so a namespace
// without the label is not of hellox: that one is not changed and never deleted.
// EnsureNamespace waits for a namespace that is being deleted.
func (inst *Installation) EnsureNamespace(ctx context.Context, progress func(string)) (own bool, err error) {
	for {
		own, err := inst.FindNamespace(ctx, progress)
		if !apierrors.IsNotFound(err) {
			return own, err
		}
		u := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1",
			"kind":       "Namespace",
			"metadata":   map[string]any{"name": inst.Namespace, "labels": inst.labels()},
		}}
		_, err = inst.client.All(kube.Namespaces).Create(ctx, u, metav1.CreateOptions{FieldManager: fieldManager + "-create"})
		if apierrors.IsAlreadyExists(err) {
			continue // created meanwhile: see by whom
		}
		if err != nil {
			return false, fmt.Errorf("make namespace %s: %w", inst.Namespace, err)
		}
		return true, nil
	}
}

// FindNamespace reports whether the namespace is the installation's own. Its
// error is one of apierrors.IsNotFound if there is none. It waits for a namespace
// that is being deleted.
func (inst *Installation) FindNamespace(ctx context.Context, progress func(string)) (own bool, err error) {
	all := inst.client.All(kube.Namespaces)
	for {
		u, err := all.Get(ctx, inst.Namespace, metav1.GetOptions{})
		if err != nil {
			return false, fmt.Errorf("read namespace %s: %w", inst.Namespace, err)
		}
		if u.GetDeletionTimestamp() == nil {
			return inst.belongs(u), nil
		}
		progress("waiting until namespace " + inst.Namespace + " is gone")
		if err := waitGone(ctx, inst, deleted{inst.namespaceRef(), u.GetUID(), all}, progress); err != nil {
			if errors.As(err, new(*step.Error)) { // it says what it waited for
				return false, err
			}
			return false, fmt.Errorf("wait until namespace %s is gone: %w", inst.Namespace, err)
		}
	}
}

// RemoveNamespace deletes the namespace, and with it the inventory and the lock.
func (inst *Installation) RemoveNamespace(ctx context.Context, progress func(string)) error {
	err := removeOne(ctx, inst, inst.namespaceRef(), progress)
	if errors.As(err, new(*step.Error)) { // it says what it waited for
		return err
	}
	if err != nil {
		return fmt.Errorf("remove namespace %s: %w", inst.Namespace, err)
	}
	return nil
}

func (inst *Installation) namespaceRef() kube.Ref {
	return kube.Ref{APIVersion: "v1", Kind: "Namespace", Name: inst.Namespace}
}
