package install

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"hellox/bootstrap/kube"
)

// recorded returns what the inventory lists and the labelled volume claims,
// without the namespace: objects, and claims with users' data. (The claims of a
// StatefulSet are created by its controller, from its template.)
func recorded(ctx context.Context, inst *Installation, inv inventory) (objects, data []kube.Ref, err error) {
	list, err := inst.in(kube.Claims).List(ctx, metav1.ListOptions{LabelSelector: inst.Selector()})
	if err != nil {
		return nil, nil, fmt.Errorf("list the volume claims in namespace %s: %w", inst.Namespace, err)
	}
	for _, r := range inv.Objects {
		switch {
		case r.HoldsData():
			data = append(data, r)
		case r.Kind != "Namespace":
			objects = append(objects, r)
		}
	}
	for i := range list.Items {
		r := kube.RefOf(&list.Items[i])
		r.APIVersion, r.Kind = "v1", "PersistentVolumeClaim"
		data = append(data, r)
	}
	slices.SortFunc(data, kube.CompareRefs)
	return objects, slices.Compact(data), nil
}

// Clear removes the installation's objects from its namespace, except the
// inventory and, with keepData, the volume claims. What is left stays recorded.
// notes describe what was left, and why.
func (inst *Installation) Clear(ctx context.Context, keepData bool) (removed []kube.Ref, notes []string, err error) {
	inv, err := readInventory(ctx, inst)
	if err != nil {
		return nil, nil, err
	}
	objects, data, err := recorded(ctx, inst, inv)
	if err != nil {
		return nil, nil, err
	}
	if !keepData {
		objects = append(objects, data...)
	}
	removed, foreign, err := remove(ctx, inst, objects)
	if err != nil {
		return removed, nil, err
	}
	if len(foreign) > 0 {
		notes = append(notes, "left: "+kube.Names(foreign)+", which hellox did not make")
	}
	if inv.resourceVersion == "" {
		return removed, notes, nil
	}
	inv.Manifests = ""
	if keepData && len(data) > 0 {
		notes = append(notes, fmt.Sprintf("left for its data: %s (hellox down without --keep-data removes it)", kube.Names(data)))
		// Claims that a StatefulSet created are found by their label.
		inv.Objects = slices.DeleteFunc(inv.Objects, func(r kube.Ref) bool { return !r.HoldsData() })
		inv.DataOnly = true
	} else {
		inv.Objects = nil
	}
	_, err = writeInventory(ctx, inst, inv)
	return removed, notes, err
}

// Removable returns what Clear and RemoveNamespace would remove.
func (inst *Installation) Removable(ctx context.Context, ownNamespace, keepData bool) ([]kube.Ref, error) {
	inv, err := readInventory(ctx, inst)
	if err != nil {
		return nil, err
	}
	objects, data, err := recorded(ctx, inst, inv)
	if err != nil {
		return nil, err
	}
	if !keepData {
		objects = append(objects, data...)
	}
	var removable []kube.Ref
	for _, r := range objects {
		_, u, err := inst.client.Get(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("read %s in namespace %s: %w", r, inst.Namespace, err)
		}
		if u != nil && inst.belongs(u) {
			removable = append(removable, r)
		}
	}
	if ownNamespace && !keepData {
		foreign, err := ForeignObjects(ctx, inst)
		if err != nil {
			return nil, err
		}
		if len(foreign) == 0 {
			removable = append(removable, kube.Ref{Kind: "Namespace", Name: inst.Namespace})
		}
	}
	return removable, nil
}
