package bootstrap

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
)

// others returns what the namespace holds that is not of the installation, and
// that somebody would miss: of every kind that the cluster knows and that is
// deleted with a namespace.
func (s *site) others(ctx context.Context) ([]ref, error) {
	kinds, err := s.deletable(ctx)
	if err != nil {
		return nil, fmt.Errorf("see what else is in namespace %s: %w", s.namespace, err)
	}
	var mu sync.Mutex
	var others []ref
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for gvr, kind := range kinds {
		g.Go(func() error {
			list, err := s.in(gvr).List(ctx, metav1.ListOptions{})
			if apierrors.IsNotFound(err) || apierrors.IsMethodNotSupported(err) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("see what else is in namespace %s: list %s: %w", s.namespace, gvr.Resource, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for i := range list.Items {
				if u := &list.Items[i]; !s.belongs(u) && missed(kind, u) {
					others = append(others, ref{gvr.GroupVersion().String(), kind, s.namespace, u.GetName()})
				}
			}
			return nil
		})
	}
	err = g.Wait()
	slices.SortFunc(others, compareRefs)
	// Several groups may serve the same objects, as they do for Event.
	others = slices.CompactFunc(others, func(a, b ref) bool { return a.Kind == b.Kind && a.Name == b.Name })
	return others, err
}

// missed tells whether an object is more than what a cluster puts into every
// namespace, or what lives and dies with another object.
func missed(kind string, u *unstructured.Unstructured) bool {
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

// deletable returns the namespaced resources that are deleted with their
// namespace, each in the version that the cluster prefers, and their kinds.
func (s *site) deletable(ctx context.Context) (map[schema.GroupVersionResource]string, error) {
	versions := []schema.GroupVersion{{Version: "v1"}}
	var groups metav1.APIGroupList
	if err := s.getJSON(ctx, "/apis", &groups); err != nil {
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
		resources, err := s.resources(ctx, gv)
		if apierrors.IsNotFound(err) || apierrors.IsServiceUnavailable(err) {
			// An aggregated API whose server is away; Kubernetes itself would
			// not delete the namespace then.
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

// some names a few of refs, and how many more there are.
func some(refs []ref) string {
	const few = 3
	if len(refs) <= few {
		return names(refs)
	}
	return fmt.Sprintf("%s and %d more", names(refs[:few]), len(refs)-few)
}
