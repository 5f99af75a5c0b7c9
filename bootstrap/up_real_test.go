package bootstrap_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap"
	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
)

// One cluster serves all of these.
func TestKindUpAndDown(t *testing.T) {
	r := newRig(t)
	t.Run("up and down", func(t *testing.T) { testUpAndDown(t, r) })
	t.Run("explained", func(t *testing.T) { testExplained(t, r) })
	t.Run("killed", func(t *testing.T) { testKilled(t, r) })
	t.Run("restarted", func(t *testing.T) { testRestarted(t, r) })
}

func testUpAndDown(t *testing.T, r *rig) {
	const namespace = "hellox-test"
	inst := r.installation(t, namespace)
	r.down(t, bootstrap.DownOptions{Namespace: namespace}) // of a run that was cut off

	here, steps := up(t, r.options(t, namespace, r.programs[0]))
	if !slices.Contains(steps.changed, step.Apply) || !slices.Contains(steps.changed, step.Load) || !slices.Contains(steps.changed, step.Rollout) {
		t.Errorf("a first up changed only %v", steps.changed)
	}
	if got := page(t, here.Web, "/"); got != "version 0" {
		t.Errorf("the page says %q", got)
	}

	// Before a pod is deleted: its successor may not be rolled out yet when its page is.
	t.Run("again", func(t *testing.T) {
		before, began := inst.applies(t), time.Now()
		_, steps := up(t, r.options(t, namespace, r.programs[0]))
		t.Logf("an up of what is up took %s", time.Since(began))
		if n := inst.applies(t) - before; n > 0 {
			t.Errorf("nothing was to do, and %d objects were applied", n)
		}
		for _, step := range []string{step.Cluster, step.Load, step.Apply, step.Rollout} {
			if slices.Contains(steps.changed, step) {
				t.Errorf("nothing was to do, and %s changed something", step)
			}
		}
	})

	t.Run("forward", func(t *testing.T) { testForward(t, r, inst, here) })
	t.Run("only forwards reach the page", func(t *testing.T) { testLoopback(t, inst) })
	t.Run("namespace refuses privileged pods", func(t *testing.T) { testRestricted(t, inst) })

	t.Run("planned", func(t *testing.T) {
		steps := newRecorder(t)
		if err := r.options(t, namespace, r.programs[0]).plan(t.Context(), steps); err != nil {
			t.Fatal(err)
		}
		if slices.Contains(steps.changed, step.Apply) || slices.Contains(steps.changed, step.Load) {
			t.Errorf("a plan of what is up would change %v", steps.changed)
		}
		two := 2
		o := r.options(t, namespace, r.programs[1])
		o.Broadcasters = &two
		steps = newRecorder(t)
		if err := o.plan(t.Context(), steps); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(steps.changed, step.Apply) || !slices.Contains(steps.changed, step.Load) {
			t.Errorf("a plan of a changed program would change only %v", steps.changed)
		}
		for _, want := range []string{"StatefulSet broadcast: spec.replicas: 1 → 2", "Deployment receive: spec.template.spec.containers[receive].image: \"hellox.local/hellox:"} {
			if !slices.ContainsFunc(steps.texts, func(s string) bool { return strings.HasPrefix(s, want) }) {
				t.Errorf("the plan does not tell %q: %q", want, steps.texts)
			}
		}
		for _, text := range steps.texts {
			if strings.Contains(text, "resourceVersion") || strings.Contains(text, "generation") || strings.Contains(text, "managedFields") {
				t.Errorf("the plan tells what the API server sets: %q", text)
			}
		}
		if n, err := install.Broadcasters(t.Context(), inst.Installation); err != nil || *n != 1 {
			t.Errorf("a plan scaled to %v (%v)", n, err)
		}
	})

	t.Run("put back what was changed by hand", func(t *testing.T) { testDrift(t, r, inst) })

	t.Run("scale", func(t *testing.T) {
		if err := bootstrap.Scale(t.Context(), r.cluster.REST, namespace, install.RoleBroadcast, 3, newRecorder(t)); err != nil {
			t.Fatal(err)
		}
		up(t, r.options(t, namespace, r.programs[0]))
		if n, err := install.Broadcasters(t.Context(), inst.Installation); err != nil || n == nil || *n != 3 {
			t.Errorf("after scale 3 and up there are %v broadcasters (%v)", n, err)
		}
		one := 1
		o := r.options(t, namespace, r.programs[0])
		o.Broadcasters = &one
		up(t, o)
		if n, err := install.Broadcasters(t.Context(), inst.Installation); err != nil || n == nil || *n != 1 {
			t.Errorf("after up --broadcasters 1 there are %v (%v)", n, err)
		}
	})

	t.Run("changed program", func(t *testing.T) {
		began := time.Now()
		_, steps := up(t, r.options(t, namespace, r.programs[1]))
		t.Logf("a changed program was rolled out in %s", time.Since(began))
		if !slices.Contains(steps.changed, step.Apply) {
			t.Errorf("changed: %v", steps.changed)
		}
		// The forward of the first up is still there, and finds the new pod.
		if got := page(t, here.Web, "/"); got != "version 1" {
			t.Errorf("through the first up's forward the page says %q", got)
		}
	})

	t.Run("old images", func(t *testing.T) { testOldImages(t, r, namespace) })
	t.Run("status and logs", func(t *testing.T) { testStatusAndLogs(t, r, namespace) })
	t.Run("lock", func(t *testing.T) { testLock(t, r, inst) })
	t.Run("prune", func(t *testing.T) { testPrune(t, r, inst) })
	t.Run("side by side", func(t *testing.T) {
		const beside = "hellox-beside"
		up(t, r.options(t, beside, r.programs[1]))
		steps := r.down(t, bootstrap.DownOptions{Namespace: beside})
		if slices.Contains(steps.changed, step.Unload) {
			t.Error("the image of another installation was removed")
		}
		_, steps = up(t, r.options(t, namespace, r.programs[1]))
		for _, step := range []string{step.Load, step.Apply, step.Rollout} {
			if slices.Contains(steps.changed, step) {
				t.Errorf("another installation came and went, and %s had something to do", step)
			}
		}
	})
	t.Run("down", func(t *testing.T) { testDown(t, r, inst) })
	t.Run("down of what changed", func(t *testing.T) { testDownOfWhatChanged(t, r) })
}

