package install

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"hellox/bootstrap/install/cause"
)

// A workload is the state of one StatefulSet or Deployment in a roll-out.
type workload struct {
	uid      types.UID
	role     string // "": one of the user's own, beside ours
	name     string
	selector labels.Selector // of its pods
	want     int             // replicas
	total    int             // pods there are
	ready    int             // of those that are up to date
	ending   bool            // it is being deleted
	done     bool            // the controller has nothing left to do
	revision string          // of the pods that count; "": all, unknown: none
	failure  string          // why the controller cannot create pods, in its words
	changed  time.Time
}

// The labels that name the revision of a pod, and what tells a Deployment's.
const (
	statefulSetRevision = "controller-revision-hash"
	deploymentRevision  = "pod-template-hash"
	revisionAnnotation  = "deployment.kubernetes.io/revision"
)

// unknown is the revision of a workload whose controller has not said which one it is.
const unknown = "?"

// workloadsOf reads StatefulSets and Deployments, with the ReplicaSets of these,
// sorted by name.
func workloadsOf(objects, replicaSets []*unstructured.Unstructured) ([]workload, error) {
	workloads := make([]workload, 0, len(objects))
	for _, u := range objects {
		number := func(path ...string) int {
			n, _, _ := unstructured.NestedInt64(u.Object, path...)
			return int(n)
		}
		w := workload{uid: u.GetUID(), role: u.GetLabels()[roleLabel], name: u.GetName(), want: number("spec", "replicas"), changed: changedAt(u), ending: u.GetDeletionTimestamp() != nil}
		w.selector = selectorOf(u)
		observed := int64(number("status", "observedGeneration")) >= u.GetGeneration()
		updated := number("status", "updatedReplicas")
		w.total, w.ready = number("status", "replicas"), min(updated, number("status", "readyReplicas"))
		switch u.GetKind() {
		case "StatefulSet":
			w.revision, _, _ = unstructured.NestedString(u.Object, "status", "updateRevision")
		case "Deployment":
			w.ready = min(w.ready, number("status", "availableReplicas"))
			w.revision, w.failure = cmp.Or(revisionOf(u, replicaSets), unknown), replicaFailure(u)
		default:
			return nil, fmt.Errorf("roll out %s %s: not a kind that rolls out", u.GetKind(), u.GetName())
		}
		if !observed { // the status is of the former generation, and so may the pods be
			w.ready, w.revision, w.failure = 0, unknown, ""
		}
		w.done = observed && w.total == w.want && updated == w.want && w.ready == w.want
		workloads = append(workloads, w)
	}
	slices.SortFunc(workloads, func(a, b workload) int { return cmp.Compare(a.name, b.name) })
	return workloads, nil
}

// selectorOf returns what selects a workload's pods.
func selectorOf(u *unstructured.Unstructured) labels.Selector {
	var of metav1.LabelSelector
	written, _, _ := unstructured.NestedMap(u.Object, "spec", "selector")
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(written, &of); err == nil && len(written) > 0 {
		if s, err := metav1.LabelSelectorAsSelector(&of); err == nil {
			return s
		}
	}
	return labels.SelectorFromSet(labels.Set{roleLabel: u.GetLabels()[roleLabel]})
}

// has reports whether pod is one of the workload's.
func (w workload) has(pod *corev1.Pod) bool { return w.selector.Matches(labels.Set(pod.Labels)) }

// revisionOf returns the revision of a Deployment's pods that count, or "" if its
// ReplicaSet is not there yet.
func revisionOf(deployment *unstructured.Unstructured, replicaSets []*unstructured.Unstructured) string {
	for _, rs := range replicaSets {
		owned := slices.ContainsFunc(rs.GetOwnerReferences(), func(o metav1.OwnerReference) bool { return o.UID == deployment.GetUID() })
		if owned && rs.GetAnnotations()[revisionAnnotation] == deployment.GetAnnotations()[revisionAnnotation] {
			return rs.GetLabels()[deploymentRevision]
		}
	}
	return ""
}

// replicaFailure returns why a Deployment cannot create pods, or "".
func replicaFailure(deployment *unstructured.Unstructured) string {
	for _, c := range conditionsOf(deployment) {
		if c.kind == "ReplicaFailure" {
			return c.message
		}
	}
	return ""
}

// changedAt returns when what is asked of an object was last changed.
func changedAt(u *unstructured.Unstructured) (at time.Time) {
	for _, f := range u.GetManagedFields() {
		if f.Subresource == "" && f.Time != nil && f.Time.After(at) {
			at = f.Time.Time
		}
	}
	return at
}

// refused returns why the controller cannot create the pods that are missing, or "".
// A StatefulSet has no condition for it, only events; those from before its last
// change tell nothing of what it is now. Both times are whole seconds: one of the same
// second is taken for older, since the controller, which tries again at once and then
// ever more rarely, writes the next one soon.
func (w workload) refused(events map[types.UID][]cause.Event) string {
	if w.total >= w.want {
		return ""
	}
	if w.failure != "" {
		return w.failure
	}
	var last cause.Event
	for _, e := range events[w.uid] {
		if e.Reason == cause.FailedCreate && e.Last.After(w.changed) && e.Last.After(last.Last) {
			last = e
		}
	}
	return last.Message
}

func waitingFor(workloads []workload) []workload {
	return slices.DeleteFunc(slices.Clone(workloads), func(w workload) bool { return w.done })
}

func namesOf(workloads []workload) []string {
	names := make([]string, len(workloads))
	for i, w := range workloads {
		names[i] = w.name
	}
	return names
}

// current reports whether pod counts for one of workloads.
func current(pod *corev1.Pod, workloads []workload) bool {
	return pod.DeletionTimestamp == nil && !obsolete(pod, workloads) &&
		slices.ContainsFunc(workloads, func(w workload) bool { return w.has(pod) })
}

// obsolete reports whether pod is of a workload's former revision.
func obsolete(pod *corev1.Pod, workloads []workload) bool {
	revision := cmp.Or(pod.Labels[statefulSetRevision], pod.Labels[deploymentRevision])
	found := false
	for _, w := range workloads {
		if !w.has(pod) || w.revision == "" || revision == "" {
			continue
		}
		if revision == w.revision {
			return false
		}
		found = true
	}
	return found
}

// A condition is one of the conditions of an object that are true.
type condition struct{ kind, message string }

// conditionsOf returns the conditions of u that are true.
func conditionsOf(u *unstructured.Unstructured) (are []condition) {
	all, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
	for _, c := range all {
		fields, ok := c.(map[string]any)
		if !ok || fields["status"] != "True" {
			continue
		}
		kind, _ := fields["type"].(string)
		message, _ := fields["message"].(string)
		are = append(are, condition{kind, message})
	}
	return are
}
