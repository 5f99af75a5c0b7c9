package install

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"hellox/bootstrap/install/cause"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
)

// maxProgress is how long a progress text may be: with the name of the step it has two
// lines of a terminal.
const maxProgress = 130

// lookInterval is how often a removal looks for what it still waits for.
const lookInterval = time.Second

// deleted is an object that was deleted and may still exist: its finalizers, and
// the pods of a workload, take their time.
type deleted struct {
	ref      kube.Ref
	uid      types.UID
	resource dynamic.ResourceInterface
}

// waitAllGone waits until all are gone. Each second it tells progress what still
// holds them. A pod whose node is not ready does not end by itself, because no
// kubelet reports its end: once its grace period is over it is removed from the API,
// and returned as forced.
func waitAllGone(ctx context.Context, inst *Installation, all []deleted, progress func(string)) (forced []string, err error) {
	return awaitGone(ctx, inst, all, progress, func(ctx context.Context, lost []*corev1.Pod) []string { return force(ctx, inst, lost) })
}

// waitGone waits until one object is gone that is not removed now: nothing is forced.
func waitGone(ctx context.Context, inst *Installation, d deleted, progress func(string)) error {
	_, err := awaitGone(ctx, inst, []deleted{d}, progress, func(context.Context, []*corev1.Pod) []string { return nil })
	return err
}

func awaitGone(ctx context.Context, inst *Installation, all []deleted, progress func(string), force func(context.Context, []*corev1.Pod) []string) (forced []string, err error) {
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	type outcome struct {
		ref kube.Ref
		err error
	}
	ended := make(chan outcome, len(all)) // room for each: no goroutine waits for a reader
	pending := make(map[kube.Ref]deleted, len(all))
	for _, d := range all {
		pending[d.ref] = d
		go func() { ended <- outcome{d.ref, kube.WaitGone(waiting, d.resource, d.ref.Name, d.uid)} }()
	}
	defer func() { // who starts a goroutine waits for it
		stop()
		for range pending {
			<-ended
		}
	}()
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for len(pending) > 0 {
		select {
		case o := <-ended:
			if o.err == nil {
				delete(pending, o.ref)
				continue
			}
			left := maps.Clone(pending)
			delete(pending, o.ref) // for the goroutines that are waited for
			if ctx.Err() != nil {
				return forced, stillThere(ctx, inst, left, o.err)
			}
			return forced, fmt.Errorf("wait until %s is gone: %w", o.ref, o.err)
		case <-tick.C:
			now := lookAt(ctx, inst, pending)
			if now.text == "" {
				continue
			}
			progress(cause.Shorten("waiting for "+now.text, maxProgress))
			for _, pod := range force(ctx, now.lost) {
				if !slices.Contains(forced, pod) { // its own finalizer holds it
					forced = append(forced, pod)
				}
			}
		}
	}
	return forced, nil
}

// held is what a removal waits for.
type held struct {
	text string
	hint string        // what helps
	lost []*corev1.Pod // that no kubelet ends
}

// stillThere is the error of a removal whose time was over before all was gone, or
// err if it ended for another reason.
func stillThere(ctx context.Context, inst *Installation, left map[kube.Ref]deleted, err error) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return err
	}
	// These requests must not fail because the deadline has passed.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	last := lookAt(ctx, inst, left)
	if last.text == "" {
		return err
	}
	return &step.Error{
		Sentence: fmt.Sprintf("remove namespace %s: the time was over before all was gone; it waited for %s", inst.Namespace, last.text),
		Hint:     last.hint,
	}
}

// lookAt returns what holds the objects that are pending: pods that have not ended,
// else the finalizers of the objects themselves. An API server that does not answer
// leaves it empty: the next look may see more.
func lookAt(ctx context.Context, inst *Installation, pending map[kube.Ref]deleted) held {
	if h, ok := podsHolding(ctx, inst); ok {
		return h
	}
	var h held
	var parts []string
	for _, r := range slices.SortedFunc(maps.Keys(pending), kube.CompareRefs) {
		u, err := pending[r].resource.Get(ctx, r.Name, metav1.GetOptions{})
		if err != nil || u.GetUID() != pending[r].uid {
			continue
		}
		names := finalizersOf(u)
		if len(names) > 0 && h.hint == "" {
			h.hint = releaseCommand(inst.client.Commands, r)
		}
		text := withFinalizers(r.String(), names)
		if r.Kind == "Namespace" {
			in := terminating(ctx, inst, u)
			text, h.hint = cause.Join(text, in.text), cmp.Or(h.hint, in.hint)
		}
		parts = append(parts, text)
	}
	h.text = few(parts)
	return h
}

