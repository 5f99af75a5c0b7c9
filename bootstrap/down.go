package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	if len(removed) == 0 {
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
		said = count(len(removed)+1, "object") + " removed, with namespace " + d.Namespace
	}
	d.Done(said, len(removed) == 0)
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
	there, data, err := d.site.recorded(ctx, inv)
	if err != nil {
		return err
	}
	if !d.KeepData {
		there = append(there, data...)
	}
	if own && !d.KeepData {
		there = append(there, ref{Kind: "Namespace", Name: d.Namespace})
	}
	d.Done("would remove from namespace "+d.Namespace+": "+names(there), true)
	return nil
}

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

// clear removes what the installation has in its namespace, the inventory last,
// and with keepData all but the claims, which stay on record. notes tell what
// was left, and why.
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
	if keepData && len(data) > 0 {
		notes = append(notes, fmt.Sprintf("left for its data: %s (hellox down without --keep-data removes it)", names(data)))
		inv.Objects, inv.Manifests = data, ""
		_, err := s.write(ctx, inv)
		return removed, notes, err
	}
	if inv.resourceVersion != "" {
		if _, err := s.removeOne(ctx, ref{"v1", "ConfigMap", s.namespace, inventoryName}); err != nil {
			return removed, notes, fmt.Errorf("remove the inventory in namespace %s: %w", s.namespace, err)
		}
	}
	return removed, notes, nil
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
