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

// Scale sets the number of the pods of a role, broadcast or receive, and waits until so
// many are ready. A later Up keeps it.
func Scale(ctx context.Context, config kube.Config, namespace, role string, n int, steps step.Reporter) error {
	ctx = kube.WithoutKlog(ctx)
	inst, err := install.New(config, namespace)
	if err != nil {
		return err
	}
	steps.Begin(step.Apply)
	before, err := install.Replicas(ctx, inst, role)
	if err == nil && before == nil {
		err = install.NoPods(inst, role)
	}
	if err == nil && role == install.RoleReceive {
		err = severalReceivers(ctx, inst)
	}
	if err == nil {
		err = install.SetReplicas(ctx, inst, role, n)
	}
	if err != nil {
		steps.Fail(err)
		return err
	}
	steps.Done(install.Count(n, map[string]string{install.RoleBroadcast: "broadcaster", install.RoleReceive: "receiver"}[role]), *before == n)
	if err := waitForRollout(ctx, inst, steps); err != nil {
		steps.Fail(err)
		return err
	}
	return nil
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
