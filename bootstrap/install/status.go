package install

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
)

// A Status is the state of an installation.
type Status struct {
	Namespace string       `json:"namespace"`
	Ready     bool         `json:"ready"` // every role is rolled out
	Roles     []RoleStatus `json:"roles"` // by name
}

// A RoleStatus is the state of one role.
type RoleStatus struct {
	Role  string      `json:"role"`
	Want  int         `json:"want"`
	Ready int         `json:"ready"` // of the current revision
	Pods  []PodStatus `json:"pods"`  // by name
}

// A PodStatus is the state of one pod.
type PodStatus struct {
	Name     string    `json:"name"`
	Node     string    `json:"node,omitempty"`
	State    string    `json:"state"` // ready, starting, failing or ending
	Since    time.Time `json:"since"` // when the pod was created
	Restarts int       `json:"restarts"`
	Image    string    `json:"image"`
	Cause    *Cause    `json:"cause,omitempty"` // why it is not ready, if that is known
}

// MarshalJSON writes the time with nine digits of a second, as every time in
// JSON, though Kubernetes knows whole ones.
func (p PodStatus) MarshalJSON() ([]byte, error) {
	type plain PodStatus
	return json.Marshal(struct {
		plain
		Since string `json:"since"`
	}{plain(p), p.Since.UTC().Format("2006-01-02T15:04:05.000000000Z07:00")})
}

// ReadStatus reads the state of the installation in namespace. Its error is of kind
// Missing if there is none.
func ReadStatus(ctx context.Context, config *rest.Config, namespace string) (Status, error) {
	inst, err := New(config, namespace)
	if err != nil {
		return Status{}, err
	}
	ctx = kube.WithoutKlog(ctx)
	var objects []*unstructured.Unstructured
	list := func(r schema.GroupVersionResource) ([]unstructured.Unstructured, error) {
		l, err := inst.in(r).List(ctx, metav1.ListOptions{LabelSelector: inst.Selector()})
		if err != nil {
			return nil, fmt.Errorf("read the %s in namespace %s: %w", r.Resource, inst.Namespace, err)
		}
		return l.Items, nil
	}
	for _, r := range []schema.GroupVersionResource{kube.StatefulSets, kube.Deployments} {
		items, err := list(r)
		if err != nil {
			return Status{}, err
		}
		for i := range items {
			objects = append(objects, &items[i])
		}
	}
	if len(objects) == 0 {
		return Status{}, &step.Error{
			Kind:     step.Missing,
			Sentence: fmt.Sprintf("there is no installation in namespace %s", inst.Namespace),
			Hint:     "hellox up",
		}
	}
	workloads, err := workloadsOf(objects)
	if err != nil {
		return Status{}, err
	}
	items, err := list(kube.Pods)
	if err != nil {
		return Status{}, err
	}
	slices.SortFunc(items, kube.ByName)
	status := Status{Namespace: inst.Namespace, Ready: len(waitingFor(workloads)) == 0}
	for _, w := range workloads {
		role := RoleStatus{Role: w.role, Want: w.want, Ready: w.ready, Pods: []PodStatus{}}
		for i := range items {
			pod, err := kube.PodOf(&items[i])
			if err != nil {
				return Status{}, err
			}
			if pod.Labels[roleLabel] == w.role {
				role.Pods = append(role.Pods, statusOf(pod))
			}
		}
		status.Roles = append(status.Roles, role)
	}
	return status, nil
}

func statusOf(pod *corev1.Pod) PodStatus {
	p := PodStatus{
		Name: pod.Name, Node: pod.Spec.NodeName, Since: pod.CreationTimestamp.UTC(), State: "starting",
		Cause: explain(pod),
	}
	for _, c := range pod.Spec.Containers {
		p.Image = c.Image
		break // the role's own container is the first
	}
	for _, c := range pod.Status.ContainerStatuses {
		p.Restarts += int(c.RestartCount)
	}
	switch {
	case pod.DeletionTimestamp != nil:
		p.State, p.Cause = "ending", nil
	case kube.IsReady(pod):
		p.State, p.Cause = "ready", nil
	case p.Cause != nil && !p.Cause.unready:
		p.State = "failing"
	}
	return p
}
