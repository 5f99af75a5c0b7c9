package bootstrap

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"hellox/bootstrap/step"
	"hellox/manifests"
)

// An Installation is one that stands in a cluster.
type Installation struct {
	Namespace string `json:"namespace"`
	Image     string `json:"image,omitempty"` // of the last up
	// DataOnly: its pods were removed and its data kept.
	DataOnly bool `json:"data_only,omitempty"`
}

// Installations returns the installations of a cluster, by namespace. They are
// found by the marks that up leaves in the cluster, whoever ran it and wherever.
func Installations(ctx context.Context, config *rest.Config) ([]Installation, error) {
	s, err := newSite(config, metav1.NamespaceAll)
	if err != nil {
		return nil, err
	}
	return s.installations(quiet(ctx))
}

func (s *site) installations(ctx context.Context) ([]Installation, error) {
	found := map[string]Installation{}
	// A namespace of ours without an inventory is what an up that was killed
	// early leaves.
	own, err := s.objects.Resource(namespaces).List(ctx, metav1.ListOptions{LabelSelector: manifests.InstallationLabel})
	if err != nil {
		return nil, fmt.Errorf("look for installations: %w", err)
	}
	for _, u := range own.Items {
		if name := u.GetName(); u.GetLabels()[manifests.InstallationLabel] == name {
			found[name] = Installation{Namespace: name}
		}
	}
	recorded, err := s.inventories(ctx)
	if err != nil {
		return nil, err
	}
	for namespace, inv := range recorded {
		found[namespace] = Installation{Namespace: namespace, Image: inv.Image, DataOnly: inv.DataOnly}
	}
	list := make([]Installation, 0, len(found))
	for _, i := range found {
		list = append(list, i)
	}
	slices.SortFunc(list, func(a, b Installation) int { return cmp.Compare(a.Namespace, b.Namespace) })
	return list, nil
}

// inventories returns those of every installation of the cluster, by namespace.
// One that cannot be read is empty: it is an installation all the same.
func (s *site) inventories(ctx context.Context) (map[string]inventory, error) {
	list, err := s.objects.Resource(configMaps).List(ctx, metav1.ListOptions{
		LabelSelector: manifests.InstallationLabel,
		FieldSelector: "metadata.name=" + inventoryName,
	})
	if err != nil {
		return nil, fmt.Errorf("look for installations: %w", err)
	}
	found := map[string]inventory{}
	for i := range list.Items {
		u := &list.Items[i]
		at := &site{namespace: u.GetNamespace()}
		inv, err := at.parseInventory(u)
		if err != nil {
			inv = inventory{}
		}
		found[at.namespace] = inv
	}
	return found, nil
}

// A Status is how an installation does.
type Status struct {
	Namespace string       `json:"namespace"`
	Ready     bool         `json:"ready"` // every role is rolled out
	Roles     []RoleStatus `json:"roles"` // by name
}

// A RoleStatus is how one role does.
type RoleStatus struct {
	Role  string      `json:"role"`
	Want  int         `json:"want"`
	Ready int         `json:"ready"` // of the present revision
	Pods  []PodStatus `json:"pods"`  // by name
}

// A PodStatus is how one pod does.
type PodStatus struct {
	Name     string    `json:"name"`
	Node     string    `json:"node,omitempty"`
	State    string    `json:"state"` // ready, starting, failing or ending
	Since    time.Time `json:"since"` // when the pod was made
	Restarts int       `json:"restarts"`
	Image    string    `json:"image"`
	Cause    *Cause    `json:"cause,omitempty"` // why it is not ready, if that is known
}

// ReadStatus reads how the installation in namespace does. Its error is of kind
// Missing if there is none.
func ReadStatus(ctx context.Context, config *rest.Config, namespace string) (Status, error) {
	s, err := newSite(config, namespace)
	if err != nil {
		return Status{}, err
	}
	return s.status(quiet(ctx))
}

func (s *site) status(ctx context.Context) (Status, error) {
	var objects []*unstructured.Unstructured
	list := func(r schema.GroupVersionResource) ([]unstructured.Unstructured, error) {
		l, err := s.in(r).List(ctx, metav1.ListOptions{LabelSelector: s.marked()})
		if err != nil {
			return nil, fmt.Errorf("read the %s in namespace %s: %w", r.Resource, s.namespace, err)
		}
		return l.Items, nil
	}
	for _, r := range []schema.GroupVersionResource{statefulSets, deployments} {
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
			Sentence: fmt.Sprintf("there is no installation in namespace %s", s.namespace),
			Hint:     "hellox up",
		}
	}
	workloads, err := workloadsOf(objects)
	if err != nil {
		return Status{}, err
	}
	items, err := list(pods)
	if err != nil {
		return Status{}, err
	}
	slices.SortFunc(items, byName)
	status := Status{Namespace: s.namespace, Ready: len(waitingFor(workloads)) == 0}
	for _, w := range workloads {
		role := RoleStatus{Role: w.role, Want: w.want, Ready: w.ready, Pods: []PodStatus{}}
		for i := range items {
			pod, err := podOf(&items[i])
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
	case isReady(pod):
		p.State, p.Cause = "ready", nil
	case p.Cause != nil && !p.Cause.unready:
		p.State = "failing"
	}
	return p
}
