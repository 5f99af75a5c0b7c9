package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"hellox/bootstrap"
	"hellox/bootstrap/install"
	bootrun "hellox/bootstrap/run" // run is main's own
	"hellox/bootstrap/step"
	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/output"
	"hellox/cmd/hellox/state"
	"hellox/tui/source"
	"hellox/tui/units"
)

func newScale(sh shell) *cobra.Command {
	var (
		selected selection
		format   string
		role     string
	)
	cmd := &cobra.Command{
		Use:   "scale N",
		Short: "Set the number of broadcasters or receivers",
		Long: `Set the number of broadcasters, or of receivers where they share a history (hellox up
--cluster-size 3). A later up keeps it.

In a cluster up to 50 broadcasters are a pod each. More are spread over pods of up to 500,
broadcast-0 to broadcast-(N-1) all the same: from then on a change of N leaves those of both
numbers as they are. A number for which the nodes have no room is refused.`,
		Example: `  hellox scale 5
  hellox scale 10000
  hellox scale --role receive 3`,
		Args: words(false, "N, the number of broadcasters or receivers"),
		RunE: func(cmd *cobra.Command, words []string) error {
			ctx := cmd.Context()
			n, err := strconv.Atoi(words[0])
			switch {
			case role == install.RoleReceive && (err != nil || n < 1 || n > maxReceivers):
				return usage(fmt.Sprintf("scale takes a number of receivers from 1 to %d, not %q", maxReceivers, words[0]), "hellox scale --role receive 2")
			case role == install.RoleBroadcast && (err != nil || n < 0 || n > maxLocal):
				return usage(fmt.Sprintf("scale takes a number of broadcasters from 0 to %d, not %q", maxLocal, words[0]), "hellox scale 5")
			}
			instance, err := selected.selectOne(ctx, sh)
			if err != nil {
				return err
			}
			steps := output.NewSteps(sh.data, sh.err, sh.env, format == "json")
			return scaleInstance(ctx, sh, instance, role, n, steps)
		},
	}
	f := cmd.Flags()
	args.String(f, &role, "role", install.RoleBroadcast, "whose pods: `broadcast|receive`", args.OneOf(install.RoleBroadcast, install.RoleReceive))
	selected.add(f)
	outputFlag(f, &format, "`text|json`")
	return cmd
}

// maxReceivers is above what any history of three nodes feeds.
const maxReceivers = 100

// scaleInstance sets the number of the pods of a role of an installation.
func scaleInstance(ctx context.Context, sh shell, instance state.Instance, role string, n int, steps step.Reporter) error {
	if instance.Target == targetLocal && role == install.RoleReceive {
		return usage(fmt.Sprintf("the receiver of %s cannot be scaled: its history is one file, with one writer", instance.Installation), "hellox up --target kind --cluster-size 3")
	}
	if instance.Target == targetLocal {
		steps.Begin(step.Apply)
		if err := instance.Scale(ctx, n); err != nil {
			return fmt.Errorf("scale %s: %w", instance.Installation, err)
		}
		steps.Done(units.Plural(n, "broadcaster"), instance.Broadcasters != nil && *instance.Broadcasters == n)
		return nil
	}
	cluster, err := connectCluster(ctx, sh, instance.Installation)
	if err != nil {
		return err
	}
	return bootstrap.Scale(ctx, cluster.REST, instance.Namespace, role, n, steps)
}

// scaler returns what sets the number of broadcasters of an installation, as hellox
// scale does, and writes nothing.
func scaler(sh shell, i state.Installation) source.Scale {
	sh.err, sh.runner = io.Discard, bootrun.New(sh.environ)
	return func(ctx context.Context, n int) error {
		if n > maxLocal {
			return fmt.Errorf("scale takes a number of broadcasters from 0 to %d, not %d", maxLocal, n)
		}
		instance, err := selection{target: i.Target, profile: i.Profile, namespace: i.Namespace}.selectOne(ctx, sh)
		if err != nil {
			return err
		}
		return scaleInstance(ctx, sh, instance, install.RoleBroadcast, n, output.NewSteps(io.Discard, io.Discard, sh.env, false))
	}
}
