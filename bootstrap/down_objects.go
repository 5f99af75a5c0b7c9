package bootstrap

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// findNamespace tells whether the site's namespace is the installation's own;
// an error that apierrors.IsNotFound knows says that there is none. One that is
// being deleted is waited for.
func (s *site) findNamespace(ctx context.Context, progress func(string)) (own bool, err error) {
	all := s.objects.Resource(namespaces)
	for {
		u, err := all.Get(ctx, s.namespace, metav1.GetOptions{})
		if err != nil {
			return false, fmt.Errorf("read namespace %s: %w", s.namespace, err)
		}
		if u.GetDeletionTimestamp() == nil {
			return s.belongs(u), nil
		}
		progress("waiting until namespace " + s.namespace + " is gone")
		if err := waitGone(ctx, all, s.namespace, u.GetUID()); err != nil {
			return false, fmt.Errorf("wait until namespace %s is gone: %w", s.namespace, err)
		}
	}
}

// recorded returns what the inventory names and what else carries the mark,
// without the namespace: objects, and volume claims with users' data. (The
// claims of a StatefulSet are made by its controller, from its template.)
func (s *site) recorded(ctx context.Context, inv inventory) (objects, data []ref, err error) {
	list, err := s.in(claims).List(ctx, metav1.ListOptions{LabelSelector: s.marked()})
	if err != nil {
		return nil, nil, fmt.Errorf("list the volume claims in namespace %s: %w", s.namespace, err)
	}
	for _, r := range inv.Objects {
		switch {
		case r.holdsData():
			data = append(data, r)
		case r.Kind != "Namespace":
			objects = append(objects, r)
		}
	}
	for i := range list.Items {
		r := refOf(&list.Items[i])
		r.APIVersion, r.Kind = "v1", "PersistentVolumeClaim"
		data = append(data, r)
	}
	slices.SortFunc(data, compareRefs)
	return objects, slices.Compact(data), nil
}

// clear removes what the installation has in its namespace but the inventory,
// and with keepData all but the claims. What is left stays on record. notes tell
// what was left, and why.
func (s *site) clear(ctx context.Context, keepData bool) (removed []ref, notes []string, err error) {
	inv, err := s.readInventory(ctx)
	if err != nil {
		return nil, nil, err
	}
	objects, data, err := s.recorded(ctx, inv)
	if err != nil {
		return nil, nil, err
	}
	if !keepData {
		objects = append(objects, data...)
	}
	removed, foreign, err := s.remove(ctx, objects)
	if err != nil {
		return removed, nil, err
	}
	if len(foreign) > 0 {
		notes = append(notes, "left: "+names(foreign)+", which hellox did not make")
	}
	if inv.resourceVersion == "" {
		return removed, notes, nil
	}
	inv.Manifests = ""
	if keepData && len(data) > 0 {
		notes = append(notes, fmt.Sprintf("left for its data: %s (hellox down without --keep-data removes it)", names(data)))
		// Claims that a StatefulSet made are found by their mark.
		inv.Objects = slices.DeleteFunc(inv.Objects, func(r ref) bool { return !r.holdsData() })
		inv.DataOnly = true
	} else {
		inv.Objects = nil
	}
	_, err = s.write(ctx, inv)
	return removed, notes, err
}

// forget removes the inventory.
func (s *site) forget(ctx context.Context) error {
	if _, err := s.removeOne(ctx, ref{"v1", "ConfigMap", s.namespace, inventoryName}); err != nil {
		return fmt.Errorf("remove the inventory in namespace %s: %w", s.namespace, err)
	}
	return nil
}
