package bootstrap

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
)

// parallel bounds how many requests one step has under way at once.
const parallel = 8

// remove deletes those of refs that carry the installation's label, all at
// once, and waits until they and what they own (the pods of a workload) are
// gone. foreign are those that exist without the label: they stay.
func (s *site) remove(ctx context.Context, refs []ref) (removed, foreign []ref, err error) {
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, r := range refs {
		g.Go(func() error {
			was, err := s.removeOne(ctx, r)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				return fmt.Errorf("remove %s from namespace %s: %w", r, s.namespace, err)
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

// What removeOne found in the place of an object.
type found int

const (
	wasAbsent found = iota
	wasOurs
	wasForeign
)

func (s *site) removeOne(ctx context.Context, r ref) (found, error) {
	resource, u, err := s.get(ctx, r)
	switch {
	case err != nil || u == nil:
		return wasAbsent, err
	case !s.belongs(u):
		return wasForeign, nil
	}
	uid := u.GetUID()
	// Foreground: a workload is gone only when its pods are.
	policy := metav1.DeletePropagationForeground
	err = resource.Delete(ctx, r.Name, metav1.DeleteOptions{
		Preconditions:     &metav1.Preconditions{UID: &uid},
		PropagationPolicy: &policy,
	})
	// A conflict means that the object of this uid is gone and a new one, which
	// nobody looked at, has its name.
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return wasOurs, err
	}
	return wasOurs, waitGone(ctx, resource, r.Name, uid)
}

// get returns an object and where it is; nil if there is none.
func (s *site) get(ctx context.Context, r ref) (dynamic.ResourceInterface, *unstructured.Unstructured, error) {
	resource, err := s.resourceOf(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	u, err := resource.Get(ctx, r.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return resource, nil, nil
	}
	return resource, u, err
}

// waitGone waits until the object of that name and uid is no more.
func waitGone(ctx context.Context, resource dynamic.ResourceInterface, name string, uid types.UID) error {
	for {
		u, err := resource.Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) || err == nil && u.GetUID() != uid {
			return nil
		}
		if err != nil {
			return err
		}
		if err := watchDeletion(ctx, resource, name, u.GetResourceVersion()); err != nil {
			return err
		}
	}
}

// watchDeletion returns when the object is deleted, or when the watch ended
// for a reason of its own and the caller must look again.
func watchDeletion(ctx context.Context, resource dynamic.ResourceInterface, name, version string) error {
	w, err := resource.Watch(ctx, metav1.ListOptions{
		FieldSelector:   "metadata.name=" + name,
		ResourceVersion: version,
	})
	if err != nil {
		return err
	}
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case event, ok := <-w.ResultChan():
			switch {
			case ok && event.Type == watch.Deleted:
				return nil
			case !ok || event.Type == watch.Error:
				// A server that ends watches at once must not be asked in a
				// tight loop.
				return pause(ctx, 200*time.Millisecond)
			}
		}
	}
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
