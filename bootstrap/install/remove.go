package install

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"hellox/bootstrap/kube"
)

// parallel bounds how many requests one step has under way at once.
const parallel = 8

// A removal is what one remove did.
type removal struct {
	removed []kube.Ref // by this removal
	foreign []kube.Ref // exist without the installation's label: they stay
	forced  []string   // pods that were removed from the API while their node was not ready
}

// remove deletes those of refs that carry the installation's label, all at
// once, and waits until they and what they own (the pods of a workload) are
// gone. Meanwhile progress is told what is waited for.
func remove(ctx context.Context, inst *Installation, refs []kube.Ref, progress func(string)) (removal, error) {
	var mu sync.Mutex
	var did removal
	var going []deleted
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, r := range refs {
		g.Go(func() error {
			d, was, err := deleteOne(gctx, inst, r)
			if err != nil {
				return fmt.Errorf("remove %s from namespace %s: %w", r, inst.Namespace, err)
			}
			mu.Lock()
			defer mu.Unlock()
			switch was {
			case wasOurs:
				did.removed = append(did.removed, r)
				going = append(going, d)
			case wasForeign:
				did.foreign = append(did.foreign, r)
			}
			return nil
		})
	}
	err := g.Wait()
	slices.SortFunc(did.removed, kube.CompareRefs)
	slices.SortFunc(did.foreign, kube.CompareRefs)
	if err == nil {
		did.forced, err = waitAllGone(ctx, inst, going, progress)
	}
	return did, err
}

// A found is what deleteOne found in the place of an object.
type found int

const (
	wasAbsent found = iota
	wasOurs
	wasForeign
)

// deleteOne deletes r if it is part of the installation, and does not wait until it
// is gone.
func deleteOne(ctx context.Context, inst *Installation, r kube.Ref) (deleted, found, error) {
	resource, u, err := inst.client.Get(ctx, r)
	switch {
	case errors.Is(err, kube.ErrUnknownKind): // it went with the definition of its kind
		return deleted{}, wasAbsent, nil
	case err != nil || u == nil:
		return deleted{}, wasAbsent, err
	case !inst.belongs(u):
		return deleted{}, wasForeign, nil
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
		return deleted{}, wasOurs, err
	}
	return deleted{r, uid, resource}, wasOurs, nil
}

// removeOne removes r and waits until it is gone.
func removeOne(ctx context.Context, inst *Installation, r kube.Ref, progress func(string)) error {
	_, err := remove(ctx, inst, []kube.Ref{r}, progress)
	return err
}
