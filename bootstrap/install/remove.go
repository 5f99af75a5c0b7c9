package install

import (
	"context"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"hellox/bootstrap/kube"
)

// parallel bounds how many requests one step has under way at once.
const parallel = 8

// remove deletes those of refs that carry the installation's label, all at
// once, and waits until they and what they own (the pods of a workload) are
// gone. foreign are those that exist without the label: they stay.
func remove(ctx context.Context, inst *Installation, refs []kube.Ref) (removed, foreign []kube.Ref, err error) {
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, r := range refs {
		g.Go(func() error {
			was, err := removeOne(ctx, inst, r)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				return fmt.Errorf("remove %s from namespace %s: %w", r, inst.Namespace, err)
			case was == wasOurs:
				removed = append(removed, r)
			case was == wasForeign:
				foreign = append(foreign, r)
			}
			return nil
		})
	}
	return removed, foreign, g.Wait()
}

// A found is what removeOne found in the place of an object.
type found int

const (
	wasAbsent found = iota
	wasOurs
	wasForeign
)

func removeOne(ctx context.Context, inst *Installation, r kube.Ref) (found, error) {
	resource, u, err := inst.client.Get(ctx, r)
	switch {
	case err != nil || u == nil:
		return wasAbsent, err
	case !inst.belongs(u):
		return wasForeign, nil
	}
	uid := u.GetUID()
	// Foreground: a workload is gone only when its pods are.
	policy := metav1.DeletePropagationForeground
	err = resource.Delete(ctx, r.Name, metav1.DeleteOptions{
		Preconditions:     &metav1.Preconditions{UID: &uid},
		PropagationPolicy: &policy,
	})
	// A conflict means that the object of this UID is gone and a new one, which
	// was not checked, has its name.
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return wasOurs, err
	}
	return wasOurs, kube.WaitGone(ctx, resource, r.Name, uid)
}
