package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hellox/bootstrap"
	"hellox/bootstrap/step"
	"hellox/cmd/hellox/output"
	"hellox/cmd/hellox/state"
)

type downOptions struct {
	selection
	keepData bool
	cluster  bool
	dryRun   bool
	yes      bool
	timeout  time.Duration
	output   string
}

func newDown(sh shell) *cobra.Command {
	var o downOptions
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Remove what up made",
		Long: `Remove exactly what up recorded, wait until it is gone, and say what is left.
Run twice is fine.`,
		Example: "  hellox down\n  hellox down --keep-data\n  hellox down --cluster",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), sh)
		},
	}
	f := cmd.Flags()
	o.selection.add(f)
	f.BoolVar(&o.keepData, "keep-data", false, "keep the history and what waits in the broker")
	f.BoolVar(&o.cluster, "cluster", false, "also delete the cluster, if up created it")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be removed, and remove nothing")
	f.BoolVar(&o.yes, "yes", false, "do not ask")
	f.DurationVar(&o.timeout, "timeout", 5*time.Minute, "give up after this `TIME`")
	f.StringVar(&o.output, "output", "text", "`text|json`: json gives a step a line on stdout")
	return cmd
}

func (o *downOptions) run(ctx context.Context, sh shell) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	if o.timeout <= 0 {
		return usage("--timeout takes more than 0", "")
	}
	root, err := state.Root(sh.env)
	if err != nil {
		return err
	}
	steps := output.NewSteps(sh.out, sh.err, sh.env, o.output == "json")
	all, err := o.selection.all(ctx, sh)
	if err == nil && len(all) == 0 && o.cluster {
		all, err = o.emptied(ctx, sh)
	}
	if err != nil {
		return err
	}
	switch {
	case len(all) == 0:
		steps.Note("nothing is up" + o.selection.String() + ": nothing to do")
		return nil
	case len(all) > 1:
		return ambiguous(all)
	}
	r := all[0]
	limited, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("it took longer than --timeout %s", o.timeout))
	defer cancel()
	if err := o.confirm(sh, r); err != nil {
		return err
	}
	if r.Target == targetLocal {
		return timedOut(limited, o.downLocal(limited, root, r, steps))
	}
	return timedOut(limited, o.downCluster(limited, sh, root, r, steps))
}

// confirm asks before a whole cluster is deleted.
func (o *downOptions) confirm(sh shell, r state.Instance) error {
	if !o.cluster || o.yes || o.dryRun || r.Target == targetLocal {
		return nil
	}
	if !output.IsTerminal(sh.in) || !output.IsTerminal(sh.err) {
		return usage("down --cluster asks before it deletes a cluster, and this is no terminal", "add --yes")
	}
	fmt.Fprintf(sh.err, "delete the whole cluster of %s, with all that is in it? [y/N] ", r.Installation)
	answer, err := bufio.NewReader(sh.in).ReadString('\n')
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return failed(errors.New("nothing was removed: not confirmed"), "")
	}
	return nil
}

// endHolder stops the process that holds the forwards or the local stream.
func (o *downOptions) stopOwner(ctx context.Context, root string, r state.Instance, steps *output.Steps) error {
	if !r.Alive(ctx) {
		return nil
	}
	steps.Begin(step.Forward)
	if err := r.Stop(ctx, root); err != nil {
		steps.Fail(err)
		return err
	}
	steps.Done(fmt.Sprintf("process %d ended", r.Owner.PID), false)
	return nil
}

// downLocal ends the process that runs it and removes its folder.
func (o *downOptions) downLocal(ctx context.Context, root string, r state.Instance, steps *output.Steps) error {
	p := state.DirOf(root, r.Installation)
	if o.dryRun {
		if r.Alive(ctx) {
			steps.Note(fmt.Sprintf("would end process %d", r.Owner.PID))
		}
		if o.keepData {
			steps.Note(fmt.Sprintf("would keep history and queues in %s", p))
		} else {
			steps.Note(fmt.Sprintf("would remove %s", p))
		}
		return nil
	}
	if err := o.stopOwner(ctx, root, r, steps); err != nil {
		return err
	}
	if o.keepData {
		steps.Note(fmt.Sprintf("left: history and queues in %s", p))
		return nil
	}
	steps.Begin(step.Remove)
	if err := os.RemoveAll(string(p)); err != nil {
		steps.Fail(err)
		return fmt.Errorf("remove %s: %w", p, err)
	}
	steps.Done("history, queues and record removed", false)
	steps.Note("left: nothing")
	return nil
}

// downCluster removes the installation from its cluster, then its record here.
func (o *downOptions) downCluster(ctx context.Context, sh shell, root string, r state.Instance, steps *output.Steps) error {
	p := state.DirOf(root, r.Installation)
	cluster, err := connectCluster(ctx, sh, r.Installation)
	gone := errors.Is(err, errNoCluster)
	if err != nil && !gone {
		return err
	}
	if gone && o.dryRun {
		steps.Note("would remove only the record: " + err.Error())
		return nil
	}
	if !o.dryRun {
		if err := o.stopOwner(ctx, root, r, steps); err != nil {
			return err
		}
	}
	if gone {
		steps.Note(fmt.Sprintf("%s: %s; so is all that was in it", r.Installation, errNoCluster))
	} else if err := bootstrap.Down(ctx, cluster, bootstrap.DownOptions{
		Namespace: r.Namespace, KeepData: o.keepData, DeleteCluster: o.cluster, DryRun: o.dryRun, Holder: whoAmI(),
	}, steps); err != nil {
		return err
	}
	if o.dryRun || o.keepData && !gone {
		return nil
	}
	if err := os.RemoveAll(string(p)); err != nil {
		return fmt.Errorf("remove the record of %s: %w", r.Installation, err)
	}
	return nil
}
