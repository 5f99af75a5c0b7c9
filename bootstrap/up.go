package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/build"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/image"
	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
	"hellox/bootstrap/trust"
	"hellox/manifests"
)

// UpOptions configures Up.
type UpOptions struct {
	Cluster   *cluster.Cluster // as StartCluster returns it
	Packer    image.Packer
	Namespace string
	// Broadcasters is their number; nil: as many as there are, or one.
	Broadcasters *int
	ClusterSize  int    // of how many nodes the broker is; 0: as it is, or one
	Overlay      string // folder of a kustomize overlay; "": the base
	// Builds are folders whose images are built, and run in the place of those that
	// the manifests name.
	Builds []build.Folder
	// Holder describes the user and the process, for others that want to change
	// the installation at the same time: "ann@laptop, process 4242".
	Holder string
}

// StartCluster starts or creates the cluster that was found, and returns it
// once Up can use it. One that it creates is marked as created by hellox, so
// that Down may delete it.
func StartCluster(ctx context.Context, found cluster.Found, progress func(string)) (*cluster.Cluster, error) {
	c, err := found.Start(ctx, progress)
	if err != nil || !c.Created {
		return c, err
	}
	return c, install.MarkCreated(ctx, c.REST)
}

// Up brings an installation up in a cluster, step by step, until its pods are
// rolled out. If nothing is to be done each step finds that out cheaply, so that
// an Up of what is up takes part of a second. Forwarding its ports is left to
// the caller.
func Up(ctx context.Context, o UpOptions, steps step.Reporter) error {
	up, err := newUpRun(o, steps)
	if err != nil {
		return err
	}
	if err := up.run(kube.WithoutKlog(ctx)); err != nil {
		steps.Fail(err)
		if note := up.unfinished(err); note != "" {
			steps.Note(note)
		}
		return err
	}
	return nil
}

// An upRun is what the steps of one Up share.
type upRun struct {
	options UpOptions
	steps   step.Reporter
	inst    *install.Installation
	image   *image.Image // nil before packImage, and in a Plan where it would be built
	built   []*build.Image
	own     bool   // the namespace is the installation's
	pinned  string // what runs on one node for its volumes, as a note
	trust   trust.Change
	size    int    // of how many nodes the broker is, or is to be after a move; 0: there is none
	mover   *mover // to another size; nil: there is none
	// broadcasters and receivers are how many were rendered; nil: as many as the
	// manifests say.
	broadcasters, receivers *int
}

func newUpRun(o UpOptions, steps step.Reporter) (*upRun, error) {
	inst, err := install.New(o.Cluster.REST, o.Namespace)
	return &upRun{options: o, steps: steps, inst: inst}, err
}

// run takes the steps of an Up. The lock is held from before the load to the
// end of the roll-out.
func (up *upRun) run(ctx context.Context) error {
	if err := up.check(ctx); err != nil {
		return err
	}
	if err := up.packImage(ctx); err != nil {
		return err
	}
	defer up.image.Close()
	if err := up.buildImages(ctx); err != nil {
		return err
	}
	up.steps.Begin(step.Load)
	var err error
	if up.own, err = up.inst.EnsureNamespace(ctx, up.steps.Progress); err != nil {
		return err
	}
	held, lock, err := up.lock(ctx)
	if err != nil {
		return err
	}
	defer lock.Release(ctx)
	rendered, end := up.renderMeanwhile(held)
	defer end()
	if err := up.loadImage(held); err != nil {
		return orLost(held, err)
	}
	if err := up.moveData(held, rendered); err != nil {
		return orLost(held, err)
	}
	if err := up.applyManifests(held, rendered); err != nil {
		return orLost(held, err)
	}
	if err := waitForRollout(held, up.inst, up.steps); err != nil {
		return err
	}
	if up.mover != nil {
		if err := up.mover.end(held); err != nil {
			return orLost(held, err)
		}
		up.mover = nil
	}
	if err := up.renew(held); err != nil {
		return orLost(held, err)
	}
	return up.removeOldImages(held)
}

