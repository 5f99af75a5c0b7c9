package install

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/install/cause"
	"hellox/bootstrap/install/drift"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
	"hellox/manifests"
)

// Apply makes the objects what the installation consists of: it records them,
// applies them, removes what was recorded before and is not among them, and
// records what is left. Meanwhile progress is told what is waited for. Its
// caller holds the lock. If it is killed, the inventory lists at least what is
// there, and the next Apply continues from that.
func (inst *Installation) Apply(ctx context.Context, objects []*unstructured.Unstructured, image string, ownNamespace bool, progress func(string)) (Applied, error) {
	result := Applied{objects: len(objects), foreign: !ownNamespace}
	if !ownNamespace {
		objects = slices.DeleteFunc(slices.Clone(objects), func(u *unstructured.Unstructured) bool {
			return u.GetKind() == "Namespace"
		})
	}
	wanted := refsOf(objects)
	digest, err := digestOf(objects)
	if err != nil {
		return result, err
	}
	inv, err := readInventory(ctx, inst)
	if err != nil {
		return result, err
	}
	result.restored = inv.Manifests == digest

	if !result.restored {
		inv.Objects = append(inv.Objects, wanted...)
		inv.Image, inv.Manifests, inv.DataOnly = image, "", false
		if inv, err = writeInventory(ctx, inst, inv); err != nil {
			return result, err
		}
	}
	there, err := inst.listLike(ctx, objects)
	if err != nil {
		return result, err
	}
	if result.changed, err = inst.applyAll(ctx, drifted(objects, there), progress); err != nil {
		return result, err
	}
	obsolete, retained := inv.without(wanted)
	result.retained = retained
	pruned, err := remove(ctx, inst, obsolete, progress)
	if err != nil {
		return result, err
	}
	result.pruned = pruned.removed
	if !result.restored {
		inv.Objects = append(wanted, result.retained...)
		inv.Manifests = digest
		if _, err = writeInventory(ctx, inst, inv); err != nil {
			return result, err
		}
	}
	return result, nil
}

// Obsolete returns what Apply of objects would remove: what is recorded, exists, and is
// not among them; retained are those that it would keep for their data.
func Obsolete(ctx context.Context, inst *Installation, objects []*unstructured.Unstructured) (removed, retained []kube.Ref, err error) {
	inv, err := readInventory(ctx, inst)
	if err != nil {
		return nil, nil, err
	}
	removed, retained = inv.without(refsOf(objects))
	if removed, err = existing(ctx, inst, removed); err != nil {
		return nil, nil, err
	}
	retained, err = existing(ctx, inst, retained)
	return removed, retained, err
}

func refsOf(objects []*unstructured.Unstructured) []kube.Ref {
	refs := make([]kube.Ref, len(objects))
	for i, u := range objects {
		refs[i] = kube.RefOf(u)
	}
	return refs
}