// testOldImages has a third program: the first one's image goes from the nodes, and the
// second one's stays for an up that takes the change back.
func testOldImages(t *testing.T, r *rig, namespace string) {
	_, steps := up(t, r.options(t, namespace, r.programs[2]))
	if !slices.Contains(steps.changed, step.Unload) {
		t.Errorf("changed: %v", steps.changed)
	}
	_, steps = up(t, r.options(t, namespace, r.programs[1]))
	if slices.Contains(steps.changed, step.Load) || slices.Contains(steps.changed, step.Unload) {
		t.Errorf("the image of the last program but one was loaded again: %v", steps.changed)
	}
	there, _, err := r.cluster.RemovableImages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for node, names := range there {
		if len(names) != 2 {
			t.Errorf("node %s has the images %v, want two", node, names)
		}
	}
}

// applies returns how many server-side applies the API server has had.
func (s space) applies(t *testing.T) (n int) {
	t.Helper()
	text, err := s.client.REST.Get().AbsPath("/metrics").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	requests := regexp.MustCompile(`(?m)^apiserver_request_total\{[^}\n]*\bverb="APPLY"[^}\n]*\} (\d+)$`).FindAllSubmatch(text, -1)
	if len(requests) == 0 {
		t.Fatal("the API server does not count what is applied")
	}
	for _, m := range requests {
		count, err := strconv.Atoi(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		n += count
	}
	return n
}

func testDrift(t *testing.T, r *rig, inst space) {
	ctx := t.Context()
	if err := inst.In(kube.StatefulSets).Delete(ctx, install.RoleBroadcast, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	u, err := inst.In(kube.Deployments).Get(ctx, install.RoleReceive, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	containers, _, _ := unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers")
	want := containers[0].(map[string]any)["image"]
	containers[0].(map[string]any)["image"] = "hellox.local/hellox:by-hand"
	if err := unstructured.SetNestedSlice(u.Object, containers, "spec", "template", "spec", "containers"); err != nil {
		t.Fatal(err)
	}
	if _, err := inst.In(kube.Deployments).Update(ctx, u, metav1.UpdateOptions{FieldManager: "somebody"}); err != nil {
		t.Fatal(err)
	}
	_, steps := up(t, r.options(t, inst.Namespace, r.programs[0]))
	if !slices.Contains(steps.changed, step.Apply) {
		t.Error("nothing was put back")
	}
	u, err = inst.In(kube.Deployments).Get(ctx, install.RoleReceive, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	containers, _, _ = unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers")
	if got := containers[0].(map[string]any)["image"]; got != want {
		t.Errorf("the image is %v, want %v", got, want)
	}
}

func testPrune(t *testing.T, r *rig, inst space) {
	ctx := t.Context()
	dir := overlay(t, `
resources: [base, extra.yaml]
`)
	extra := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\ndata: {a: b}\n"
	if err := os.WriteFile(filepath.Join(dir, "extra.yaml"), []byte(extra), 0o666); err != nil {
		t.Fatal(err)
	}
	plant(t, inst, "planted")
	o := r.options(t, inst.Namespace, r.programs[1])
	o.Overlay = dir
	up(t, o)
	if _, err := inst.In(kube.ConfigMaps).Get(ctx, "extra", metav1.GetOptions{}); err != nil {
		t.Fatal(err)
	}
	up(t, r.options(t, inst.Namespace, r.programs[1]))
	if _, err := inst.In(kube.ConfigMaps).Get(ctx, "extra", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("no longer in the manifests, and there: %v", err)
	}
	if _, err := inst.In(kube.ConfigMaps).Get(ctx, "planted", metav1.GetOptions{}); err != nil {
		t.Errorf("somebody else's object: %v", err)
	}

	// An object of that name that is not of hellox is not taken over.
	extra = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: planted}\ndata: {a: b}\n"
	if err := os.WriteFile(filepath.Join(dir, "extra.yaml"), []byte(extra), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := o.up(ctx, newRecorder(t)); err == nil || !strings.Contains(err.Error(), "not of hellox") {
		t.Errorf("an object of somebody else's: %v", err)
	}
}
