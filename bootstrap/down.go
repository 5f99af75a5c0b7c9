package bootstrap

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"hellox/bootstrap/build"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/run"
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
	Data          string // what the volumes hold, for the report: "the history of 12 messages"; "": not told
	Holder        string // as in UpOptions
	// Runner runs the engine of this machine, which may hold images that were built.
	Runner *run.Runner
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
	volumes []string      // those of the installation's data, to see whether they go
	absent  bool          // there is no such namespace
	own     bool          // the namespace is the installation's
	lock    *install.Lock // nil where nothing is changed, and once it was released
}

// run takes the steps of a Down. The lock is held from the first removal to
// that of the namespace.
func (d *downRun) run(ctx context.Context) error {
	d.steps.Begin(step.Remove)
	if d.options.DeleteCluster { // a refusal comes before anything is removed
		if err := CheckDeletable(ctx, d.cluster, d.options.Namespace); err != nil {
			return err
		}
	}
	if off := d.cluster.StoppedNodes(); len(off) > 0 && !d.options.DryRun {
		d.steps.Warn(fmt.Sprintf("%s of %s is stopped: what runs there ends once Kubernetes notices, or the node is started",
			strings.Join(off, ", "), d.cluster))
	}
	held, err := d.acquireLock(ctx)
	if err != nil {
		return err
	}
	defer d.releaseLock(ctx)
	for _, do := range []func(context.Context) error{
		d.removeObjects,
		d.removeImages,
		d.removeNamespace,
		d.reportVolumes,
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
	var err error
	if !d.options.KeepData {
		if d.volumes, err = install.Volumes(ctx, d.inst); err != nil {
			return err
		}
	}
	cleared, err := d.inst.Clear(ctx, d.options.KeepData, d.steps.Progress)
	if err != nil {
		return err
	}
	removed := cleared.Removed
	done := install.Count(len(removed), "object") + " removed from namespace " + d.options.Namespace
	if d.options.Data != "" && !d.options.KeepData && slices.ContainsFunc(removed, kube.Ref.HoldsData) {
		done += ", with the queues and " + d.options.Data
	}
	if len(removed) == 0 {
		done = "nothing of hellox in namespace " + d.options.Namespace
	}
	d.steps.Done(done, len(removed) == 0)
	for _, n := range cleared.Notes {
		d.steps.Note(n)
	}
	if len(cleared.Kept) > 0 {
		d.steps.Note("left: " + d.data(cleared.Kept) + " (" + d.cluster.REST.Commands.In(d.options.Namespace).Hellox("down") + " without --keep-data removes it)")
	}
	return nil
}

// planRemoval reports what would be removed.
func (d *downRun) planRemoval(ctx context.Context) error {
	removable, err := d.inst.Removable(ctx, d.own, d.options.KeepData)
	if err != nil {
		return err
	}
	if len(removable.Objects) == 0 && len(removable.Data) == 0 {
		d.steps.Done("nothing of hellox in namespace "+d.options.Namespace, true)
		return nil
	}
	done := "would remove nothing from namespace " + d.options.Namespace
	if len(removable.Objects) > 0 {
		done = "would remove from namespace " + d.options.Namespace + ": " + kube.Names(removable.Objects)
	}
	d.steps.Done(done, len(removable.Objects) == 0)
	switch {
	case len(removable.Data) == 0:
	case d.options.KeepData:
		d.steps.Note("would keep " + d.data(removable.Data))
	default:
		d.steps.Note("would remove " + d.data(removable.Data))
	}
	return nil
}

// data describes volume claims and what they hold.
func (d *downRun) data(claims []kube.Ref) string {
	if d.options.Data == "" {
		return "its data: " + kube.Names(claims)
	}
	return "the queues and " + d.options.Data + ": " + kube.Names(claims)
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
	keep := tagsOf(names)
	if d.options.DryRun {
		return d.planImages(ctx, keep)
	}
	n, left, err := d.cluster.RemoveImages(ctx, keep...)
	if err != nil {
		return err
	}
	if !d.absent {
		built, err := d.removeBuilt(ctx, names)
		if err != nil {
			return err
		}
		n += built
	}
	if d.options.KeepData {
		if err := install.ForgetImages(ctx, d.inst, 0); err != nil {
			return err
		}
	}
	d.steps.Done(install.Count(n, "image")+" removed from "+install.Count(len(d.cluster.Nodes)-len(left), "node"), n == 0)
	for _, note := range left {
		d.steps.Note("left: the images on " + note)
	}
	return nil
}

// removeBuilt removes the images that were built for the installation, but those
// that others have recorded, from the nodes and from the engine of this machine. It
// returns how many it removed from the nodes.
func (d *downRun) removeBuilt(ctx context.Context, others []string) (int, error) {
	recorded, err := install.RecordedImages(ctx, d.inst)
	if err != nil {
		return 0, err
	}
	names := onlyBuilt(recorded, others)
	if len(names) == 0 {
		return 0, nil
	}
	removed, err := d.cluster.RemoveNamed(ctx, names)
	if err == nil && d.options.Runner != nil {
		host := build.Host{Runner: d.options.Runner}
		if _, left := host.Remove(ctx, names); len(left) > 0 {
			d.steps.Note("left in the container engine of this machine, which uses them: " + host.RemoveCommand(left))
		}
	}
	return removed, err
}

// planImages reports which images would be removed from the nodes.
func (d *downRun) planImages(ctx context.Context, keep []string) error {
	removable, left, err := d.cluster.RemovableImages(ctx, keep...)
	if err != nil {
		return err
	}
	for _, note := range left {
		d.steps.Note("would leave the images on " + note)
	}
	if len(removable) == 0 {
		d.steps.Done("no image to remove", true)
		return nil
	}
	for _, node := range slices.Sorted(maps.Keys(removable)) {
		d.steps.Done("would remove from node "+node+": "+strings.Join(removable[node], ", "), false)
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
		if err := install.ForgetInventory(ctx, d.inst, d.steps.Progress); err != nil {
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
	if err := d.inst.RemoveNamespace(ctx, d.steps.Progress); err != nil {
		return err
	}
	d.steps.Done("namespace "+d.options.Namespace+" removed", false)
	return nil
}

// reportVolumes reports the volumes that are still there some seconds after their
// claims went: a provisioner that was restarted ignores those it made before.
func (d *downRun) reportVolumes(ctx context.Context) error {
	if len(d.volumes) == 0 {
		return nil
	}
	d.steps.Begin(step.Volumes)
	left, note, err := install.LeftVolumes(ctx, d.inst, d.volumes, d.steps.Progress)
	if err != nil {
		return err
	}
	removed := len(d.volumes) - left
	d.steps.Done(install.Count(removed, "volume")+" removed by the cluster's provisioner", removed == 0)
	if note != "" {
		d.steps.Note(note)
	}
	return nil
}

// CheckDeletable returns why hellox must not delete c with the installation in
// namespace: up did not create it, or it holds another installation.
func CheckDeletable(ctx context.Context, c *cluster.Cluster, namespace string) error {
	here := c.REST.Commands.In(namespace)
	created, err := install.CreatedByHellox(ctx, c.REST)
	if err != nil {
		return err
	}
	if !created {
		return &step.Error{
			Kind:     step.Unsafe,
			Sentence: fmt.Sprintf("delete %s: hellox did not make it", c),
			Hint:     "delete it with the tool that made it, or without --cluster: " + here.Hellox("down"),
		}
	}
	installations, err := install.List(ctx, c.REST)
	if err != nil {
		return err
	}
	for _, i := range installations {
		if i.Namespace != namespace {
			return &step.Error{
				Kind:     step.Unsafe,
				Sentence: fmt.Sprintf("delete %s: it also holds the installation in namespace %s", c, i.Namespace),
				Hint:     here.In(i.Namespace).Hellox("down") + " && " + here.Hellox("down --cluster"),
			}
		}
	}
	return nil
}

func (d *downRun) deleteCluster(ctx context.Context) error {
	if !d.options.DeleteCluster {
		return nil
	}
	d.steps.Begin(step.DeleteCluster)
	// Another installation may have come since.
	if err := CheckDeletable(ctx, d.cluster, d.options.Namespace); err != nil {
		return err
	}
	if d.options.DryRun {
		d.steps.Done("would delete "+d.cluster.String(), false)
		return nil
	}
	if err := d.cluster.Delete(ctx); err != nil {
		return err
	}
	d.steps.Done("deleted "+d.cluster.String(), false)
	return nil
}
