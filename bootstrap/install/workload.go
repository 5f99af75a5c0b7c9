package install

import (
	"cmp"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A workload is the state of one StatefulSet or Deployment in a roll-out.
type workload struct {
	role     string
	name     string
	want     int    // replicas
	ready    int    // of those that are up to date
	done     bool   // the controller has nothing left to do
	revision string // of the pods that count, if it is not ""
	failure  string // why the controller cannot create pods, in its words
}

// workloadsOf reads StatefulSets and Deployments, sorted by name.
func workloadsOf(objects []*unstructured.Unstructured) ([]workload, error) {
	workloads := make([]workload, 0, len(objects))
	for _, u := range objects {
		number := func(path ...string) int {
			n, _, _ := unstructured.NestedInt64(u.Object, path...)
			return int(n)
		}
		w := workload{role: u.GetLabels()[roleLabel], name: u.GetName(), want: number("spec", "replicas")}
		observed := int64(number("status", "observedGeneration")) >= u.GetGeneration()
		total, updated := number("status", "replicas"), number("status", "updatedReplicas")
		w.ready = min(updated, number("status", "readyReplicas"))
		switch u.GetKind() {
		case "StatefulSet":
			w.revision, _, _ = unstructured.NestedString(u.Object, "status", "updateRevision")
		case "Deployment":
			w.ready = min(w.ready, number("status", "availableReplicas"))
			conditions, _, _ := unstructured.NestedSlice(u.Object, "status", "conditions")
			for _, c := range conditions {
				condition, ok := c.(map[string]any)
				if ok && condition["type"] == "ReplicaFailure" && condition["status"] == "True" {
					w.failure, _ = condition["message"].(string)
				}
			}
		default:
			return nil, fmt.Errorf("roll out %s %s: not a kind that rolls out", u.GetKind(), u.GetName())
		}
		if !observed {
			w.ready, w.revision = 0, "" // the status is of the former generation
		}
		w.done = observed && total == w.want && updated == w.want && w.ready == w.want
		workloads = append(workloads, w)
	}
	slices.SortFunc(workloads, func(a, b workload) int { return cmp.Compare(a.name, b.name) })
	return workloads, nil
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
