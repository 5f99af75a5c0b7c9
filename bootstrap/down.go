package bootstrap

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/image"
	"hellox/bootstrap/step"
)

// DownOptions say what Down removes.
type DownOptions struct {
	Namespace string
	KeepData  bool // volumes with history and queues stay, and what finds them again
	// DeleteCluster also deletes the cluster, if hellox made it and nothing
	// else of hellox is in it.
	DeleteCluster bool
	DryRun        bool   // only say what would be removed
	Holder        string // as in UpOptions
}

// Down removes exactly what Up recorded and marked, and waits until it is gone.
// What is not of this installation stays, and is told of. It can be interrupted
// at any moment and be done again, and when there is nothing to remove it says
// so.
func Down(ctx context.Context, c *cluster.Cluster, o DownOptions, steps step.Reporter) error {
	ctx = quiet(ctx)
	s, err := newSite(c.REST, o.Namespace)
	if err != nil {
		return err
	}
	d := &downRun{DownOptions: o, Reporter: steps, cluster: c, site: s}
	defer func() { d.release(ctx) }()
	for _, step := range []func(context.Context) error{
		d.removeObjects,
		d.removeImages,
		d.removeNamespace,
		d.deleteCluster,
	} {
		if err := step(ctx); err != nil {
			steps.Fail(err)
			return err
		}
	}
	return nil
}

type downRun struct {
	DownOptions
	step.Reporter
	cluster *cluster.Cluster
	site    *site
	absent  bool            // there is no such namespace
	own     bool            // the namespace is the installation's
	lock    *lock           // held from the first removal to that of the namespace
	held    context.Context // ends when the lock is lost
}

// release lets the lock go, if it is held.
func (d *downRun) release(ctx context.Context) {
	if d.lock != nil {
		d.lock.release(ctx)
		d.lock = nil
	}
}

func (d *downRun) removeObjects(ctx context.Context) error {
	d.Begin(step.Remove)
	d.held = ctx
	var err error
	d.own, err = d.site.findNamespace(ctx, d.Progress)
	switch {
	case apierrors.IsNotFound(err):
		d.absent = true
		d.Done("nothing of hellox in namespace "+d.Namespace, true)
		return nil
	case err != nil:
		return err
	case d.DryRun:
		return d.tell(ctx)
	}
	if d.held, d.lock, err = d.site.lock(ctx, d.Holder, d.Progress); err != nil {
		return err
	}
	removed, notes, err := d.site.clear(d.held, d.KeepData)
	if err != nil {
		return orLost(d.held, err)
	}
	said := count(len(removed), "object") + " removed from namespace " + d.Namespace
	if len(removed) == 0 {
		said = "nothing of hellox in namespace " + d.Namespace
	}
	d.Done(said, len(removed) == 0)
	for _, n := range notes {
		d.Note(n)
	}
	return nil
}

// removeNamespace removes the inventory, and the namespace with it if that is
// the installation's own and nobody else has anything in it.
func (d *downRun) removeNamespace(ctx context.Context) error {
	if d.DryRun || d.absent || d.KeepData {
		return nil
	}
	d.Begin(step.Namespace)
	if !d.own {
		if err := d.site.forget(d.held); err != nil {
			return orLost(d.held, err)
		}
		d.Done("left: namespace "+d.Namespace+", which was there before hellox", true)
		return nil
	}
	others, err := d.site.others(d.held)
	if err != nil {
		return orLost(d.held, err)
	}
	if len(others) > 0 {
		// The namespace's own mark finds it again, once they are gone.
		if err := d.site.forget(d.held); err != nil {
			return orLost(d.held, err)
		}
		d.Done(fmt.Sprintf("left: namespace %s, which holds %s", d.Namespace, some(others)), true)
		return nil
	}
	// The namespace takes the inventory and the lock with it.
	d.release(ctx)
	if _, err := d.site.removeOne(ctx, ref{APIVersion: "v1", Kind: "Namespace", Name: d.Namespace}); err != nil {
		return fmt.Errorf("remove namespace %s: %w", d.Namespace, err)
	}
	d.Done("namespace "+d.Namespace+" removed", false)
	return nil
}

// tell says what would be removed.
func (d *downRun) tell(ctx context.Context) error {
	inv, err := d.site.readInventory(ctx)
	if err != nil {
		return err
	}
	objects, data, err := d.site.recorded(ctx, inv)
	if err != nil {
		return err
	}
	if !d.KeepData {
		objects = append(objects, data...)
	}
	var ours []ref
	for _, r := range objects {
		_, u, err := d.site.get(ctx, r)
		if err != nil {
			return fmt.Errorf("read %s in namespace %s: %w", r, d.Namespace, err)
		}
		if u != nil && d.site.belongs(u) {
			ours = append(ours, r)
		}
	}
	if d.own && !d.KeepData {
		others, err := d.site.others(ctx)
		if err != nil {
			return err
		}
		if len(others) == 0 {
			ours = append(ours, ref{Kind: "Namespace", Name: d.Namespace})
		}
	}
	if len(ours) == 0 {
		d.Done("nothing of hellox in namespace "+d.Namespace, true)
		return nil
	}
	d.Done("would remove from namespace "+d.Namespace+": "+names(ours), true)
	return nil
}

// removeImages removes the images that no other installation of the cluster has
// on record.
func (d *downRun) removeImages(ctx context.Context) error {
	if d.DryRun {
		return nil
	}
	d.Begin(step.Unload)
	recorded, err := d.site.inventories(d.held)
	if err != nil {
		return err
	}
	var keep []string
	for namespace, inv := range recorded {
		for _, name := range inv.Images {
			if tag, ok := strings.CutPrefix(name, image.Repository+":"); ok && namespace != d.Namespace {
				keep = append(keep, tag)
			}
		}
	}
	n, err := d.cluster.RemoveImages(d.held, keep...)
	if err != nil {
		return err
	}
	if own := recorded[d.Namespace]; d.KeepData && len(own.Images) > 0 {
		own.Images = nil
		if _, err := d.site.write(d.held, own); err != nil {
			return orLost(d.held, err)
		}
	}
	d.Done(count(n, "image")+" removed from "+count(len(d.cluster.Nodes), "node"), n == 0)
	return nil
}

func (d *downRun) deleteCluster(ctx context.Context) error {
	if !d.DeleteCluster {
		return nil
	}
	d.Begin(step.DeleteCluster)
	made, err := d.site.wasMade(ctx)
	if err != nil {
		return err
	}
	if !made {
		return &step.Error{
			Kind:     step.Unsafe,
			Sentence: fmt.Sprintf("delete %s: hellox did not make it", d.cluster),
			Hint:     "delete it with the tool that made it",
		}
	}
	installations, err := d.site.installations(ctx)
	if err != nil {
		return err
	}
	for _, i := range installations {
		if i.Namespace != d.Namespace {
			return &step.Error{
				Sentence: fmt.Sprintf("delete %s: it also holds the installation in namespace %s", d.cluster, i.Namespace),
				Hint:     "hellox down --namespace " + i.Namespace,
			}
		}
	}
	if d.DryRun {
		d.Done("would delete "+d.cluster.String(), true)
		return nil
	}
	if err := d.cluster.Delete(ctx); err != nil {
		return err
	}
	d.Done("deleted "+d.cluster.String(), false)
	return nil
}
