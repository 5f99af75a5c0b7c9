package bootstrap

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// ensureNamespace makes the site's namespace where there is none, and tells
// whether it is the installation's own. Its mark is there from the moment it is
// made, so that a namespace without it is known to be somebody else's: nothing
// is changed in that one, and it is never deleted. One that is being deleted is
// waited for.
func (s *site) ensureNamespace(ctx context.Context, progress func(string)) (own bool, err error) {
	all := s.objects.Resource(namespaces)
	for {
		u, err := all.Get(ctx, s.namespace, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			fresh := &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": "v1",
				"kind":       "Namespace",
				"metadata":   map[string]any{"name": s.namespace, "labels": s.labels()},
			}}
			_, err := all.Create(ctx, fresh, metav1.CreateOptions{FieldManager: fieldManager + "-create"})
			if apierrors.IsAlreadyExists(err) {
				continue // somebody was quicker: see whose it is
			}
			if err != nil {
				return false, fmt.Errorf("make namespace %s: %w", s.namespace, err)
			}
			return true, nil
		case err != nil:
			return false, fmt.Errorf("read namespace %s: %w", s.namespace, err)
		case u.GetDeletionTimestamp() != nil:
			progress("waiting until the old namespace " + s.namespace + " is gone")
			if err := waitGone(ctx, all, s.namespace, u.GetUID()); err != nil {
				return false, fmt.Errorf("wait until the old namespace %s is gone: %w", s.namespace, err)
			}
		default:
			return s.belongs(u), nil
		}
	}
}
