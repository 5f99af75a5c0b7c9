package bootstrap

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/image"
	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
)

// DownOptions configures Down.
type DownOptions struct {
	Namespace string
	KeepData  bool // volumes with history and queues stay, and the inventory that lists them
	// DeleteCluster also deletes the cluster, if hellox created it and no other
	// installation is in it.
	DeleteCluster bool
	DryRun        bool   // only report what would be removed
	Holder        string // as in UpOptions
}

// Down removes exactly what Up recorded and labelled, and waits until it is gone.
// What is not part of the installation stays and is reported. Down can be
// interrupted at any moment and run again; if there is nothing to remove it
// reports that.
func Down(ctx context.Context, c *cluster.Cluster, o DownOptions, steps step.Reporter) error {
	inst, err := install.New(c.REST, o.Namespace)
	if err != nil {
		return err
	}
	d := &downRun{options: o, steps: steps, cluster: c, inst: inst}
	if err := d.run(kube.WithoutKlog(ctx)); err != nil {
		steps.Fail(err)
		return err
	}
	return nil
}

// A downRun is what the steps of one Down share.
type downRun struct {
	options DownOptions
	steps   step.Reporter
	cluster *cluster.Cluster
	inst    *install.Installation
	absent  bool          // there is no such namespace
	own     bool          // the namespace is the installation's
	lock    *install.Lock // nil where nothing is changed, and once it was released
}

// run takes the steps of a Down. The lock is held from the first removal to
// that of the namespace.
func (d *downRun) run(ctx context.Context) error {
	d.steps.Begin(step.Remove)
	held, err := d.acquireLock(ctx)
	if err != nil {
		return err
	}
	defer d.releaseLock(ctx)
	for _, do := range []func(context.Context) error{
		d.removeObjects,
		d.removeImages,
		d.removeNamespace,
	} {
		if err := do(held); err != nil {
			return orLost(held, err)
		}
	}
	return d.deleteCluster(ctx)
}

// acquireLock locks the installation, if there is one and it will be changed.
// The context it returns ends when the lock is lost.
func (d *downRun) acquireLock(ctx context.Context) (held context.Context, err error) {
	d.own, err = d.inst.FindNamespace(ctx, d.steps.Progress)
	d.absent = apierrors.IsNotFound(err)
	if d.absent || d.options.DryRun && err == nil {
		return ctx, nil
	}
	if err == nil {
		held, d.lock, err = install.AcquireLock(ctx, d.inst, d.options.Holder, d.steps.Progress)
	}
	return held, err
}

func (d *downRun) releaseLock(ctx context.Context) {
	if d.lock != nil {
		d.lock.Release(ctx)
		d.lock = nil
	}
}

func (d *downRun) removeObjects(ctx context.Context) error {
	switch {
	case d.absent:
		d.steps.Done("nothing of hellox in namespace "+d.options.Namespace, true)
		return nil
	case d.options.DryRun:
		return d.planRemoval(ctx)
	}
	removed, notes, err := d.inst.Clear(ctx, d.options.KeepData)
	if err != nil {
		return err
	}
	done := install.Count(len(removed), "object") + " removed from namespace " + d.options.Namespace
	if len(removed) == 0 {
		done = "nothing of hellox in namespace " + d.options.Namespace
	}
	d.steps.Done(done, len(removed) == 0)
	for _, n := range notes {
		d.steps.Note(n)
	}
	return nil
}

// planRemoval reports what would be removed.
func (d *downRun) planRemoval(ctx context.Context) error {
	removable, err := d.inst.Removable(ctx, d.own, d.options.KeepData)
	if err != nil {
		return err
	}
	if len(removable) == 0 {
		d.steps.Done("nothing of hellox in namespace "+d.options.Namespace, true)
		return nil
	}
	d.steps.Done("would remove from namespace "+d.options.Namespace+": "+kube.Names(removable), true)
	return nil
}

