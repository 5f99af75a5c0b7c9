package install

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"hellox/bootstrap/kube"
)

// ForeignObjects returns the user objects in the namespace that are not part of
// the installation, of every kind that is deleted with a namespace.
func ForeignObjects(ctx context.Context, inst *Installation) ([]kube.Ref, error) {
	foreign, err := userObjects(ctx, inst, "", func(_ string, u *unstructured.Unstructured) bool { return !inst.belongs(u) })
	if err != nil {
		return nil, fmt.Errorf("list the other objects in namespace %s: %w", inst.Namespace, err)
	}
	// Several groups may serve the same objects, as they do for Event.
	return slices.CompactFunc(foreign, func(a, b kube.Ref) bool { return a.Kind == b.Kind && a.Name == b.Name }), nil
}

// labelled returns the objects in the namespace that carry the installation's label
// and are owned by no other object, without the lock of an up or down.
func labelled(ctx context.Context, inst *Installation) ([]kube.Ref, error) {
	refs, err := userObjects(ctx, inst, inst.Selector(), func(kind string, u *unstructured.Unstructured) bool {
		// Endpoints are made for a Service, with its labels and no owner.
		return kind != "Endpoints" && (kind != "Lease" || u.GetName() != lockName)
	})
	if err != nil {
		return nil, fmt.Errorf("list the objects in namespace %s: %w", inst.Namespace, err)
	}
	return refs, nil
}

// userObjects returns, sorted, the user objects in the namespace that the selector
// selects and for which is is true, of every kind that is deleted with a namespace.
func userObjects(ctx context.Context, inst *Installation, selector string, is func(kind string, u *unstructured.Unstructured) bool) (refs []kube.Ref, err error) {
	kinds, err := deletableResources(ctx, inst.client)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for gvr, kind := range kinds {
		g.Go(func() error {
			list, err := inst.in(gvr).List(ctx, metav1.ListOptions{LabelSelector: selector})
			if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("list %s: %w", gvr.Resource, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for i := range list.Items {
				if u := &list.Items[i]; isUserObject(kind, u) && is(kind, u) {
					refs = append(refs, kube.Ref{APIVersion: gvr.GroupVersion().String(), Kind: kind, Namespace: inst.Namespace, Name: u.GetName()})
				}
			}
			return nil
		})
	}
	err = g.Wait()
	slices.SortFunc(refs, kube.CompareRefs)
	return refs, err
}

// isUserObject reports whether an object is neither one that a cluster puts into
// every namespace nor owned by another object.
func isUserObject(kind string, u *unstructured.Unstructured) bool {
	switch {
	case kind == "Event", u.GetDeletionTimestamp() != nil, len(u.GetOwnerReferences()) > 0:
		return false
	case kind == "ServiceAccount" && u.GetName() == "default":
		return false
	case kind == "ConfigMap" && u.GetName() == "kube-root-ca.crt":
		return false
	}
	return true
}

// deletableResources returns the namespaced resources that are deleted with their
// namespace, each in the version that the cluster prefers, and their kinds.
func deletableResources(ctx context.Context, client *kube.Client) (map[schema.GroupVersionResource]string, error) {
	versions := []schema.GroupVersion{{Version: "v1"}}
	var groups metav1.APIGroupList
	if err := client.GetJSON(ctx, "/apis", &groups); err != nil {
		return nil, err
	}
	for _, g := range groups.Groups {
		gv, err := schema.ParseGroupVersion(g.PreferredVersion.GroupVersion)
		if err != nil {
			return nil, err
		}
		versions = append(versions, gv)
	}
	found := map[schema.GroupVersionResource]string{}
	for _, gv := range versions {
		resources, err := client.Resources(ctx, gv)
		if apierrors.IsNotFound(err) || apierrors.IsServiceUnavailable(err) {
			// An aggregated API whose server is not available; Kubernetes itself
			// would not delete the namespace then.
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, r := range resources {
			if r.Namespaced && !strings.Contains(r.Name, "/") && slices.Contains(r.Verbs, "list") && slices.Contains(r.Verbs, "delete") {
				found[gv.WithResource(r.Name)] = r.Kind
			}
		}
	}
	return found, nil
}
