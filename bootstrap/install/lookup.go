package install

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"hellox/bootstrap/install/cause"
	"hellox/bootstrap/kube"
)

// lookupAge is how long an answer of the cluster is used again: pods that wait for the
// same thing ask the same.
const lookupAge = time.Second

// A clusterLookup reads what causes need besides pods and events. It is for causes
// alone: an answer that does not come soon is none.
type clusterLookup struct {
	// within returns the context of one question.
	within func() (context.Context, context.CancelFunc)
	inst   *Installation
	// image returns the image that hellox loaded into the nodes, or "".
	image func() string

	mu    sync.Mutex
	known map[string]answered
}

type answered struct {
	at    time.Time
	items []unstructured.Unstructured
}

func newClusterLookup(ctx context.Context, inst *Installation) *clusterLookup {
	within := func() (context.Context, context.CancelFunc) { return context.WithTimeout(ctx, 2*time.Second) }
	image := sync.OnceValue(func() string { return imageOf(ctx, inst) })
	return &clusterLookup{within: within, inst: inst, image: image, known: map[string]answered{}}
}

// imageOf returns the image that hellox loaded into the nodes, or "" if that is not
// known.
func imageOf(ctx context.Context, inst *Installation) string {
	inv, err := readInventory(ctx, inst)
	if err != nil {
		return ""
	}
	return inv.Image
}

// complete adds to a Subject what is not read from pods and events.
func (l *clusterLookup) complete(s cause.Subject) cause.Subject {
	s.Image, s.Cluster, s.Commands = l.image(), l, l.inst.commands
	return s
}

// list returns the objects of resource; nil if they cannot be read.
func (l *clusterLookup) list(resource dynamic.ResourceInterface, name string, o metav1.ListOptions) []unstructured.Unstructured {
	l.mu.Lock()
	defer l.mu.Unlock()
	name += o.FieldSelector
	if a, ok := l.known[name]; ok && time.Since(a.at) < lookupAge {
		return a.items
	}
	ctx, cancel := l.within()
	defer cancel()
	var items []unstructured.Unstructured
	if list, err := resource.List(ctx, o); err == nil {
		items = list.Items
	}
	l.known[name] = answered{time.Now(), items}
	return items
}

func (l *clusterLookup) everywhere(r schema.GroupVersionResource) []unstructured.Unstructured {
	return l.list(l.inst.client.All(r), r.Resource, metav1.ListOptions{})
}

// typed converts objects; those that cannot be read are left out.
func typed[T any](items []unstructured.Unstructured) []T {
	if items == nil {
		return nil
	}
	all := make([]T, 0, len(items))
	for i := range items {
		var v T
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(items[i].Object, &v); err == nil {
			all = append(all, v)
		}
	}
	return all
}

// Nodes implements cause.Lookup, as do the next four.
func (l *clusterLookup) Nodes() []corev1.Node { return typed[corev1.Node](l.everywhere(kube.Nodes)) }

// Pods are those of all namespaces.
func (l *clusterLookup) Pods() []corev1.Pod { return typed[corev1.Pod](l.everywhere(kube.Pods)) }

// Claims are those of the namespace.
func (l *clusterLookup) Claims() []corev1.PersistentVolumeClaim {
	return typed[corev1.PersistentVolumeClaim](l.list(l.inst.in(kube.Claims), "claims", metav1.ListOptions{}))
}

// StorageClasses are those of the cluster.
func (l *clusterLookup) StorageClasses() []cause.StorageClass {
	items := l.everywhere(kube.StorageClasses)
	if items == nil {
		return nil
	}
	classes := make([]cause.StorageClass, len(items))
	for i, u := range items {
		classes[i] = cause.StorageClass{Name: u.GetName(), Default: u.GetAnnotations()[defaultClass] == "true"}
	}
	return classes
}

// ClaimEvents are the events of one claim.
func (l *clusterLookup) ClaimEvents(name string) []cause.Event {
	items := l.list(l.inst.in(kube.Events), "events", metav1.ListOptions{FieldSelector: "involvedObject.kind=PersistentVolumeClaim,involvedObject.name=" + name})
	events := make([]cause.Event, len(items))
	for i := range items {
		events[i] = cause.EventOf(&items[i])
	}
	return events
}