// lock locks the installation, and looks again of what size it is: another up may have
// moved it while this one waited for the lock.
func (up *upRun) lock(ctx context.Context) (context.Context, *install.Lock, error) {
	held, lock, err := install.AcquireLock(ctx, up.inst, up.options.Holder, up.steps.Progress)
	if err != nil {
		return nil, nil, err
	}
	err = up.checkSize(held)
	if err == nil {
		err = up.checkOverlay(held)
	}
	if err != nil {
		lock.Release(ctx)
		return nil, nil, orLost(held, err)
	}
	return held, lock, nil
}

// keptImages is how many images of an installation stay on the nodes, of hellox and of
// each folder of --build: the one that runs, and the one before it, for a change that
// is taken back.
const keptImages = 2

// removeOldImages removes the images from the nodes that neither this
// nor another installation needs any more. An up that changed nothing does not ask. It
// is no failure of the up if a node does not remove one.
func (up *upRun) removeOldImages(ctx context.Context) error {
	names, old, err := install.NewestImages(ctx, up.inst, keptImages)
	if err != nil || len(old) == 0 {
		return err
	}
	up.steps.Begin(step.Unload)
	others, err := install.OtherImages(ctx, up.inst)
	if err != nil {
		return err
	}
	n, left, err := up.options.Cluster.RemoveImages(ctx, tagsOf(append(names, others...))...)
	if err == nil {
		var built int
		built, err = up.options.Cluster.RemoveNamed(ctx, onlyBuilt(old, others))
		n += built
	}
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		up.steps.Done("old images stay on the nodes: "+err.Error(), true)
		return nil
	}
	if len(left) == 0 {
		if err := install.ForgetImages(ctx, up.inst, keptImages); err != nil {
			return err
		}
	}
	up.steps.Done(install.Count(n, "old image")+" removed from the nodes", n == 0)
	return nil
}

// tagsOf returns the tags of those names that are images of hellox.
func tagsOf(names []string) (tags []string) {
	for _, name := range names {
		if tag, ok := strings.CutPrefix(name, image.Repository+":"); ok {
			tags = append(tags, tag)
		}
	}
	return tags
}

func (up *upRun) packImage(ctx context.Context) error {
	up.steps.Begin(step.Image)
	packer := up.options.Packer
	packer.Building = func() { up.steps.Progress("building it for " + up.options.Cluster.Arch) }
	image, err := packer.Pack(ctx, up.options.Cluster.Arch)
	if err != nil {
		return err
	}
	up.image = image
	how := "packed"
	if image.Built {
		how = "built and packed"
	}
	up.steps.Done(fmt.Sprintf("image %s (%s) %s", image.Name(), megabytes(image.Size), how), false)
	return nil
}

// imageName is the full name of the image; in a plan it may not be built yet.
func (up *upRun) imageName() string {
	if up.image == nil {
		return image.NotBuilt
	}
	return up.image.Name()
}

// loadImage records the image before it loads it into the nodes. One that was not on
// record is compressed while the nodes are asked whether they have it.
func (up *upRun) loadImage(ctx context.Context) error {
	known, err := install.RecordImage(ctx, up.inst, up.image.Name())
	if err != nil {
		return err
	}
	if !known && up.options.Cluster.Compresses(ctx) {
		var compressing sync.WaitGroup
		defer compressing.Wait()
		compressing.Go(func() { _ = up.image.Compress() }) // the load says why it fails
	}
	unchanged := true
	nodes := up.options.Cluster.Nodes
	err = up.options.Cluster.LoadEverywhere(ctx, up.image, up.steps.Progress, func(loaded bool, done int) {
		unchanged = unchanged && !loaded
		up.steps.Progress(fmt.Sprintf("%d of %d", done, len(nodes)))
	})
	if err != nil {
		return err
	}
	same, err := up.loadBuilt(ctx)
	if err != nil {
		return err
	}
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.Name
	}
	where := "on nodes " + strings.Join(names, ", ")
	switch {
	case len(nodes) == 1:
		where = "on node " + names[0]
	case len(nodes) > 3:
		where = fmt.Sprintf("on all %d nodes", len(nodes))
	}
	up.steps.Done(where, unchanged && same)
	return nil
}

