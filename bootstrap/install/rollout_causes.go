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

// causesOf explains why the pods of the workloads' current revision are not
// ready, sorted by pod.
func causesOf(workloads []workload, pods []*corev1.Pod, namespace string) []*Cause {
	var causes []*Cause
	for _, w := range workloads {
		if w.failure != "" {
			causes = append(causes, &Cause{
				Pod: w.name, Role: w.role, Reason: "FailedCreate", Text: w.failure, grace: graceShort,
				Hint: fmt.Sprintf("kubectl --namespace %s get events", namespace),
			})
		}
	}
	for _, pod := range pods {
		if pod.DeletionTimestamp != nil || obsolete(pod, workloads) {
			continue
		}
		if c := explain(pod); c != nil {
			causes = append(causes, c)
		}
	}
	slices.SortFunc(causes, func(a, b *Cause) int { return cmp.Compare(a.Pod, b.Pod) })
	return causes
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

// obsolete reports whether pod is of a StatefulSet's former revision. (Those of a
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

// expired returns the causes that have lasted longer than their grace period,
// and how long it is until the next one will have. It updates since: a cause
// that is gone starts anew when it comes back.
func expired(causes []*Cause, since map[string]time.Time, now time.Time) (fatal []*Cause, next time.Duration) {
	current := map[string]bool{}
	for _, c := range causes {
		key := c.Pod + " " + c.Container + " " + c.family()
		current[key] = true
		if _, ok := since[key]; !ok {
			since[key] = now
		}
		left := c.grace - now.Sub(since[key])
		if left <= 0 {
			fatal = append(fatal, c)
		} else if next == 0 || left < next {
			next = left
		}
	}
	for key := range since {
		if !current[key] {
			delete(since, key)
		}
	}
	return fatal, next
}

// family is the same in all phases of a cause: a container that crashes is
// waiting, running and ended in turn, and a pull fails and backs off in turn.
func (c *Cause) family() string {
	switch {
	case c.crashed:
		return "crash"
	case strings.Contains(c.Reason, "Image"):
		return "image"
	}
	return c.Reason
}
