package bootstrap

import (
	"context"
	"strings"

	"hellox/bootstrap/install"
	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
)

// Scale sets the number of broadcasters and waits until so many are ready. A
// later Up keeps it.
func Scale(ctx context.Context, config kube.Config, namespace string, n int, steps step.Reporter) error {
	ctx = kube.WithoutKlog(ctx)
	inst, err := install.New(config, namespace)
	if err != nil {
		return err
	}
	steps.Begin(step.Apply)
	before, err := install.Broadcasters(ctx, inst)
	if err == nil && before == nil {
		err = install.NoPods(inst, install.RoleBroadcast)
	}
	if err == nil {
		err = install.SetBroadcasters(ctx, inst, n)
	}
	if err != nil {
		steps.Fail(err)
		return err
	}
	steps.Done(install.Count(n, "broadcaster"), *before == n)
	if err := waitForRollout(ctx, inst, steps); err != nil {
		steps.Fail(err)
		return err
	}
	return nil
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
