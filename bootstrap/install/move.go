package install

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"hellox/bootstrap/install/cause"
	"hellox/bootstrap/kube"
	"hellox/manifests"
)

// A Move is the move of an installation from one size to the other, as far as it has
// come. The inventory has it, so that any up goes on with it.
type Move struct {
	From  int   `json:"from"`
	To    int   `json:"to"`
	Phase Phase `json:"phase"`
}

// String is "the move from one node to three nodes".
func (m Move) String() string {
	return "the move from " + NodesText(m.From) + " to " + NodesText(m.To)
}

// NodesText names a size.
func NodesText(size int) string {
	return map[int]string{manifests.OneNode: "one node", manifests.SeveralNodes: "three nodes"}[size]
}

// Unfinished says that the move has not ended, and by which commands it goes on and is
// taken back.
func (m Move) Unfinished(commands kube.Commands) string {
	up := "unless an up is under way, " + commands.Hellox("up")
	switch m.Phase {
	case Back:
		return fmt.Sprintf("%s is being taken back; %s goes on with that", m, up)
	case Finish:
		return fmt.Sprintf("%s has not ended; %s ends it", m, up)
	}
	return fmt.Sprintf("%s has not ended, and no client is let in; %s goes on with it, and %s takes it back", m, up, commands.Hellox(fmt.Sprintf("up --cluster-size %d", m.From)))
}

// A Phase is what an up does, or has to do again.
type Phase string

// The phases of a Move, in their order; Start is of a move to several nodes alone.
const (
	Drain  Phase = "drain"  // no client is let in until the history has all that was acknowledged
	Start  Phase = "start"  // the new nodes start, and let no client in
	Copy   Phase = "copy"   // the history is copied, and compared
	Finish Phase = "finish" // the installation becomes what it is at the new size
	Back   Phase = "back"   // it is taken back
)

// ReadMove returns the move that has begun, or nil.
func ReadMove(ctx context.Context, inst *Installation) (*Move, error) {
	inv, err := readInventory(ctx, inst)
	return inv.Move, err
}

// WriteMove records how far a move has come; nil: it has ended.
func WriteMove(ctx context.Context, inst *Installation, m *Move) error {
	inv, err := readInventory(ctx, inst)
	if err != nil {
		return err
	}
	inv.Move = m
	_, err = writeInventory(ctx, inst, inv)
	return err
}

