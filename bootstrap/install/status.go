package install

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"hellox/bootstrap/install/cause"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
)

// A Status is the state of an installation.
type Status struct {
	Namespace string       `json:"namespace"`
	Ready     bool         `json:"ready"` // every role is rolled out, and none is missing
	Roles     []RoleStatus `json:"roles"` // by name
	// Broadcasters is how many there should be, in whatever pods; nil: it has no pods for
	// them.
	Broadcasters *int `json:"-"`
	// Open: any pod that reaches the broker reads and writes everything.
	Open bool `json:"open,omitempty"`
	// Missing names the workloads that are recorded and not there, or being deleted: an
	// up or a down was cut short, or is under way.
	Missing []string `json:"missing,omitempty"`
	// Move is a move to the other size that has not ended.
	Move *Move `json:"move,omitempty"`
	// Unfinished says that in words, with the commands that end it.
	Unfinished string `json:"-"`
}

// A RoleStatus is the state of one role.
type RoleStatus struct {
	Role  string      `json:"role"` // of a workload of the user's own: its name
	Want  int         `json:"want"`
	Ready int         `json:"ready"` // of the current revision
	Pods  []PodStatus `json:"pods"`  // by name
	// Cause is why its pods cannot be created.
	Cause *cause.Cause `json:"cause,omitempty"`
}