// few lists the first of some words for a sentence, and how many more there are.
func few(words []string) string {
	const most = 3
	if len(words) <= most {
		return strings.Join(words, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(words[:most], ", "), len(words)-most)
}

func withFinalizers(name string, finalizers []string) string {
	if len(finalizers) == 0 {
		return name
	}
	return name + " (finalizer " + strings.Join(finalizers, ", ") + ")"
}

// finalizersOf returns who must act before u is gone, without Kubernetes' own
// garbage collector.
func finalizersOf(u *unstructured.Unstructured) []string {
	return slices.DeleteFunc(slices.Clone(u.GetFinalizers()), func(name string) bool {
		return name == metav1.FinalizerDeleteDependents || name == metav1.FinalizerOrphanDependents
	})
}

// releaseCommand removes the finalizers of an object whose controller does not run.
func releaseCommand(commands kube.Commands, r kube.Ref) string {
	return commands.In(r.Namespace).Namespaced(fmt.Sprintf(`patch %s %s --type merge --patch '{"metadata":{"finalizers":null}}', if nothing handles the finalizer any more`,
		strings.ToLower(r.Kind), r.Name))
}

// contentOf returns what the namespace controller says is left in a namespace that
// is being deleted.
func contentOf(u *unstructured.Unstructured) string {
	var says []string
	for _, c := range conditionsOf(u) {
		if c.message != "" {
			says = append(says, c.message)
		}
	}
	return strings.Join(says, "; ")
}

// podsHolding returns the pods of the installation that are ending, by what they wait
// for; ok is false if there are none.
func podsHolding(ctx context.Context, inst *Installation) (h held, ok bool) {
	list, err := inst.in(kube.Pods).List(ctx, metav1.ListOptions{LabelSelector: inst.Selector()})
	if err != nil {
		return held{}, false
	}
	off, err := nodesOff(ctx, inst.client)
	if err != nil {
		return held{}, false
	}
	slices.SortFunc(list.Items, kube.ByName)
	var ending []string
	byNode := map[string][]string{}
	var nodes []string
	for i := range list.Items {
		pod, err := kube.PodOf(&list.Items[i])
		if err != nil || pod.DeletionTimestamp == nil {
			continue
		}
		node := pod.Spec.NodeName
		if !off[node] {
			ending = append(ending, withFinalizers(pod.Name, finalizersOf(&list.Items[i])))
			continue
		}
		if byNode[node] == nil {
			nodes = append(nodes, node)
		}
		byNode[node] = append(byNode[node], pod.Name)
		if !time.Now().Before(pod.DeletionTimestamp.Time) { // the end of its grace period
			h.lost = append(h.lost, pod)
		}
	}
	var parts []string
	if len(ending) > 0 {
		parts = append(parts, podsText(ending)+" to end")
	}
	for _, node := range nodes {
		parts = append(parts, fmt.Sprintf("%s on node %s, which is not ready", podsText(byNode[node]), node))
		h.hint = inst.commands.Cluster("get node "+node) + "; the same hellox up starts a stopped one"
	}
	h.text = strings.Join(parts, ", ")
	return h, h.text != ""
}

func podsText(names []string) string {
	if len(names) == 1 {
		return "pod " + names[0]
	}
	return "pods " + few(names)
}

// nodesOff returns the nodes whose kubelet does not report that they are ready.
func nodesOff(ctx context.Context, client *kube.Client) (map[string]bool, error) {
	list, err := client.All(kube.Nodes).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list the nodes: %w", err)
	}
	off := map[string]bool{}
	for i := range list.Items {
		u := &list.Items[i]
		off[u.GetName()] = !slices.ContainsFunc(conditionsOf(u), func(c condition) bool { return c.kind == string(corev1.NodeReady) })
	}
	return off, nil
}

// force removes pods from the API whose node is not ready. When that node comes back
// its kubelet ends what it still runs of them. It returns a text for each.
func force(ctx context.Context, inst *Installation, pods []*corev1.Pod) (forced []string) {
	now := int64(0)
	for _, pod := range pods {
		err := inst.in(kube.Pods).Delete(ctx, pod.Name, metav1.DeleteOptions{
			GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &pod.UID},
		})
		if err == nil || apierrors.IsNotFound(err) {
			forced = append(forced, fmt.Sprintf("%s on node %s", pod.Name, pod.Spec.NodeName))
		}
	}
	return forced
}
