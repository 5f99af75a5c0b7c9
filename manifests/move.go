package manifests

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// The Jobs of a move from one size to the other.
const (
	MoveJob  = "move"         // copies the history
	DrainJob = "broker-drain" // hands the receiver what the broker of one node has for it
)

// HistoryClaim is the volume claim of the history of one node.
const HistoryClaim = historyClaim

// historyFile is where the base's receiver has its history; receiveClient is its client ID,
// and receiveKeep what it keeps, if it is given none.
const (
	historyFile   = "sqlite:/data/history/history.db"
	receiveClient = "hellox-receive"
	receiveKeep   = "1GiB"
)

// MoveOptions say what is moved.
type MoveOptions struct {
	Namespace string
	Image     string   // full reference
	To        int      // the size to move to
	Topics    []string // MQTT topic filters of what receivers store; none: the default
	Keep      string   // bytes that receivers keep
}

// Move returns what copies the history to the other size, each object in its namespace
// and marked as part of the installation.
func Move(o MoveOptions) ([]*unstructured.Unstructured, error) {
	files := filesys.MakeFsInMemory()
	if err := copyFolder(files, "move", "/base"); err != nil {
		return nil, err
	}
	as := Options{Namespace: o.Namespace, Image: o.Image}
	if err := writeKustomization(files, "/installation", as.kustomization()); err != nil {
		return nil, err
	}
	built, err := build(files, "/installation")
	if err != nil {
		return nil, fmt.Errorf("render the move: %w", err)
	}
	objects, err := as.mark(built)
	if err != nil {
		return nil, err
	}
	peers := PeerNames()
	for i := range peers {
		peers[i] += ".$(POD_NAMESPACE).svc:4222"
	}
	words := []any{historyFile, "nats://" + strings.Join(peers, ",")}
	if o.To == OneNode {
		slices.Reverse(words)
	} else { // the same messages take more room there
		words = append(words, "--keep="+o.Keep)
	}
	for _, topic := range o.Topics {
		words = append(words, "--topic="+topic)
	}
	for _, u := range objects {
		if u.GetKind() == "Job" {
			eachContainer(u.Object, func(c map[string]any) { c["args"] = append(c["args"].([]any), words...) })
		}
	}
	return objects, nil
}

// Topics returns the MQTT topic filters that the receivers of a Deployment store; none if
// they are the default.
func Topics(receive *unstructured.Unstructured) []string { return given(receive, "topic") }

// Keep returns how many bytes the receivers of a Deployment keep.
func Keep(receive *unstructured.Unstructured) string {
	return cmp.Or(strings.Join(given(receive, "keep"), ""), receiveKeep)
}

// given returns the values of a flag in the arguments of a workload's containers; none of
// no workload.
func given(workload *unstructured.Unstructured, flag string) (values []string) {
	if workload == nil {
		return nil
	}
	eachContainer(workload.Object, func(c map[string]any) {
		list, _ := c["args"].([]any)
		for _, arg := range list {
			text, _ := arg.(string)
			if value, ok := strings.CutPrefix(text, "--"+flag+"="); ok {
				values = append(values, value)
			}
		}
	})
	return values
}

// Drain returns the Job that runs the broker of one node, by its StatefulSet, with its
// volume, until the receiver has fetched what waits for it. It is suspended.
func Drain(broker, receive *unstructured.Unstructured, image string) (*unstructured.Unstructured, error) {
	client := cmp.Or(strings.Join(given(receive, "client-id"), ""), receiveClient)
	template, found, err := unstructured.NestedMap(broker.Object, "spec", "template")
	if err != nil || !found {
		return nil, fmt.Errorf("read StatefulSet %s: it has no template: %w", broker.GetName(), err)
	}
	drainContainer(template, image, "broker", "--drain="+client)
	pod, ok := template["spec"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("read StatefulSet %s: its template has no pod", broker.GetName())
	}
	pod["restartPolicy"] = "OnFailure"
	volumes, _ := pod["volumes"].([]any)
	claims, _, _ := unstructured.NestedSlice(broker.Object, "spec", "volumeClaimTemplates")
	for _, claim := range claims {
		name, _, _ := unstructured.NestedString(claim.(map[string]any), "metadata", "name")
		volumes = append(volumes, map[string]any{
			"name": name, "persistentVolumeClaim": map[string]any{"claimName": name + "-" + broker.GetName() + "-0"},
		})
	}
	pod["volumes"] = volumes
	job := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "batch/v1", "kind": "Job",
		"spec": map[string]any{
			"suspend": true,
			// It is not given up: without its template there is no other.
			"backoffLimit": int64(10_000),
			"template":     template,
		},
	}}
	job.SetName(DrainJob)
	job.SetNamespace(broker.GetNamespace())
	job.SetLabels(maps.Clone(broker.GetLabels()))
	return job, nil
}

// Drained returns the StatefulSet of the broker of several nodes as it lets no client in.
func Drained(broker *unstructured.Unstructured, image string) *unstructured.Unstructured {
	drained := broker.DeepCopy()
	drainContainer(drained.Object, image, "nats", drainNodes)
	return drained
}

// drainNodes has hellox nats let no client in.
const drainNodes = "--drain"

// IsDrained reports whether a StatefulSet is as Drained returns it.
func IsDrained(broker *unstructured.Unstructured) (is bool) {
	eachContainer(broker.Object, func(c map[string]any) {
		list, _ := c["args"].([]any)
		is = is || slices.Contains(list, any(drainNodes))
	})
	return is
}

// drainContainer adds an argument to the container of a program of hellox, and sets its
// image, which may be older than the argument.
func drainContainer(object map[string]any, image, program, argument string) {
	eachContainer(object, func(c map[string]any) {
		if list, _ := c["args"].([]any); len(list) > 0 && list[0] == program {
			c["args"], c["image"] = append(slices.Clone(list), argument), image
		}
	})
}
