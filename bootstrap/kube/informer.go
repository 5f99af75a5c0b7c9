package kube

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
)

// An Informer is a local copy of the objects that a selector names, kept up to date
// by client-go's reflector: one list, then a watch, which is restarted when it
// breaks.
type Informer struct {
	store   cache.Store
	changed chan<- struct{} // buffered, 1: signals changes; the creator's, not closed here
	Synced  chan struct{}   // closed when store first holds all there is
}

// NewInformer returns an informer that Run fills. changed must be buffered. It
// gets a value after each change unless it is full, and may be shared by several
// informers.
func NewInformer(changed chan<- struct{}) *Informer {
	return &Informer{
		store:   cache.NewStore(cache.DeletionHandlingMetaNamespaceKeyFunc),
		changed: changed,
		Synced:  make(chan struct{}),
	}
}

// Run keeps the informer up to date until ctx ends.
func (i *Informer) Run(ctx context.Context, resource dynamic.ResourceInterface, selector string) {
	lw := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.LabelSelector = selector
			return resource.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.LabelSelector = selector
			return resource.Watch(ctx, o)
		},
	}
	r := cache.NewReflectorWithOptions(lw, &unstructured.Unstructured{}, i, cache.ReflectorOptions{Name: "hellox"})
	r.RunWithContext(ctx)
}

// All returns the objects there are now, in no order. They must not be changed.
func (i *Informer) All() []*unstructured.Unstructured {
	list := i.store.List()
	objects := make([]*unstructured.Unstructured, len(list))
	for n, o := range list {
		objects[n] = o.(*unstructured.Unstructured)
	}
	return objects
}

// Add stores an object. It and the next four are what a reflector calls.
func (i *Informer) Add(o any) error { return i.signal(i.store.Add(o)) }

// Update replaces an object.
func (i *Informer) Update(o any) error { return i.signal(i.store.Update(o)) }

// Delete removes an object.
func (i *Informer) Delete(o any) error { return i.signal(i.store.Delete(o)) }

// Resync does nothing: the store has no handlers that would be called again.
func (i *Informer) Resync() error { return nil }

// Replace replaces all objects.
func (i *Informer) Replace(list []any, version string) error {
	err := i.store.Replace(list, version)
	select {
	case <-i.Synced:
	default:
		close(i.Synced)
	}
	return i.signal(err)
}

func (i *Informer) signal(err error) error {
	select {
	case i.changed <- struct{}{}:
	default:
	}
	return err
}