// removeImages removes the images that no other installation of the cluster has
// recorded.
func (d *downRun) removeImages(ctx context.Context) error {
	if d.absent && d.options.DryRun {
		return nil
	}
	d.steps.Begin(step.Unload)
	names, err := install.OtherImages(ctx, d.inst)
	if err != nil {
		return err
	}
	var keep []string
	for _, name := range names {
		if tag, ok := strings.CutPrefix(name, image.Repository+":"); ok {
			keep = append(keep, tag)
		}
	}
	if d.options.DryRun {
		return d.planImages(ctx, keep)
	}
	n, err := d.cluster.RemoveImages(ctx, keep...)
	if err != nil {
		return err
	}
	if d.options.KeepData {
		if err := install.ForgetImages(ctx, d.inst); err != nil {
			return err
		}
	}
	d.steps.Done(install.Count(n, "image")+" removed from "+install.Count(len(d.cluster.Nodes), "node"), n == 0)
	return nil
}

// planImages reports which images would be removed from the nodes.
func (d *downRun) planImages(ctx context.Context, keep []string) error {
	removable, err := d.cluster.RemovableImages(ctx, keep...)
	if err != nil {
		return err
	}
	if len(removable) == 0 {
		d.steps.Done("no image to remove", true)
		return nil
	}
	for _, node := range slices.Sorted(maps.Keys(removable)) {
		d.steps.Done("would remove from node "+node+": "+strings.Join(removable[node], ", "), true)
	}
	return nil
}

// removeNamespace removes the inventory, and the namespace with it if that is
// the installation's own and holds no other objects.
func (d *downRun) removeNamespace(ctx context.Context) error {
	if d.options.DryRun || d.absent || d.options.KeepData {
		return nil
	}
	d.steps.Begin(step.Namespace)
	var foreign []kube.Ref
	if d.own {
		var err error
		if foreign, err = install.ForeignObjects(ctx, d.inst); err != nil {
			return err
		}
	}
	if !d.own || len(foreign) > 0 {
		// A later down finds the namespace by its label, once they are gone.
		if err := install.ForgetInventory(ctx, d.inst); err != nil {
			return err
		}
		left := "left: namespace " + d.options.Namespace + ", which was there before hellox"
		if d.own {
			left = fmt.Sprintf("left: namespace %s, which holds %s", d.options.Namespace, kube.Few(foreign))
		}
		d.steps.Done(left, true)
		return nil
	}
	// The namespace takes the inventory and the lock with it.
	d.releaseLock(ctx)
	if err := d.inst.RemoveNamespace(ctx); err != nil {
		return err
	}
	d.steps.Done("namespace "+d.options.Namespace+" removed", false)
	return nil
}

// CheckCreated returns why hellox must not delete c: up did not create it.
func CheckCreated(ctx context.Context, c *cluster.Cluster) error {
	created, err := install.CreatedByHellox(ctx, c.REST)
	if err != nil || created {
		return err
	}
	return &step.Error{
		Kind:     step.Unsafe,
		Sentence: fmt.Sprintf("delete %s: hellox did not make it", c),
		Hint:     "delete it with the tool that made it, or type hellox down without --cluster",
	}
}

func (d *downRun) deleteCluster(ctx context.Context) error {
	if !d.options.DeleteCluster {
		return nil
	}
	d.steps.Begin(step.DeleteCluster)
	if err := CheckCreated(ctx, d.cluster); err != nil {
		return err
	}
	installations, err := install.List(ctx, d.cluster.REST)
	if err != nil {
		return err
	}
	for _, i := range installations {
		if i.Namespace != d.options.Namespace {
			return &step.Error{
				Sentence: fmt.Sprintf("delete %s: it also holds the installation in namespace %s", d.cluster, i.Namespace),
				Hint:     "hellox down --namespace " + i.Namespace,
			}
		}
	}
	if d.options.DryRun {
		d.steps.Done("would delete "+d.cluster.String(), true)
		return nil
	}
	if err := d.cluster.Delete(ctx); err != nil {
		return err
	}
	d.steps.Done("deleted "+d.cluster.String(), false)
	return nil
}
