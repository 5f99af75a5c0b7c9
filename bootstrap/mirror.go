package bootstrap

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
)

// A mirror is a local copy of the objects that a selector names, kept up to date
// by client-go's reflector: one list, then a watch, begun anew when it breaks.
type mirror struct {
	store   cache.Store
	changed chan<- struct{} // has room for one; a change is signalled if there is room
	synced  chan struct{}   // closed when store first holds all there is
}

// newMirror returns a mirror that run fills. changed has room for one value; it
// gets one after each change, also from other mirrors that share it.
func newMirror(changed chan<- struct{}) *mirror {
	return &mirror{
		store:   cache.NewStore(cache.DeletionHandlingMetaNamespaceKeyFunc),
		changed: changed,
		synced:  make(chan struct{}),
	}
}

// run keeps the mirror until ctx ends.
func (m *mirror) run(ctx context.Context, resource dynamic.ResourceInterface, selector string) {
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
	r := cache.NewReflectorWithOptions(lw, &unstructured.Unstructured{}, m, cache.ReflectorOptions{Name: "hellox"})
	r.RunWithContext(ctx)
}

// all returns the objects there are now, in no order. They must not be changed.
func (m *mirror) all() []*unstructured.Unstructured {
	list := m.store.List()
	objects := make([]*unstructured.Unstructured, len(list))
	for i, o := range list {
		objects[i] = o.(*unstructured.Unstructured)
	}
	return objects
}

// Add, Update, Delete, Replace and Resync are what a reflector asks of a store.

func (m *mirror) Add(o any) error    { return m.signal(m.store.Add(o)) }
func (m *mirror) Update(o any) error { return m.signal(m.store.Update(o)) }
func (m *mirror) Delete(o any) error { return m.signal(m.store.Delete(o)) }
func (m *mirror) Resync() error      { return nil }

func (m *mirror) Replace(list []any, version string) error {
	err := m.store.Replace(list, version)
	select {
	case <-m.synced:
	default:
		close(m.synced)
	}
	return m.signal(err)
}

func (m *mirror) signal(err error) error {
	select {
	case m.changed <- struct{}{}:
	default:
	}
	return err
}
