package trust

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"hellox/bootstrap/authority"
	"hellox/bootstrap/kube"
)

// A Renewal is what is left to do of one once the roles are rolled out.
type Renewal struct {
	namespace string
	old       authority.Serving // what was applied: the certificate from before, and all authorities
	next      authority.Serving // what is to be
	every     time.Duration     // the pause between two questions to the pods
}

// An Installation is what a renewal needs of the one that runs.
type Installation interface {
	// Apply applies one object.
	Apply(ctx context.Context, u *unstructured.Unstructured) error
	// Sync has the kubelets hand on at once what the pods mount: by themselves they
	// look about once a minute.
	Sync(ctx context.Context) error
	// Lacking returns the names of the pods of broadcast and receive that do not report
	// that they have loaded the bundle of that hash.
	Lacking(ctx context.Context, hash string) ([]string, error)
	// Shown returns the certificate, in PEM, that the broker shows.
	Shown(ctx context.Context) ([]byte, error)
}

// renewTimeout is how long a renewal waits for the pods, each time: a kubelet that is
// not asked hands on within one or two minutes.
const renewTimeout = 4 * time.Minute

// askEvery is the pause between two questions to the pods.
const askEvery = 500 * time.Millisecond

// syncEach is after how many questions the kubelets are asked again.
const syncEach = 10

// Run ends the renewal. What it waits for is told to progress. If it fails, or is cut
// off, broker and clients work on with what they have, and the next up ends it.
func (r *Renewal) Run(ctx context.Context, inst Installation, progress func(string)) error {
	if !bytes.Equal(r.old.Certificate, r.next.Certificate) {
		progress("new authority")
		if err := r.await(ctx, inst, progress, func(ctx context.Context) (string, error) { return r.lacking(ctx, inst) }); err != nil {
			return err
		}
		if err := inst.Apply(ctx, secretOf(r.namespace, r.next)); err != nil {
			return err
		}
	}
	if err := r.await(ctx, inst, progress, func(ctx context.Context) (string, error) { return r.unshown(ctx, inst) }); err != nil {
		return err
	}
	return inst.Apply(ctx, bundleOf(r.namespace, r.next.Bundle))
}

// lacking says which clients do not know the new authority yet; "" if all do.
func (r *Renewal) lacking(ctx context.Context, inst Installation) (string, error) {
	pods, err := inst.Lacking(ctx, authority.Hash(r.old.Bundle))
	switch {
	case err != nil:
		return "whether the pods have read the new authority is not known", err
	case len(pods) == 0:
		return "", nil
	case len(pods) == 1:
		return pods[0] + " has not read the new authority", nil
	}
	return fmt.Sprintf("%s and %d more have not read the new authority", pods[0], len(pods)-1), nil
}

// unshown says that the broker shows another certificate; "" if it shows the new one.
func (r *Renewal) unshown(ctx context.Context, inst Installation) (string, error) {
	shown, err := inst.Shown(ctx)
	if err != nil {
		return "the broker shows no certificate", err
	}
	if !bytes.Equal(bytes.TrimSpace(shown), bytes.TrimSpace(r.next.Certificate)) {
		return "the broker shows its old certificate", nil
	}
	return "", nil
}

// await asks until nothing is waited for.
func (r *Renewal) await(ctx context.Context, inst Installation, progress func(string), ask func(context.Context) (string, error)) error {
	ctx, cancel := context.WithTimeout(ctx, renewTimeout)
	defer cancel()
	if err := inst.Sync(ctx); err != nil {
		return err
	}
	for asked := 1; ; asked++ {
		what, err := ask(ctx)
		if what == "" && err == nil {
			return nil
		}
		progress(what)
		if asked%syncEach == 0 {
			_ = inst.Sync(ctx) // a kubelet that had lost its API server may have missed it
		}
		if waited := kube.Pause(ctx, r.every); waited != nil {
			if err != nil && !errors.Is(err, waited) {
				return fmt.Errorf("%s: %w", what, err)
			}
			return errors.New(what)
		}
	}
}