// renderMeanwhile renders while the image is loaded. rendered waits for it, and end ends it.
// A load may take long: where broadcasters or receivers were scaled meanwhile rendered
// renders again.
func (up *upRun) renderMeanwhile(ctx context.Context) (rendered func(context.Context) ([]*unstructured.Unstructured, error), end func()) {
	early, cancel := context.WithCancel(ctx)
	var objects []*unstructured.Unstructured
	var err error
	var rendering sync.WaitGroup
	rendering.Go(func() { objects, err = up.render(early) })
	rendered = func(ctx context.Context) ([]*unstructured.Unstructured, error) {
		rendering.Wait()
		if err != nil {
			return nil, err
		}
		was, wereReceivers := up.broadcasters, up.receivers
		if err := up.count(ctx); err != nil {
			return nil, err
		}
		if same(was, up.broadcasters) && same(wereReceivers, up.receivers) {
			return objects, nil
		}
		return up.render(ctx)
	}
	return rendered, func() {
		cancel()
		rendering.Wait()
	}
}

func (up *upRun) applyManifests(ctx context.Context, rendered func(context.Context) ([]*unstructured.Unstructured, error)) error {
	up.steps.Begin(step.Apply)
	objects, err := rendered(ctx)
	if err != nil {
		return err
	}
	if err := install.Regroup(ctx, up.inst, objects, up.steps.Progress); err != nil {
		return err
	}
	done, err := up.inst.Apply(ctx, objects, up.image.Name(), up.own, up.steps.Progress)
	if err != nil {
		return err
	}
	pods, _ := manifests.Broadcasters(objects)
	if up.trust.Changed || !done.Unchanged() && pods != nil && manifests.SharesOf(pods) { // their total
		if err := trustedPods(up.inst).Sync(ctx); err != nil {
			return err
		}
	}
	up.steps.Done(done.String()+" in namespace "+up.options.Namespace, done.Unchanged())
	if up.mover == nil { // else the claims of the old size are removed later
		for _, note := range done.Notes(up.options.Namespace) {
			up.steps.Note(note)
		}
	}
	if up.pinned != "" && !done.Unchanged() {
		up.steps.Note(up.pinned)
	}
	return nil
}

// render returns the objects to apply. The number of broadcasters that was set
// before stays, unless another one is asked for now.
func (up *upRun) render(ctx context.Context) ([]*unstructured.Unstructured, error) {
	if err := up.count(ctx); err != nil {
		return nil, err
	}
	objects, err := manifests.Render(manifests.Options{
		Namespace: up.options.Namespace, Image: up.imageName(), Images: up.builtImages(),
		Broadcasters: up.broadcasters, Receivers: up.receivers, ClusterSize: up.options.ClusterSize, PresentSize: up.size, Overlay: up.options.Overlay,
	})
	if err != nil {
		return nil, err
	}
	if err := up.sameClients(ctx, objects); err != nil {
		return nil, err
	}
	if up.trust, err = trust.Prepare(ctx, up.inst.Client(), up.options.Namespace, objects, time.Now()); err != nil {
		return nil, err
	}
	if err := up.trust.Mark(objects); err != nil {
		return nil, err
	}
	// First, because pods wait for what they mount.
	objects = append(up.trust.Objects, objects...)
	nodes := up.options.Cluster.Nodes
	if len(nodes) == 1 {
		return objects, nil
	}
	pinned, node, err := install.PinToStorage(ctx, up.inst, objects, nodes[0].Name)
	if len(pinned) > 0 {
		up.pinned = fmt.Sprintf("%s: on node %s, the only one where minikube's volumes can be written", strings.Join(pinned, ", "), node)
	}
	return objects, err
}

// orLost returns why held ended, if the lock was lost, else err: an error that
// follows from the loss of the lock must say so.
func orLost(held context.Context, err error) error {
	if cause := context.Cause(held); errors.Is(cause, install.ErrLockLost) {
		return cause
	}
	return err
}
