package bootstrap

import (
	"context"
	"fmt"
	"strings"

	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
	"hellox/manifests"
)

// Scale sets the number of broadcasters or of receivers, by their role, and waits until
// their pods are ready. A later Up keeps it.
func Scale(ctx context.Context, config kube.Config, namespace, role string, n int, steps step.Reporter) error {
	ctx = kube.WithoutKlog(ctx)
	inst, err := install.New(config, namespace)
	if err != nil {
		return err
	}
	steps.Begin(step.Apply)
	scale := scaleReceivers
	if role == install.RoleBroadcast {
		scale = scaleBroadcasters
	}
	done, unchanged, err := scale(ctx, inst, n, steps.Progress)
	if err == nil {
		steps.Done(done, unchanged)
		err = waitForRollout(ctx, inst, steps)
	}
	if err == nil && role == install.RoleBroadcast && manifests.SpreadOf(n).Shares() {
		err = trustedPods(inst).Sync(ctx) // a kubelet may have given a new pod the total of before
	}
	if err != nil {
		steps.Fail(err)
	}
	return err
}

func scaleBroadcasters(ctx context.Context, inst *install.Installation, n int, progress func(string)) (done string, unchanged bool, err error) {
	before, err := install.Broadcasters(ctx, inst)
	if err != nil {
		return "", false, err
	}
	if before == nil {
		return "", false, install.NoPods(inst, install.RoleBroadcast)
	}
	if n > *before {
		if err := checkRoom(ctx, inst, n); err != nil {
			return "", false, err
		}
	}
	if err := install.SetBroadcasters(ctx, inst, n, progress); err != nil {
		return "", false, err
	}
	done = install.Count(n, "broadcaster")
	if spread := manifests.SpreadOf(n); spread.Shares() {
		done += " in " + install.Count(spread.Pods, "pod")
		if err := trustedPods(inst).Sync(ctx); err != nil {
			return "", false, err
		}
	}
	return done, *before == n, nil
}

func scaleReceivers(ctx context.Context, inst *install.Installation, n int, _ func(string)) (done string, unchanged bool, err error) {
	before, err := install.Receivers(ctx, inst)
	if err == nil && before == nil {
		err = install.NoPods(inst, install.RoleReceive)
	}
	if err == nil {
		err = severalReceivers(ctx, inst)
	}
	if err == nil {
		err = install.SetReceivers(ctx, inst, n)
	}
	if err != nil {
		return "", false, err
	}
	return install.Count(n, "receiver"), *before == n, nil
}

// severalReceivers returns an error if the history is the file of one receiver.
func severalReceivers(ctx context.Context, inst *install.Installation) error {
	size, err := install.ClusterSize(ctx, inst)
	if err != nil || size == manifests.SeveralNodes {
		return err
	}
	return &step.Error{
		Kind:     step.Ambiguous,
		Sentence: fmt.Sprintf("the receiver in namespace %s cannot be scaled: its history is one file, with one writer", inst.Namespace),
		Hint:     "where the broker is of three nodes receivers share one: the same hellox up with --cluster-size 3 --namespace hellox-3",
	}
}

// waitForRollout is the step of a roll-out, up to its end if that is no error.
func waitForRollout(ctx context.Context, inst *install.Installation, steps step.Reporter) error {
	steps.Begin(step.Rollout)
	names, unchanged, err := inst.Rollout(ctx, steps)
	if err != nil {
		return err
	}
	steps.Done(strings.Join(names, ", ")+" rolled out", unchanged)
	return nil
}
