package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"hellox/bootstrap"
	bootrun "hellox/bootstrap/run" // run is main's own
	"hellox/bootstrap/step"
	"hellox/cmd/hellox/output"
	"hellox/cmd/hellox/state"
	"hellox/tui/source"
	"hellox/tui/units"
)

func newScale(sh shell) *cobra.Command {
	var (
		selected selection
		format   string
	)
	cmd := &cobra.Command{
		Use:   "scale N",
		Short: "Set the number of broadcasters",
		Long:  "Set the number of broadcasters. A later up keeps it.",
		Args:  words(false, "N, the number of broadcasters"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			n, err := strconv.Atoi(args[0])
			if err != nil || n < 0 || n > maxLocal {
				return usage(fmt.Sprintf("scale takes a number of broadcasters from 0 to %d, not %q", maxLocal, args[0]), "hellox scale 5")
			}
			instance, err := selected.selectOne(ctx, sh)
			if err != nil {
				return err
			}
			steps := output.NewSteps(sh.data, sh.err, sh.env, format == "json")
			return scaleInstance(ctx, sh, instance, n, steps)
		},
	}
	f := cmd.Flags()
	selected.add(f)
	outputFlag(f, &format, "`text|json`")
	return cmd
}

// scaleInstance sets the number of broadcasters of an installation.
func scaleInstance(ctx context.Context, sh shell, instance state.Instance, n int, steps step.Reporter) error {
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
	return bootstrap.Scale(ctx, cluster.REST, instance.Namespace, n, steps)
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
		return scaleInstance(ctx, sh, instance, n, output.NewSteps(io.Discard, io.Discard, sh.env, false))
	}
}
