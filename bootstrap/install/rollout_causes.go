package install

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/kube"
)

// causesOf explains the pods of the workloads' present revision that are not
// ready, sorted by pod.
func causesOf(workloads []workload, objects []*unstructured.Unstructured, namespace string) ([]*Cause, error) {
	var causes []*Cause
	for _, w := range workloads {
		if w.trouble != "" {
			causes = append(causes, &Cause{
				Pod: w.name, Role: w.role, Reason: "FailedCreate", Text: w.trouble, patience: patienceShort,
				Hint: fmt.Sprintf("kubectl --namespace %s get events", namespace),
			})
		}
	}
	for _, u := range objects {
		pod, err := kube.PodOf(u)
		if err != nil {
			return nil, err
		}
		if pod.DeletionTimestamp != nil || obsolete(pod, workloads) {
			continue
		}
		if c := explain(pod); c != nil {
			causes = append(causes, c)
		}
	}
	slices.SortFunc(causes, func(a, b *Cause) int { return cmp.Compare(a.Pod, b.Pod) })
	return causes, nil
}

// obsolete tells whether pod is of a StatefulSet's former revision. (Those of a
// Deployment are replaced at once by its strategy, Recreate.)
func obsolete(pod *corev1.Pod, workloads []workload) bool {
	revision := pod.Labels["controller-revision-hash"]
	for _, w := range workloads {
		if w.role == pod.Labels[roleLabel] && w.revision != "" && revision != "" {
			return revision != w.revision
		}
	}
	return false
}

// overdue returns the causes that have stood for longer than their patience, and
// how long it is until the next one will have. It keeps since up to date: a
// cause that is gone begins anew when it comes back.
func overdue(causes []*Cause, since map[string]time.Time, now time.Time) (given []*Cause, next time.Duration) {
	standing := map[string]bool{}
	for _, c := range causes {
		key := c.Pod + " " + c.Container + " " + c.family()
		standing[key] = true
		if _, ok := since[key]; !ok {
			since[key] = now
		}
		left := c.patience - now.Sub(since[key])
		if left <= 0 {
			given = append(given, c)
		} else if next == 0 || left < next {
			next = left
		}
	}
	for key := range since {
		if !standing[key] {
			delete(since, key)
		}
	}
	return given, next
}

// family is the same for a cause in all its phases: a container that crashes
// is waiting, running and ended in turn, and pulls fail and back off in turn.
func (c *Cause) family() string {
	switch {
	case c.crashed:
		return "crash"
	case strings.Contains(c.Reason, "Image"):
		return "image"
	}
	return c.Reason
}
