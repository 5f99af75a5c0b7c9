package install

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"hellox/bootstrap/kube"
	"hellox/manifests"
)

// recorded returns what the inventory lists and the labelled volume claims,
// without the namespace: objects, and claims with users' data. (The claims of a
// StatefulSet are created by its controller, from its template.) Without an
// inventory, which a person may have deleted, the labels alone tell.
func recorded(ctx context.Context, inst *Installation, inv inventory) (objects, data []kube.Ref, err error) {
	if inv.resourceVersion == "" {
		if inv.Objects, err = labelled(ctx, inst); err != nil {
			return nil, nil, err
		}
	}
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

// A Cleared is what one Clear did.
type Cleared struct {
	Removed []kube.Ref
	Kept    []kube.Ref // volume claims, with keepData
	Notes   []string   // what else was left, or not waited for, and why
}

// Clear removes the installation's objects from its namespace, except the
// inventory and, with keepData, the volume claims. What is left stays recorded.
// Meanwhile progress is told what is waited for.
func (inst *Installation) Clear(ctx context.Context, keepData bool, progress func(string)) (Cleared, error) {
	inv, err := readInventory(ctx, inst)
	if err != nil {
		return Cleared{}, err
	}
	objects, data, err := recorded(ctx, inst, inv)
	if err != nil {
		return Cleared{}, err
	}
	gone, data := inv.divide(data, keepData)
	move := inv.Move
	back := keepData && move != nil && move.Phase != Finish
	if back {
		inv.Move = &Move{move.From, move.To, Back}
	} else if !keepData {
		inv.Move = nil
	}
	if inv.Move != move { // an up after a down that was killed does not go on with it
		if inv, err = writeInventory(ctx, inst, inv); err != nil {
			return Cleared{}, err
		}
	}
	did, err := remove(ctx, inst, append(objects, gone...), progress)
	cleared := Cleared{Removed: did.removed}
	if err != nil {
		return cleared, err
	}
	if len(did.foreign) > 0 {
		cleared.Notes = append(cleared.Notes, "left: "+kube.Names(did.foreign)+", which hellox did not make")
	}
	if len(did.forced) > 0 {
		cleared.Notes = append(cleared.Notes, "not waited for, as its node is not ready: pod "+strings.Join(did.forced, ", pod "))
	}
	if inv.resourceVersion == "" {
		return cleared, nil
	}
	inv.Manifests = ""
	if keepData && len(data) > 0 {
		cleared.Kept = data
		if back {
			inv.Move = nil
			cleared.Notes = append(cleared.Notes, move.String()+" is taken back: the data of "+NodesText(move.From)+" is kept")
		}
		// Claims that a StatefulSet created are found by their label.
		inv.Objects = slices.DeleteFunc(inv.Objects, func(r kube.Ref) bool { return !r.HoldsData() || slices.Contains(gone, r) })
		inv.DataOnly = true
	} else {
		inv.Objects, inv.Move = nil, nil
	}
	_, err = writeInventory(ctx, inst, inv)
	return cleared, err
}

// divide divides the volume claims into those that a Clear removes, and those that it
// keeps: with keepData all but those of the size that a move can still be taken back from.
func (inv inventory) divide(data []kube.Ref, keepData bool) (gone, kept []kube.Ref) {
	if !keepData {
		return data, nil
	}
	if inv.Move == nil || inv.Move.Phase == Finish {
		return nil, data
	}
	for _, r := range data {
		if manifests.ClaimSize(r.Name) == inv.Move.To {
			gone = append(gone, r)
		} else {
			kept = append(kept, r)
		}
	}
	return gone, kept
}

// A Removable is what Clear and RemoveNamespace would remove.
type Removable struct {
	Objects []kube.Ref
	Data    []kube.Ref // volume claims: removed, or kept with keepData
}

// Removable returns what Clear and RemoveNamespace would remove.
func (inst *Installation) Removable(ctx context.Context, ownNamespace, keepData bool) (Removable, error) {
	inv, err := readInventory(ctx, inst)
	if err != nil {
		return Removable{}, err
	}
	objects, data, err := recorded(ctx, inst, inv)
	if err != nil {
		return Removable{}, err
	}
	var there Removable
	if there.Objects, err = existing(ctx, inst, objects); err != nil {
		return there, err
	}
	if there.Data, err = existing(ctx, inst, data); err != nil {
		return there, err
	}
	if keepData {
		var gone []kube.Ref
		gone, there.Data = inv.divide(there.Data, keepData)
		there.Objects = append(there.Objects, gone...)
	}
	if ownNamespace && !keepData {
		foreign, err := ForeignObjects(ctx, inst)
		if err != nil {
			return there, err
		}
		if len(foreign) == 0 {
			there.Objects = append(there.Objects, inst.namespaceRef())
		}
	}
	return there, nil
}

// existing returns those of refs that exist and are part of the installation.
func existing(ctx context.Context, inst *Installation, refs []kube.Ref) (there []kube.Ref, err error) {
	for _, r := range refs {
		_, u, err := inst.client.Get(ctx, r)
		if err != nil && !errors.Is(err, kube.ErrUnknownKind) {
			return nil, fmt.Errorf("read %s in namespace %s: %w", r, inst.Namespace, err)
		}
		if err == nil && u != nil && inst.belongs(u) {
			there = append(there, r)
		}
	}
	return there, nil
}
