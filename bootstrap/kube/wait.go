package kube

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
)

// WaitGone waits until the object of that name and UID is deleted.
func WaitGone(ctx context.Context, resource dynamic.ResourceInterface, name string, uid types.UID) error {
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

// watchDeletion returns when the object is deleted, or when the watch ends for
// another reason and the caller must check again.
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
				// Do not ask a server that ends watches at once in a tight
				// loop.
				return Pause(ctx, 200*time.Millisecond)
			}
		}
	}
}

// Pause waits for d, or until ctx ends.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