// A PodStatus is the state of one pod.
type PodStatus struct {
	Name     string       `json:"name"`
	Node     string       `json:"node,omitempty"`
	State    string       `json:"state"` // ready, starting, failing or ending
	Since    time.Time    `json:"since"` // when the pod was created
	Restarts int          `json:"restarts"`
	Image    string       `json:"image"`
	Cause    *cause.Cause `json:"cause,omitempty"` // why it is not ready, if that is known
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
func ReadStatus(ctx context.Context, config kube.Config, namespace string) (Status, error) {
	inst, err := New(config, namespace)
	if err != nil {
		return Status{}, err
	}
	ctx = kube.WithoutKlog(ctx)
	now, err := read(ctx, inst)
	if err != nil {
		return Status{}, err
	}
	if len(now.workloads) == 0 {
		if err := removing(ctx, inst); err != nil {
			return Status{}, err
		}
		if err := onlyData(ctx, inst); err != nil {
			return Status{}, err
		}
		return Status{}, &step.Error{
			Kind:     step.Missing,
			Sentence: fmt.Sprintf("there is no installation in namespace %s", inst.Namespace),
			Hint:     inst.commands.Hellox("up"),
		}
	}
	status := statusOf(inst.Namespace, now)
	if err := recordedStatus(ctx, inst, now, &status); err != nil {
		return Status{}, err
	}
	status.Ready = status.Ready && len(status.Missing) == 0 && status.Move == nil
	status.Broadcasters, err = Broadcasters(ctx, inst)
	return status, err
}

// onlyData returns the error of an installation of which a down --keep-data has left the
// data: what there is, and what uses and removes it; nil of any other.
func onlyData(ctx context.Context, inst *Installation) error {
	inv, err := readInventory(ctx, inst)
	if err != nil || !inv.DataOnly {
		return nil //nolint:nilerr // that there is no installation is so in any case
	}
	list, err := inst.in(kube.Claims).List(ctx, metav1.ListOptions{LabelSelector: inst.Selector()})
	if err != nil {
		return fmt.Errorf("list the volume claims in namespace %s: %w", inst.Namespace, err)
	}
	var claims []string
	for i := range list.Items {
		text := list.Items[i].GetName()
		if size, _, _ := unstructured.NestedString(list.Items[i].Object, "status", "capacity", "storage"); size != "" {
			text += " (" + size + ")"
		}
		claims = append(claims, text)
	}
	if len(claims) == 0 {
		return nil
	}
	slices.Sort(claims)
	return &step.Error{
		Kind:     step.Missing,
		Sentence: fmt.Sprintf("only its data is left in namespace %s, the history and the queues that --keep-data has kept: PersistentVolumeClaim %s", inst.Namespace, strings.Join(claims, ", ")),
		Hint:     inst.commands.Hellox("up") + " goes on with it, " + inst.commands.Hellox("down") + " removes it",
	}
}

// recordedStatus adds what the inventory tells: a move, and the workloads that it lists and
// that are not among those of now, or are being deleted, by name.
func recordedStatus(ctx context.Context, inst *Installation, now view, status *Status) error {
	inv, err := readInventory(ctx, inst)
	if e := (*step.Error)(nil); errors.As(err, &e) {
		return nil // it is damaged, which hinders nothing that runs
	}
	if err != nil {
		return err
	}
	if status.Move = inv.Move; inv.Move != nil {
		status.Unfinished = inv.Move.Unfinished(inst.commands)
	}
	for _, r := range inv.Objects {
		there := slices.ContainsFunc(now.workloads, func(w workload) bool { return w.name == r.Name && !w.ending })
		if (r.Kind == "StatefulSet" || r.Kind == "Deployment") && !there {
			status.Missing = append(status.Missing, r.Name)
		}
	}
	slices.Sort(status.Missing)
	return nil
}

// removing returns the error of an installation whose namespace is being deleted; nil if
// it is not, or if that cannot be told.
func removing(ctx context.Context, inst *Installation) error {
	u, err := inst.client.All(kube.Namespaces).Get(ctx, inst.Namespace, metav1.GetOptions{})
	if err != nil || u.GetDeletionTimestamp() == nil {
		return nil //nolint:nilerr // there is no installation in what is not there
	}
	e := &step.Error{
		Kind:     step.Missing,
		Sentence: fmt.Sprintf("namespace %s is being deleted", inst.Namespace),
		Hint:     inst.client.Commands.Cluster("get namespace " + inst.Namespace + " -o yaml"),
	}
	if h := terminating(ctx, inst, u); h.text != "" {
		e.Sentence, e.Hint = e.Sentence+" and waits for "+h.text, cmp.Or(h.hint, e.Hint)
	}
	return e
}

// statusOf is the status of what there is now.
func statusOf(namespace string, now view) Status {
	status := Status{Namespace: namespace, Ready: len(waitingFor(now.workloads)) == 0}
	causes := map[string]*cause.Cause{}
	for _, c := range now.causes {
		causes[c.Pod] = c
	}
	slices.SortFunc(now.pods, func(a, b *corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	for _, w := range now.workloads {
		role := RoleStatus{Role: cmp.Or(w.role, w.name), Want: w.want, Ready: w.ready, Pods: []PodStatus{}}
		if c := causes[w.name]; c != nil && c.Reason == cause.FailedCreate {
			role.Cause = c
		}
		for _, pod := range now.pods {
			if w.has(pod) {
				status.Open = status.Open || w.role == RoleBroker && isOpen(pod)
				role.Pods = append(role.Pods, statusOfPod(pod, causes[pod.Name]))
			}
		}
		status.Roles = append(status.Roles, role)
	}
	return status
}

// isOpen reports whether a broker lets in every client that reaches it.
func isOpen(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool { return slices.Contains(c.Args, "--insecure") })
}

// read reads an installation once. Causes are looked for only if something is not
// ready.
func read(ctx context.Context, inst *Installation) (v view, err error) {
	objects := map[schema.GroupVersionResource][]*unstructured.Unstructured{}
	list := func(r schema.GroupVersionResource, o metav1.ListOptions) error {
		l, err := inst.in(r).List(ctx, o)
		if err != nil {
			return fmt.Errorf("read the %s in namespace %s: %w", r.Resource, inst.Namespace, err)
		}
		for i := range l.Items {
			objects[r] = append(objects[r], &l.Items[i])
		}
		return nil
	}
	for _, r := range []schema.GroupVersionResource{kube.StatefulSets, kube.Deployments, kube.ReplicaSets, kube.Pods} {
		if err := list(r, metav1.ListOptions{LabelSelector: inst.Selector()}); err != nil {
			return v, err
		}
	}
	v, err = viewOf(func(r schema.GroupVersionResource) []*unstructured.Unstructured { return objects[r] })
	if err != nil || len(waitingFor(v.workloads)) == 0 {
		return v, err
	}
	if err := list(kube.Events, metav1.ListOptions{}); err != nil {
		return v, err
	}
	v.causes = causesOf(inst.commands, v.workloads, v.pods, eventsOf(objects[kube.Events]), newClusterLookup(ctx, inst).complete)
	return v, nil
}

func statusOfPod(pod *corev1.Pod, why *cause.Cause) PodStatus {
	p := PodStatus{
		Name: pod.Name, Node: pod.Spec.NodeName, Since: pod.CreationTimestamp.UTC(), State: "starting", Cause: why,
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
	case p.Cause != nil && !p.Cause.Early:
		p.State = "failing"
	}
	return p
}
