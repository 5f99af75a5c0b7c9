package install

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
	"hellox/manifests"
)

const (
	inventoryName    = "hellox-inventory"
	inventoryKey     = "inventory.json"
	inventoryVersion = 1
)

// An inventory lists what an installation may have in its cluster. It is stored
// there in a ConfigMap. It grows before objects are applied and shrinks after
// they are gone, so that whenever hellox is killed it lists at least what is
// there. It only says where to look: nothing is deleted that does not also carry
// the installation's label.
type inventory struct {
	Version int    `json:"version"`
	Image   string `json:"image"` // the image of the last apply
	// Images are those that may be on nodes for this installation, by full
	// name: recorded before they are loaded, so that the down of another
	// installation leaves them.
	Images []string `json:"images,omitempty"`
	// Manifests is a digest of the manifests applied last; "" while they change.
	Manifests string     `json:"manifests,omitempty"`
	Objects   []kube.Ref `json:"objects"` // sorted, each once
	// DataOnly: everything but the data was removed.
	DataOnly bool `json:"data_only,omitempty"`
	// Move is a move to the other size that has begun and not ended.
	Move *Move `json:"move,omitempty"`

	resourceVersion string // of the ConfigMap; "" when there is none
}

// without returns what is recorded and not among wanted; data are the volume claims.
func (inv inventory) without(wanted []kube.Ref) (objects, data []kube.Ref) {
	for _, r := range inv.Objects {
		switch {
		case slices.Contains(wanted, r):
		case r.HoldsData():
			data = append(data, r)
		default:
			objects = append(objects, r)
		}
	}
	return objects, data
}

// readInventory returns the installation's inventory, an empty one if there is
// none.
func readInventory(ctx context.Context, inst *Installation) (inventory, error) {
	u, err := inst.in(kube.ConfigMaps).Get(ctx, inventoryName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return inventory{Version: inventoryVersion}, nil
	}
	if err != nil {
		return inventory{}, fmt.Errorf("read the inventory in namespace %s: %w", inst.Namespace, err)
	}
	return parseInventory(inst.commands, u)
}

// parseInventory reads the ConfigMap that holds the inventory of the installation that
// commands are for.
func parseInventory(commands kube.Commands, u *unstructured.Unstructured) (inventory, error) {
	namespace := commands.Namespace
	inv := inventory{resourceVersion: u.GetResourceVersion()}
	if u.GetLabels()[manifests.InstallationLabel] != namespace {
		return inv, &step.Error{
			Sentence: fmt.Sprintf("ConfigMap %s in namespace %s is not of hellox", inventoryName, namespace),
			Hint:     "the same hellox up with --namespace hellox-2",
		}
	}
	text, _, _ := unstructured.NestedString(u.Object, "data", inventoryKey)
	if err := json.Unmarshal([]byte(text), &inv); err != nil {
		return inv, &step.Error{
			Sentence: fmt.Sprintf("read the inventory in namespace %s", namespace),
			Err:      err,
			Hint:     commands.Namespaced("delete configmap "+inventoryName) + "; then the same hellox up again records anew what it applies",
		}
	}
	if inv.Version != inventoryVersion {
		return inv, &step.Error{
			Sentence: fmt.Sprintf("the inventory in namespace %s has version %d, and this hellox knows version %d", namespace, inv.Version, inventoryVersion),
			Hint:     "use the hellox that made it",
		}
	}
	return inv, nil
}

// RecordImage records that an image may be on nodes, as the newest of its repository.
// It reports whether it was on record before.
func RecordImage(ctx context.Context, inst *Installation, name string) (known bool, err error) {
	inv, err := readInventory(ctx, inst)
	known = slices.Contains(inv.Images, name)
	if kept, _ := newest(inv.Images, 1); err != nil || slices.Contains(kept, name) {
		return known, err
	}
	inv.Images = append(slices.DeleteFunc(inv.Images, func(s string) bool { return s == name }), name)
	_, err = writeInventory(ctx, inst, inv)
	return known, err
}

