package install

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"hellox/bootstrap/install/cause"
	"hellox/bootstrap/kube"
)

// watched is what an observer keeps up to date: the workloads, what they own, and
// the events that Kubernetes writes about any of them.
var watched = []schema.GroupVersionResource{kube.StatefulSets, kube.Deployments, kube.ReplicaSets, kube.Pods, kube.Events}

// An observer sees an installation as the cluster's watches tell it.
type observer struct {
	inst      *Installation
	only      []string // roles; none: all
	informers map[schema.GroupVersionResource]*kube.Informer
	changed   chan struct{}
	lookup    *clusterLookup
}

// observe returns an observer of the installation once it has seen all there is,
// and a function that ends it.
func observe(ctx context.Context, inst *Installation) (o *observer, end func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	end = func() {
		cancel()
		running.Wait()
	}
	o = &observer{
		inst: inst, informers: map[schema.GroupVersionResource]*kube.Informer{}, changed: make(chan struct{}, 1),
		lookup: newClusterLookup(ctx, inst),
	}
	for _, resource := range watched {
		i := kube.NewInformer(o.changed)
		o.informers[resource] = i
		selector := inst.Selector()
		if resource == kube.Events { // they carry no labels
			selector = ""
		}
		running.Go(func() { i.Run(ctx, inst.in(resource), selector) })
	}
	for _, resource := range watched {
		select {
		case <-o.informers[resource].Synced:
		case <-ctx.Done():
			end()
			return nil, nil, context.Cause(ctx)
		}
	}
	return o, end, nil
}

// A view is an installation at one moment.
type view struct {
	workloads []workload
	pods      []*corev1.Pod
	causes    []*cause.Cause
}

// look returns what there is now.
func (o *observer) look() (v view, err error) {
	all := func(r schema.GroupVersionResource) []*unstructured.Unstructured { return o.informers[r].All() }
	if v, err = viewOf(all); err != nil {
		return v, err
	}
	if len(o.only) > 0 {
		v.workloads = slices.DeleteFunc(v.workloads, func(w workload) bool { return !slices.Contains(o.only, w.role) })
	}
	v.causes = causesOf(o.inst.commands, v.workloads, v.pods, eventsOf(all(kube.Events)), o.lookup.complete)
	return v, nil
}

// viewOf reads the workloads and the pods, without causes; all returns the objects of a
// resource.
func viewOf(all func(schema.GroupVersionResource) []*unstructured.Unstructured) (v view, err error) {
	v.workloads, err = workloadsOf(append(all(kube.StatefulSets), all(kube.Deployments)...), all(kube.ReplicaSets))
	if err != nil {
		return v, err
	}
	v.pods, err = podsOf(all(kube.Pods))
	return v, err
}

// awaitChange waits for a change, or for next to pass if it is not zero.
func (o *observer) awaitChange(ctx context.Context, next time.Duration) error {
	var timer <-chan time.Time
	if next > 0 {
		t := time.NewTimer(next)
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-o.changed:
	case <-timer:
	}
	return nil
}

func eventsOf(objects []*unstructured.Unstructured) map[types.UID][]cause.Event {
	events := map[types.UID][]cause.Event{}
	for _, u := range objects {
		e := cause.EventOf(u)
		events[e.UID] = append(events[e.UID], e)
	}
	return events
}

// podsOf returns the typed form of pods.
func podsOf(objects []*unstructured.Unstructured) ([]*corev1.Pod, error) {
	pods := make([]*corev1.Pod, len(objects))
	for i, u := range objects {
		var err error
		if pods[i], err = kube.PodOf(u); err != nil {
			return nil, err
		}
	}
	return pods, nil
}

// causesOf explains why the pods of the workloads' current revision are not ready, or
// why there are none: what is broken first, what may only wait for it last. complete
// adds to a Subject what is not read from pods and events.
func causesOf(commands kube.Commands, workloads []workload, pods []*corev1.Pod, events map[types.UID][]cause.Event, complete func(cause.Subject) cause.Subject) []*cause.Cause {
	var causes []*cause.Cause
	for _, w := range workloads {
		if message := w.refused(events); message != "" {
			causes = append(causes, cause.Create(commands, w.name, w.role, message))
		}
	}
	for _, pod := range pods {
		if !current(pod, workloads) || kube.IsReady(pod) {
			continue
		}
		if c := cause.Of(complete(subjectOf(pod, events))); c != nil {
			causes = append(causes, c)
		}
	}
	slices.SortStableFunc(causes, func(a, b *cause.Cause) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Pod, b.Pod))
	})
	return causes
}

// subjectOf is what the pod and its events tell.
func subjectOf(pod *corev1.Pod, events map[types.UID][]cause.Event) cause.Subject {
	return cause.Subject{Pod: pod, Role: pod.Labels[roleLabel], Events: events[pod.UID]}
}

// rank orders causes: broken ones before those that only wait, and the broker, which
// the others wait for, before them.
func rank(c *cause.Cause) int {
	n := 0
	if c.Unready {
		n += 2
	}
	if c.Role != RoleBroker {
		n++
	}
	return n
}

// alike joins causes of several pods that say the same.
func alike(causes []*cause.Cause) (lines []string) {
	counts := map[string]int{}
	for _, c := range causes {
		if counts[c.Text]++; counts[c.Text] == 1 {
			lines = append(lines, c.Text)
		}
	}
	for i, text := range lines {
		first := causes[slices.IndexFunc(causes, func(c *cause.Cause) bool { return c.Text == text })]
		lines[i] = first.String()
		if n := counts[text] - 1; n > 0 {
			lines[i] = fmt.Sprintf("%s and %s: %s", first.Pod, Count(n, "other pod"), text)
		}
	}
	return lines
}
