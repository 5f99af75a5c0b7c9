package bootstrap

import (
	"context"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
func Down(ctx context.Context, c *Cluster, o DownOptions, steps Steps) error {
	ctx = quiet(ctx)
	s, err := newSite(c.REST, o.Namespace)
	if err != nil {
		return err
	}
	d := &downRun{DownOptions: o, Steps: steps, cluster: c, site: s}
	for _, step := range []func(context.Context) error{
		d.removeObjects,
		d.removeImages,
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
	Steps
	cluster *Cluster
	site    *site
}

func (d *downRun) removeObjects(ctx context.Context) error {
	d.Begin(StepRemove)
	own, err := d.site.findNamespace(ctx, d.Progress)
	if apierrors.IsNotFound(err) {
		d.Done("nothing of hellox in namespace "+d.Namespace, true)
		return nil
	}
	if err != nil {
		return err
	}
	if d.DryRun {
		return d.tell(ctx, own)
	}
	held, lock, err := d.site.lock(ctx, d.Holder, d.Progress)
	if err != nil {
		return err
	}
	release := func() { lock.release(ctx) }
	defer func() { release() }()

	removed, notes, err := d.site.clear(held, d.KeepData)
	if err != nil {
		return orLost(held, err)
	}
	said := count(len(removed), "object") + " removed from namespace " + d.Namespace
	unchanged := len(removed) == 0
	if unchanged {
		said = "nothing of hellox in namespace " + d.Namespace
	}
	switch {
	case d.KeepData:
	case !own:
		notes = append(notes, "left: namespace "+d.Namespace+", which was there before hellox")
	default:
		others, err := d.site.others(held)
		if err != nil {
			return orLost(held, err)
		}
		if len(others) > 0 {
			notes = append(notes, fmt.Sprintf("left: namespace %s, which holds %s", d.Namespace, some(others)))
			break
		}
		// The namespace takes the lock with it.
		release()
		release = func() {}
		if _, err := d.site.removeOne(ctx, ref{APIVersion: "v1", Kind: "Namespace", Name: d.Namespace}); err != nil {
			return fmt.Errorf("remove namespace %s: %w", d.Namespace, err)
		}
		said, unchanged = count(len(removed)+1, "object")+" removed, with namespace "+d.Namespace, false
	}
	d.Done(said, unchanged)
	for _, n := range notes {
		d.Note(n)
	}
	return nil
}

// tell says what would be removed.
func (d *downRun) tell(ctx context.Context, own bool) error {
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
	if own && !d.KeepData {
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

// removeImages removes the images that no installation of the cluster uses any
// longer.
func (d *downRun) removeImages(ctx context.Context) error {
	if d.DryRun {
		return nil
	}
	d.Begin(StepUnload)
	installations, err := d.site.installations(ctx)
	if err != nil {
		return err
	}
	var keep []string
	for _, i := range installations {
		if tag, ok := strings.CutPrefix(i.Image, Repository+":"); ok && !i.DataOnly {
			keep = append(keep, tag)
		}
	}
	n, err := d.cluster.RemoveImages(ctx, keep...)
	if err != nil {
		return err
	}
	d.Done(count(n, "image")+" removed from "+count(len(d.cluster.Nodes), "node"), n == 0)
	return nil
}

func (d *downRun) deleteCluster(ctx context.Context) error {
	if !d.DeleteCluster {
		return nil
	}
	d.Begin(StepDelete)
	made, err := d.site.wasMade(ctx)
	if err != nil {
		return err
	}
	if !made {
		return &Error{
			Kind:     Unsafe,
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
			return &Error{
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
