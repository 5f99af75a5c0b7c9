package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/install"
	"hellox/bootstrap/step"
	"hellox/manifests"
)

// check returns why what is asked for is refused: before anything is built, which may take
// minutes.
func (up *upRun) check(ctx context.Context) error {
	if err := up.checkSize(ctx); err != nil {
		return err
	}
	if err := up.checkRoom(ctx); err != nil {
		return err
	}
	return up.checkOverlay(ctx)
}

// checkOverlay checks what the folder of an overlay asks for. What it says is looked at again
// when it is applied: another up may have come between.
func (up *upRun) checkOverlay(ctx context.Context) error {
	o := up.options
	if o.Overlay == "" {
		return nil
	}
	objects, err := manifests.Render(manifests.Options{Namespace: o.Namespace, Images: up.builtImages(), ClusterSize: o.ClusterSize, PresentSize: up.size, Overlay: o.Overlay})
	if err != nil {
		return err
	}
	if err := up.askSize(ctx, manifests.ClusterSize(objects)); err != nil {
		return err
	}
	return up.sameClients(ctx, objects)
}

// checkSize finds of how many nodes the broker is that is there, and whether it is to be
// moved to another number.
func (up *upRun) checkSize(ctx context.Context) error {
	up.mover = nil
	move, err := install.ReadMove(ctx, up.inst)
	switch {
	case err != nil:
		return err
	case move != nil:
		up.mover = newMover(up.inst, up.steps, *move)
		up.size = up.mover.size()
	default:
		if up.size, err = install.ClusterSize(ctx, up.inst); err != nil {
			return err
		}
	}
	return up.askSize(ctx, up.options.ClusterSize)
}

// askSize notes that a broker of n nodes is asked for; 0 is any. Where that is another
// number than there is, a move begins, or one is taken back. It returns an error if that
// is not possible.
func (up *upRun) askSize(ctx context.Context, n int) error {
	switch {
	case n == 0 || up.size == 0 || n == up.size:
		return nil
	case up.mover != nil:
		up.size = n
		return up.mover.turn()
	}
	up.mover = newMover(up.inst, up.steps, install.Move{From: up.size, To: n})
	up.size = n
	return up.mover.mayBegin(ctx)
}

// unfinished says that a move has not ended, and what becomes of it, where err, that of the
// up, does not: it was interrupted, or the roll-out of a phase failed.
func (up *upRun) unfinished(err error) string {
	e, ok := errors.AsType[*step.Error](err)
	if up.mover == nil || up.mover.Phase == "" || ok && (e.Kind == step.Ambiguous || strings.Contains(e.Hint, "up --cluster-size")) {
		return ""
	}
	return up.mover.Unfinished(up.inst.Client().Commands.In(up.options.Namespace))
}

// moveData takes the phases of a move up to the last, if there is one to be made.
func (up *upRun) moveData(ctx context.Context, rendered func(context.Context) ([]*unstructured.Unstructured, error)) error {
	if up.mover == nil && up.options.Overlay == "" {
		return nil
	}
	objects, err := rendered(ctx)
	if err != nil {
		return err
	}
	if err := up.askSize(ctx, manifests.ClusterSize(objects)); err != nil || up.mover == nil {
		return err
	}
	up.mover.image, up.mover.own, up.mover.objects = up.image.Name(), up.own, objects
	if nodes := up.options.Cluster.Nodes; len(nodes) > 1 {
		up.mover.firstNode = nodes[0].Name
	}
	return up.mover.run(ctx)
}

// sameClients returns an error if a broker that asks no client who it is would take the
// place of one that asks. The sessions in its store belong to pods, and it gives them to
// no client without an identity; the receiver would be one.
func (up *upRun) sameClients(ctx context.Context, objects []*unstructured.Unstructured) error {
	if !manifests.AsksNone(objects) {
		return nil
	}
	asks, err := install.AsksClients(ctx, up.inst)
	if err != nil || !asks {
		return err
	}
	return &step.Error{
		Kind:     step.Ambiguous,
		Sentence: fmt.Sprintf("the broker in namespace %s knows its pods by TLS and tokens, and what is asked for (component plain) knows none: its receiver could not go on with the session of the one before", up.options.Namespace),
		Hint:     up.inst.Client().Commands.In(up.options.Namespace).Hellox("down") + " removes it with its data; or beside it the same hellox up with --namespace hellox-plain",
	}
}

// checkRoom returns an error if more broadcasters are asked for than the nodes have room for.
func (up *upRun) checkRoom(ctx context.Context) error {
	asked := up.options.Broadcasters
	if asked == nil {
		return nil
	}
	before, err := install.Broadcasters(ctx, up.inst)
	if err != nil || before != nil && *asked <= *before {
		return err
	}
	return checkRoom(ctx, up.inst, *asked)
}

// count sets how many broadcasters and receivers there are to be.
func (up *upRun) count(ctx context.Context) (err error) {
	up.broadcasters, up.receivers = up.options.Broadcasters, nil
	if up.broadcasters == nil {
		if up.broadcasters, err = install.Broadcasters(ctx, up.inst); err != nil {
			return err
		}
	}
	if up.size == manifests.SeveralNodes && up.mover == nil {
		up.receivers, err = install.Receivers(ctx, up.inst)
	}
	return err
}

// same reports whether two numbers are the same, or neither is known.
func same(a, b *int) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
