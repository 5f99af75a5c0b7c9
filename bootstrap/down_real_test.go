package bootstrap_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"hellox/bootstrap"
	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
)

// testDownOfWhatChanged removes what an overlay made that is gone: an object that a
// finalizer holds for a while, which is named meanwhile.
func testDownOfWhatChanged(t *testing.T, r *rig) {
	const namespace = "hellox-changed"
	ctx := t.Context()
	inst := r.installation(t, namespace)
	dir := overlay(t, "resources: [base, extra.yaml]\n")
	extra := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: held, finalizers: [example.com/hold]}\n"
	if err := os.WriteFile(filepath.Join(dir, "extra.yaml"), []byte(extra), 0o666); err != nil {
		t.Fatal(err)
	}
	o := r.options(t, namespace, r.programs[0])
	o.Overlay = dir
	up(t, o)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	steps := newRecorder(t)
	steps.onProgress = func(text string) {
		if !strings.Contains(text, "ConfigMap held (finalizer example.com/hold)") {
			return
		}
		_, err := inst.In(kube.ConfigMaps).Patch(ctx, "held", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	}
	r.downWith(t, bootstrap.DownOptions{Namespace: namespace}, steps)
	if !slices.ContainsFunc(steps.progress, func(s string) bool { return strings.Contains(s, "finalizer example.com/hold") }) {
		t.Errorf("progress told %q, and not of the finalizer", steps.progress)
	}
	if _, err := inst.client.All(kube.Namespaces).Get(ctx, namespace, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the namespace: %v", err)
	}
}

func testDown(t *testing.T, r *rig, inst space) {
	ctx := t.Context()
	at := bootstrap.DownOptions{Namespace: inst.Namespace}

	dry := at
	dry.DryRun = true
	r.down(t, dry)
	if status, err := install.ReadStatus(ctx, r.cluster.REST, inst.Namespace); err != nil || !status.Ready {
		t.Fatalf("after a dry run: %+v, %v", status, err)
	}

	keep := at
	keep.KeepData = true
	r.down(t, keep)
	list, err := inst.In(kube.Claims).List(ctx, metav1.ListOptions{})
	if err != nil || len(list.Items) != 2 {
		t.Errorf("%d volume claims were kept, want 2 (%v)", len(list.Items), err)
	}
	if all, err := install.List(ctx, r.cluster.REST); err != nil || !slices.ContainsFunc(all, func(i install.Summary) bool { return i.Namespace == inst.Namespace && i.DataOnly }) {
		t.Errorf("installations %+v, %v", all, err)
	}
	kept := list.Items[0].GetUID()
	up(t, r.options(t, inst.Namespace, r.programs[1]))
	if list, err := inst.In(kube.Claims).List(ctx, metav1.ListOptions{}); err != nil || len(list.Items) != 2 || list.Items[0].GetUID() != kept {
		t.Errorf("the kept data was not used again (%v)", err)
	}

	// Somebody else's object keeps the namespace, and is left as it is.
	steps := r.down(t, at)
	if !slices.ContainsFunc(steps.texts, func(n string) bool { return strings.Contains(n, "ConfigMap planted") }) {
		t.Errorf("%q does not name what was left", steps.texts)
	}
	if _, err := inst.In(kube.ConfigMaps).Get(ctx, "planted", metav1.GetOptions{}); err != nil {
		t.Errorf("somebody else's object: %v", err)
	}
	if err := inst.In(kube.ConfigMaps).Delete(ctx, "planted", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	r.down(t, at)
	if _, err := inst.client.All(kube.Namespaces).Get(ctx, inst.Namespace, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the namespace: %v", err)
	}
	if steps := r.down(t, at); len(steps.changed) > 0 {
		t.Errorf("a second down changed %v", steps.changed)
	}

	// A namespace that was there is used, and stays.
	_, err = inst.client.All(kube.Namespaces).Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": inst.Namespace},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	up(t, r.options(t, inst.Namespace, r.programs[0]))
	r.down(t, at)
	u, err := inst.client.All(kube.Namespaces).Get(ctx, inst.Namespace, metav1.GetOptions{})
	if err != nil || len(u.GetLabels()) != 1 {
		t.Errorf("a namespace that was there before: %v, %v", u.GetLabels(), err)
	}
	if err := inst.client.All(kube.Namespaces).Delete(ctx, inst.Namespace, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}