// listLike returns the objects of the installation that are of the kinds of objects. A
// list for each kind costs the API server less than a question for each object.
func (inst *Installation) listLike(ctx context.Context, objects []*unstructured.Unstructured) (map[kube.Ref]*unstructured.Unstructured, error) {
	kinds := map[kube.Ref]kube.Ref{} // an object of each, by what all of a kind share
	for _, u := range objects {
		r := kube.RefOf(u)
		kinds[kube.Ref{APIVersion: r.APIVersion, Kind: r.Kind, Namespace: r.Namespace}] = r
	}
	var mu sync.Mutex
	there := make(map[kube.Ref]*unstructured.Unstructured, len(objects))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, r := range kinds {
		g.Go(func() error {
			resource, err := inst.client.ResourceOf(ctx, r)
			if errors.Is(err, kube.ErrUnknownKind) { // the apply says so, or makes its definition
				return nil
			}
			if err != nil {
				return fmt.Errorf("apply %s: %w", r, err)
			}
			list, err := resource.List(ctx, metav1.ListOptions{LabelSelector: inst.Selector()})
			if err != nil {
				return fmt.Errorf("list each %s of namespace %s: %w", r.Kind, inst.Namespace, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for i := range list.Items {
				there[kube.RefOf(&list.Items[i])] = &list.Items[i]
			}
			return nil
		})
	}
	return there, g.Wait()
}

// drifted returns those of objects that are not there as they should be: an apply of the
// others would change nothing.
func drifted(objects []*unstructured.Unstructured, there map[kube.Ref]*unstructured.Unstructured) []*unstructured.Unstructured {
	return slices.DeleteFunc(slices.Clone(objects), func(u *unstructured.Unstructured) bool {
		live, ok := there[kube.RefOf(u)]
		return ok && live.GetDeletionTimestamp() == nil && drift.None(u, live, fieldManager)
	})
}

// applyAll applies objects: a namespace first, the rest in parallel. It returns
// those that were created or changed.
func (inst *Installation) applyAll(ctx context.Context, objects []*unstructured.Unstructured, progress func(string)) ([]kube.Ref, error) {
	var mu sync.Mutex
	var changed []kube.Ref
	one := func(ctx context.Context, u *unstructured.Unstructured) error {
		did, err := inst.applyOne(ctx, u, progress)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if did {
			changed = append(changed, kube.RefOf(u))
		}
		return nil
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, u := range objects {
		if u.GetKind() == "Namespace" {
			if err := one(ctx, u); err != nil {
				return nil, err
			}
			continue
		}
		g.Go(func() error { return one(gctx, u) })
	}
	err := g.Wait()
	slices.SortFunc(changed, kube.CompareRefs)
	return changed, err
}

// ApplyOne applies an object that an Apply has recorded before. Its caller holds the
// lock.
func (inst *Installation) ApplyOne(ctx context.Context, u *unstructured.Unstructured) error {
	_, err := inst.applyOne(ctx, u, func(string) {})
	return err
}

// applyOne applies u by server-side apply: fields that other managers own stay
// theirs, and changed fields of hellox are restored. It reports whether that
// changed anything.
func (inst *Installation) applyOne(ctx context.Context, u *unstructured.Unstructured, progress func(string)) (bool, error) {
	r := kube.RefOf(u)
	var before *unstructured.Unstructured
	for {
		resource, live, err := inst.client.Get(ctx, r)
		if err != nil {
			return false, fmt.Errorf("apply %s: %w", r, err)
		}
		if live != nil && !inst.belongs(live) {
			return false, &step.Error{
				Sentence: fmt.Sprintf("apply %s: namespace %s has one already, which is not of hellox", r, inst.Namespace),
				Hint:     "the same hellox up with --namespace hellox-2",
			}
		}
		if live == nil || live.GetDeletionTimestamp() == nil {
			before = live
			break
		}
		// An object that is being deleted cannot be kept: it is created again.
		if err := waitGone(ctx, inst, deleted{r, live.GetUID(), resource}, progress); err != nil {
			return false, fmt.Errorf("apply %s: wait until the old one is gone: %w", r, err)
		}
	}
	resource, err := inst.client.ResourceOf(ctx, r)
	if err != nil {
		return false, fmt.Errorf("apply %s: %w", r, err)
	}
	after, err := resource.Apply(ctx, r.Name, u, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	if err != nil {
		return false, applyError(r, inst.commands, err)
	}
	return before == nil || Differ(before, after), nil
}

// Differ reports whether two states of an object differ in more than field
// ownership and status.
func Differ(a, b *unstructured.Unstructured) bool {
	plain := func(u *unstructured.Unstructured) map[string]any {
		u = u.DeepCopy()
		u.SetManagedFields(nil)
		u.SetResourceVersion("")
		delete(u.Object, "status")
		return u.Object
	}
	return !reflect.DeepEqual(plain(a), plain(b))
}

func applyError(r kube.Ref, commands kube.Commands, err error) error {
	e := &step.Error{Sentence: "apply " + r.String(), Err: err}
	switch {
	case apierrors.IsInvalid(err) && r.Kind == "StatefulSet":
		// Most fields of a StatefulSet cannot be changed.
		e.Hint = commands.Hellox("down --keep-data") + ", then the same hellox up again: the data stays"
	case apierrors.IsForbidden(err), apierrors.IsInternalError(err), apierrors.IsBadRequest(err):
		text, hint := cause.Refusal(commands, err.Error())
		if hint == "" {
			return fmt.Errorf("%s: %w", e.Sentence, err)
		}
		return &step.Error{Sentence: e.Sentence + ": " + text, Hint: hint}
	default:
		return fmt.Errorf("%s: %w", e.Sentence, err)
	}
	return e
}

// digestOf returns a digest of a set of manifests.
func digestOf(objects []*unstructured.Unstructured) (string, error) {
	text, err := manifests.YAML(objects)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), nil
}

// Try returns an object as it is, nil if there is none, and as it would be.
func (inst *Installation) Try(ctx context.Context, u *unstructured.Unstructured) (before, after *unstructured.Unstructured, err error) {
	r := kube.RefOf(u)
	resource, before, err := inst.client.Get(ctx, r)
	if err != nil {
		return nil, nil, fmt.Errorf("try %s: %w", r, err)
	}
	after, err = resource.Apply(ctx, r.Name, u, metav1.ApplyOptions{
		FieldManager: fieldManager, Force: true, DryRun: []string{metav1.DryRunAll},
	})
	if err != nil {
		return nil, nil, applyError(r, inst.commands, err)
	}
	return before, after, nil
}