// Add records objects and applies them, beside what there is.
func Add(ctx context.Context, inst *Installation, objects []*unstructured.Unstructured) error {
	inv, err := readInventory(ctx, inst)
	if err != nil {
		return err
	}
	inv.Objects, inv.Manifests = append(inv.Objects, refsOf(objects)...), ""
	if _, err = writeInventory(ctx, inst, inv); err != nil {
		return err
	}
	for _, u := range objects {
		if err := inst.ApplyOne(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

// Remove removes an object of the installation, if it is there, and waits until it is
// gone with what it owns.
func Remove(ctx context.Context, inst *Installation, apiVersion, kind, name string, progress func(string)) error {
	return removeOne(ctx, inst, kube.Ref{APIVersion: apiVersion, Kind: kind, Namespace: inst.Namespace, Name: name}, progress)
}

// RemoveData removes the volume claims of a size, with what is in their volumes.
func RemoveData(ctx context.Context, inst *Installation, size int, progress func(string)) error {
	inv, err := readInventory(ctx, inst)
	if err != nil {
		return err
	}
	_, data, err := recorded(ctx, inst, inv)
	if err != nil {
		return err
	}
	data = slices.DeleteFunc(data, func(r kube.Ref) bool { return manifests.ClaimSize(r.Name) != size })
	if _, err := remove(ctx, inst, data, progress); err != nil {
		return err
	}
	inv.Objects = slices.DeleteFunc(inv.Objects, func(r kube.Ref) bool { return slices.Contains(data, r) })
	_, err = writeInventory(ctx, inst, inv)
	return err
}

// Workload returns an object of the installation, or nil if there is none that stays.
func Workload(ctx context.Context, inst *Installation, resource schema.GroupVersionResource, name string) (*unstructured.Unstructured, error) {
	u, err := inst.in(resource).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && (!inst.belongs(u) || u.GetDeletionTimestamp() != nil) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s %s in namespace %s: %w", strings.TrimSuffix(resource.Resource, "s"), name, inst.Namespace, err)
	}
	return u, nil
}

// Update changes an object that was read.
func Update(ctx context.Context, inst *Installation, resource schema.GroupVersionResource, u *unstructured.Unstructured) error {
	if _, err := inst.in(resource).Update(ctx, u, metav1.UpdateOptions{FieldManager: fieldManager}); err != nil {
		return fmt.Errorf("change %s in namespace %s: %w", kube.RefOf(u), inst.Namespace, err)
	}
	return nil
}

// Begin has a Job that is suspended run.
func Begin(ctx context.Context, inst *Installation, name string) error {
	_, err := inst.in(kube.Jobs).Patch(ctx, name, types.MergePatchType, []byte(`{"spec":{"suspend":false}}`), metav1.PatchOptions{FieldManager: fieldManager})
	if err != nil {
		return fmt.Errorf("begin Job %s in namespace %s: %w", name, inst.Namespace, err)
	}
	return nil
}

// A Job is how far a Job of the installation is.
type Job struct {
	Exists, Complete, Failed bool
	Image                    string       // that it runs
	Cause                    *cause.Cause // why its newest pod does not run; nil: it does, or starts
	Stuck                    bool         // that pod waits for what Cause says
	Last                     Line         // of its log
}

// ReadJob returns how far a Job is.
func ReadJob(ctx context.Context, inst *Installation, name string) (j Job, err error) {
	u, err := Workload(ctx, inst, kube.Jobs, name)
	if err != nil || u == nil {
		return j, err
	}
	j.Exists = true
	if containers, _, _ := unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers"); len(containers) > 0 {
		j.Image, _, _ = unstructured.NestedString(containers[0].(map[string]any), "image")
	}
	conditions := conditionsOf(u)
	j.Complete = slices.ContainsFunc(conditions, func(c condition) bool { return c.kind == "Complete" })
	j.Failed = slices.ContainsFunc(conditions, func(c condition) bool { return c.kind == "Failed" })
	list, err := inst.in(kube.Pods).List(ctx, metav1.ListOptions{LabelSelector: "batch.kubernetes.io/job-name=" + name})
	if err != nil {
		return j, fmt.Errorf("list the pods of Job %s in namespace %s: %w", name, inst.Namespace, err)
	}
	pods, err := podsOf(pointers(list.Items))
	if err != nil || len(pods) == 0 {
		return j, err
	}
	pod := pods[0]
	for _, p := range pods[1:] {
		if p.CreationTimestamp.After(pod.CreationTimestamp.Time) {
			pod = p
		}
	}
	waits := slices.ContainsFunc(pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return c.State.Waiting != nil })
	if j.Stuck = waits || pod.Status.Phase == corev1.PodPending; j.Stuck || pod.Status.Phase == corev1.PodFailed {
		if j.Cause, err = causeOf(ctx, inst, pod); err != nil {
			return j, err
		}
	}
	// A pod that has not begun has no log.
	text, _ := podLog(inst, pod.Name, pod.Spec.Containers[0].Name, LogOptions{Tail: 5}).DoRaw(ctx)
	for one := range bytes.Lines(text) {
		var l Line
		if json.Unmarshal(one, &l) == nil { // the words of an error may follow
			j.Last = l
		}
	}
	return j, nil
}

// causeOf returns why a pod of a Job, which runs hellox, does not run; nil if it only starts.
func causeOf(ctx context.Context, inst *Installation, pod *corev1.Pod) (*cause.Cause, error) {
	list, err := inst.in(kube.Events).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.uid=" + string(pod.UID)})
	if err != nil {
		return nil, fmt.Errorf("list the events of pod %s in namespace %s: %w", pod.Name, inst.Namespace, err)
	}
	s := newClusterLookup(ctx, inst).complete(subjectOf(pod, eventsOf(pointers(list.Items))))
	s.Image = pod.Spec.Containers[0].Image
	return cause.Of(s), nil
}

func pointers(items []unstructured.Unstructured) []*unstructured.Unstructured {
	all := make([]*unstructured.Unstructured, len(items))
	for i := range items {
		all[i] = &items[i]
	}
	return all
}

// A Line is what a role logs, or hellox history copy writes.
type Line struct {
	Step, State, Detail string // of the copy, until it is done
	Messages            int64  // of the copy, when it is done, and what follows
	First               int64  `json:"first_id"`
	Last                int64  `json:"last_id"`
	Evicted             int64  `json:"evicted_ids"`
	Damaged             int64
	SHA256              string
	Msg                 string // of a role
	Bytes               int64  // that a broker has to hand over
}
