package bootstrap

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/install"
	"hellox/bootstrap/step"
	"hellox/manifests"
)

// checkSize finds of how many nodes the broker is that is there, and returns an error if
// another number is asked for: data is not moved from one to the other.
func (up *upRun) checkSize(ctx context.Context) (err error) {
	if up.size, err = install.ClusterSize(ctx, up.inst); err != nil {
		return err
	}
	return up.sameSize(up.options.ClusterSize)
}

// sameSize returns an error if a broker of n nodes cannot take the place of what is
// there; 0 is any.
func (up *upRun) sameSize(n int) error {
	if n == 0 || up.size == 0 || n == up.size {
		return nil
	}
	is := map[int]string{manifests.OneNode: "one node", manifests.SeveralNodes: "three nodes"}
	return &step.Error{
		Kind:     step.Ambiguous,
		Sentence: fmt.Sprintf("the broker in namespace %s is of %s, and its data cannot be moved to %s", up.options.Namespace, is[up.size], is[n]),
		Hint:     up.inst.Client().Commands.In(up.options.Namespace).Hellox("down") + fmt.Sprintf(" removes it with its data; or beside it the same hellox up with --namespace hellox-%d", n),
	}
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
	if up.size == manifests.SeveralNodes {
		up.receivers, err = install.Receivers(ctx, up.inst)
	}
	return err
}

// same reports whether two numbers are the same, or neither is known.
func same(a, b *int) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