// writeInventory stores inv and returns it with its new version. Two writers
// cannot overwrite each other: the ConfigMap must still be the one that was
// read.
func writeInventory(ctx context.Context, inst *Installation, inv inventory) (inventory, error) {
	inv.Version = inventoryVersion
	slices.SortFunc(inv.Objects, kube.CompareRefs)
	inv.Objects = slices.Compact(inv.Objects)
	text, err := json.Marshal(inv)
	if err != nil {
		return inv, fmt.Errorf("record the inventory: %w", err)
	}
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1",
		"kind":       "ConfigMap",
		"metadata": map[string]any{
			"name":      inventoryName,
			"namespace": inst.Namespace,
			"labels":    inst.labels(),
		},
		"data": map[string]any{inventoryKey: string(text)},
	}}
	var written *unstructured.Unstructured
	if inv.resourceVersion == "" {
		written, err = inst.in(kube.ConfigMaps).Create(ctx, u, metav1.CreateOptions{FieldManager: fieldManager})
	} else {
		u.SetResourceVersion(inv.resourceVersion)
		written, err = inst.in(kube.ConfigMaps).Update(ctx, u, metav1.UpdateOptions{FieldManager: fieldManager})
	}
	if err != nil {
		return inv, fmt.Errorf("record the inventory in namespace %s: %w", inst.Namespace, err)
	}
	inv.resourceVersion = written.GetResourceVersion()
	return inv, nil
}

// ForgetInventory removes the inventory.
func ForgetInventory(ctx context.Context, inst *Installation, progress func(string)) error {
	if err := removeOne(ctx, inst, kube.Ref{APIVersion: "v1", Kind: "ConfigMap", Namespace: inst.Namespace, Name: inventoryName}, progress); err != nil {
		return fmt.Errorf("remove the inventory in namespace %s: %w", inst.Namespace, err)
	}
	return nil
}

// RecordedImages returns the full names of the images that the installation has
// recorded, the oldest first.
func RecordedImages(ctx context.Context, inst *Installation) ([]string, error) {
	inv, err := readInventory(ctx, inst)
	return inv.Images, err
}

// OtherImages returns the full names of the images that other installations of
// the cluster have recorded.
func OtherImages(ctx context.Context, inst *Installation) (names []string, err error) {
	recorded, err := readInventories(ctx, inst.client)
	if err != nil {
		return nil, err
	}
	for namespace, inv := range recorded {
		if namespace != inst.Namespace {
			names = append(names, inv.Images...)
		}
	}
	return names, nil
}

// newest divides images, the oldest first, into the newest n of each repository and
// those that are older.
func newest(images []string, n int) (kept, old []string) {
	seen := make(map[string]int)
	for _, name := range slices.Backward(images) {
		repository := name[:max(0, strings.LastIndexByte(name, ':'))]
		if seen[repository]++; seen[repository] <= n {
			kept = append(kept, name)
		} else {
			old = append(old, name)
		}
	}
	slices.Reverse(kept)
	slices.Reverse(old)
	return kept, old
}

// NewestImages returns the full names of the installation's images: the newest n of
// each repository, and the others that are recorded.
func NewestImages(ctx context.Context, inst *Installation, n int) (names, old []string, err error) {
	inv, err := readInventory(ctx, inst)
	names, old = newest(inv.Images, n)
	return names, old, err
}

// ForgetImages removes all but the newest n images of each repository from the
// inventory, if there is one.
func ForgetImages(ctx context.Context, inst *Installation, n int) error {
	inv, err := readInventory(ctx, inst)
	kept, old := newest(inv.Images, n)
	if err != nil || len(old) == 0 {
		return err
	}
	inv.Images = kept
	_, err = writeInventory(ctx, inst, inv)
	return err
}
