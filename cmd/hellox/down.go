package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"hellox/bootstrap"
	"hellox/bootstrap/build"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/install"
	"hellox/bootstrap/step"
	"hellox/cmd/hellox/args"
	"hellox/cmd/hellox/output"
	"hellox/cmd/hellox/prompt"
	"hellox/cmd/hellox/state"
	"hellox/history"
	"hellox/history/remote"
	"hellox/history/sqlite"
	"hellox/tui/units"
)

type downOptions struct {
	selection
	keepData bool
	cluster  bool
	dryRun   bool
	yes      bool
	timeout  time.Duration
	output   string
	given    []string // the flags on the command line that need a cluster
}

func newDown(sh shell) *cobra.Command {
	var o downOptions
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Remove what up recorded",
		Long: `Remove exactly what up recorded, wait until it is gone, and print what is left.
If nothing is left to remove, it does nothing.`,
		Example: "  hellox down\n  hellox down --keep-data\n  hellox down --cluster",
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.given = args.Given(cmd.Flags(), "cluster")
			return o.run(cmd.Context(), sh)
		},
	}
	f := cmd.Flags()
	o.selection.add(f)
	f.BoolVar(&o.keepData, "keep-data", false, "keep the history and the broker's queues")
	f.BoolVar(&o.cluster, "cluster", false, "also delete the cluster, if up created it")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would be removed, and remove nothing")
	f.BoolVar(&o.yes, "yes", false, "with --cluster: do not ask")
	args.Duration(f, &o.timeout, "timeout", 5*time.Minute, time.Millisecond, "give up after this `TIME`")
	outputFlag(f, &o.output, "`text|json`: json writes one step a line to stdout")
	return cmd
}

func (o *downOptions) run(ctx context.Context, sh shell) error {
	if o.target == targetLocal && len(o.given) > 0 {
		return usage("--cluster is for minikube and kind, not for --target local", "hellox down"+o.selection.flags())
	}
	root, err := state.Root(sh.env)
	if err != nil {
		return err
	}
	steps := output.NewSteps(sh.data, sh.err, sh.env, o.output == "json")
	sh.runner.OnWaiting(steps.Waiting)
	all, err := o.find(ctx, sh, true)
	if err == nil && len(all) == 0 && o.cluster {
		all, err = o.emptyClusters(ctx, sh)
	}
	if err != nil {
		return err
	}
	switch {
	case len(all) == 0:
		steps.Note("nothing is up" + o.selection.String() + ": nothing to do")
		if there := o.others(ctx, sh); len(there) > 0 {
			steps.Note("there is " + few(there))
		}
		return nil
	case len(all) > 1:
		return ambiguous(all)
	}
	instance := all[0]
	if errors.Is(instance.Unreadable, state.ErrVersion) { // what it wrote beside the record is not known
		return instance.Unreadable
	}
	if instance.Target == targetLocal && len(o.given) > 0 {
		return usage("--cluster is for minikube and kind, not for "+instance.String(), "hellox down "+instance.Flags())
	}
	limited, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("it took longer than --timeout %s", o.timeout))
	defer cancel()
	there, err := o.deletable(limited, sh, instance)
	if err == nil && there {
		err = o.confirm(ctx, sh, instance)
	}
	if err != nil {
		return timedOut(limited, "down", o.again(instance.Installation), err)
	}
	if instance.Target == targetLocal {
		return timedOut(limited, "down", o.again(instance.Installation), o.downLocal(limited, root, instance, steps))
	}
	return timedOut(limited, "down", o.again(instance.Installation), o.downCluster(limited, sh, root, instance, steps))
}

// again returns the same command for i: without --keep-data the data would go.
func (o *downOptions) again(i state.Installation) string {
	words := "hellox down"
	if o.keepData {
		words += " --keep-data"
	}
	if o.cluster {
		words += " --cluster"
	}
	return words + " " + i.Flags()
}

// deletable reports whether the cluster of instance is there to be deleted, if that
// is asked for. One that must not be deleted is refused before anything is removed.
func (o *downOptions) deletable(ctx context.Context, sh shell, instance state.Instance) (there bool, err error) {
	if !o.cluster || o.dryRun || instance.Target == targetLocal {
		return false, nil
	}
	cluster, err := connectCluster(ctx, sh, instance.Installation)
	if errors.Is(err, errNoCluster) {
		return false, nil
	}
	if err == nil {
		err = bootstrap.CheckDeletable(ctx, cluster, instance.Namespace)
	}
	return err == nil, err
}

// confirm asks before a whole cluster is deleted.
func (o *downOptions) confirm(ctx context.Context, sh shell, instance state.Instance) error {
	if o.yes {
		return nil
	}
	if !output.IsTerminal(sh.in) || !output.IsTerminal(sh.err) {
		return usage("down --cluster asks before it deletes a cluster, and this is no terminal", "hellox down --cluster --yes "+instance.Flags())
	}
	yes, err := prompt.Confirm(ctx, sh.in, sh.err, fmt.Sprintf("delete the whole cluster of %s, with all that is in it?", instance.Installation))
	if err == nil && !yes {
		return failed(errors.New("nothing was removed: not confirmed"), "")
	}
	return err
}

// stopOwner stops the process that holds the forwards or the local stream. Another
// hellox down is waited for when the lock is taken.
func (o *downOptions) stopOwner(ctx context.Context, instance state.Instance, steps *output.Steps) error {
	p := instance.Process(ctx)
	if !p.Running || p.Removing {
		return nil
	}
	steps.Begin(step.Forward)
	if err := instance.Stop(ctx, p); err != nil {
		steps.Fail(err)
		return err
	}
	steps.Done(fmt.Sprintf("process %d ended", p.PID), false)
	return nil
}

// lockToRemove takes the lock: nothing is removed without it. While another hellox
// down holds it, it waits; an up that has begun meanwhile is left alone.
func (o *downOptions) lockToRemove(ctx context.Context, root string, i state.Installation) (*state.Lock, error) {
	dir := state.DirOf(root, i)
	for {
		lock, err := dir.AcquireToRemove(i)
		if !errors.Is(err, state.ErrLocked) {
			return lock, cannotWrite(dir, i, err)
		}
		if p := dir.Process(ctx); p.Running && !p.Removing {
			return nil, failed(fmt.Errorf("remove %s: nothing was removed: meanwhile %s", i, describe(p)), o.again(i))
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// downLocal ends the process that runs it and removes its folder.
func (o *downOptions) downLocal(ctx context.Context, root string, instance state.Instance, steps *output.Steps) error {
	dir := state.DirOf(root, instance.Installation)
	data := askData(ctx, instance)
	if o.dryRun {
		if p := instance.Process(ctx); p.Running {
			steps.Note(fmt.Sprintf("would end process %d", p.PID))
		}
		o.planLocal(data, dir, steps)
		return nil
	}
	if err := o.stopOwner(ctx, instance, steps); err != nil {
		return err
	}
	if o.keepData {
		steps.Note(fmt.Sprintf("left: %s and the queues in %s", data, dir))
		return nil
	}
	steps.Begin(step.Remove)
	lock, err := o.lockToRemove(ctx, root, instance.Installation)
	gone := false
	if err == nil {
		gone = dir.Empty() // another hellox down removed it meanwhile
		if counted, countErr := countStored(ctx, dir); countErr == nil {
			data = counted
		}
		err = cannotWrite(dir, instance.Installation, lock.Remove())
	}
	if err != nil {
		steps.Fail(err)
		return err
	}
	done := data.String() + ", queues and record removed"
	if gone {
		done = "history, queues and record removed"
	}
	steps.Done(done, gone)
	steps.Note("left: nothing")
	return nil
}

// planLocal says what would become of the data of a local installation.
func (o *downOptions) planLocal(data storedData, dir state.Dir, steps *output.Steps) {
	if o.keepData {
		steps.Note(fmt.Sprintf("would keep %s and the queues in %s", data, dir))
	} else {
		steps.Note(fmt.Sprintf("would remove %s, the queues and %s", data, dir))
	}
}

// storedData is how many messages an installation has stored.
type storedData struct {
	known    bool
	messages uint64
	last     int64 // the newest one's ID
}

func newStoredData(s history.Stats) storedData {
	return storedData{true, s.Stored - min(s.Stored, s.Evicted), s.LastID}
}

// String describes the data: "the history of 1,234 messages (up to ID 1240)".
func (d storedData) String() string {
	switch {
	case !d.known:
		return "the history, whose messages were not counted"
	case d.messages == 0:
		return "the history (no message)"
	}
	return fmt.Sprintf("the history of %s (up to ID %d)", units.Plural(int(d.messages), "message"), d.last)
}

// askTime bounds the question how many messages are stored: a down goes on without
// the answer.
const askTime = 2 * time.Second

// askData asks the receiver at the page that the owner of instance forwards or serves.
func askData(ctx context.Context, instance state.Instance) storedData {
	if !instance.Alive(ctx) || instance.Owner.Web == "" {
		return storedData{}
	}
	return askReceiver(ctx, instance.Owner.Web)
}

func askReceiver(ctx context.Context, web string) storedData {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	client, err := remote.Open(ctx, web)
	if err != nil {
		return storedData{}
	}
	defer client.Close()
	stats, err := client.Stats(ctx)
	if err != nil {
		return storedData{}
	}
	return newStoredData(stats)
}

// countStored reads how many messages the history of a local installation holds, which
// no process has open.
func countStored(ctx context.Context, dir state.Dir) (storedData, error) {
	if _, err := os.Stat(dir.HistoryFile()); err != nil {
		return storedData{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	store, err := sqlite.Open(ctx, dir.HistoryFile(), sqlite.Options{})
	if err != nil {
		return storedData{}, err
	}
	stats, err := store.Stats(ctx)
	return newStoredData(stats), errors.Join(err, store.Close())
}

// cannotWrite adds the folder and a hint to an error of locking or removing it. Rights
// help neither with a full disk nor with a read-only one.
func cannotWrite(dir state.Dir, i state.Installation, err error) error {
	if err == nil {
		return nil
	}
	switch parent := args.Quote(filepath.Dir(string(dir))); {
	case isFull(err):
		return failed(fmt.Errorf("remove %s: its disk is full", dir), "df -h "+parent+"; make room, then hellox down "+i.Flags())
	case errors.Is(err, syscall.EROFS):
		return failed(fmt.Errorf("remove %s: its disk is read-only", dir), "findmnt --target "+parent+"; mount it writable, then hellox down "+i.Flags())
	}
	return failed(fmt.Errorf("remove %s: %w", dir, err), fmt.Sprintf("chmod -R u+w %s && hellox down %s", args.Quote(string(dir)), i.Flags()))
}

// downCluster removes the installation from its cluster, then its record here.
func (o *downOptions) downCluster(ctx context.Context, sh shell, root string, instance state.Instance, steps *output.Steps) error {
	cluster, err := connectCluster(ctx, sh, instance.Installation)
	gone := errors.Is(err, errNoCluster)
	if err != nil && !gone {
		return err
	}
	if gone && o.dryRun {
		steps.Note("would remove only the record: " + err.Error())
		return nil
	}
	data := storedData{}
	if !gone {
		data = o.askCluster(ctx, sh, instance, cluster)
	}
	if o.dryRun {
		if p := instance.Process(ctx); p.Running {
			steps.Note(fmt.Sprintf("would end process %d, which holds the forwards", p.PID))
		}
		return o.removeFrom(ctx, sh, cluster, instance, data, steps)
	}
	if err := o.stopOwner(ctx, instance, steps); err != nil {
		return err
	}
	lock, err := o.lockToRemove(ctx, root, instance.Installation)
	if err != nil {
		return err
	}
	if gone {
		steps.Note(fmt.Sprintf("%s: %s, nor does what was in it; only its record here is removed", instance.Installation, errNoCluster))
		if built, remove := (build.Host{Runner: sh.runner}).Built(ctx); len(built) > 0 {
			steps.Note("left, if no other installation uses them, the images that were built: " + remove)
		}
	} else if err := o.removeFrom(ctx, sh, cluster, instance, data, steps); err != nil {
		return errors.Join(err, lock.Release())
	}
	if o.keepData && !gone {
		return lock.Release()
	}
	return cannotWrite(lock.Dir(), instance.Installation, lock.Remove())
}

// removeFrom removes the installation from its cluster, and says what becomes of its
// data.
func (o *downOptions) removeFrom(ctx context.Context, sh shell, c *cluster.Cluster, instance state.Instance, data storedData, steps *output.Steps) error {
	return bootstrap.Down(ctx, c, bootstrap.DownOptions{
		Runner:    sh.runner,
		Namespace: instance.Namespace, KeepData: o.keepData, DeleteCluster: o.cluster, DryRun: o.dryRun, Holder: changeHolder(),
		Data: data.String(),
	}, steps)
}

// askCluster asks the receiver of an installation in a cluster how many messages it
// has stored, through the forwards that its owner holds, or through new ones if a
// receiver is ready.
func (o *downOptions) askCluster(ctx context.Context, sh shell, instance state.Instance, c *cluster.Cluster) storedData {
	if data := askData(ctx, instance); data.known {
		return data
	}
	pods, err := install.ReadStatus(ctx, c.REST, instance.Namespace)
	if err != nil || !slices.ContainsFunc(pods.Roles, func(r install.RoleStatus) bool { return r.Role == install.RoleReceive && r.Ready > 0 }) {
		return storedData{}
	}
	at, err := openEndpoints(ctx, sh, instance.Installation)
	if err != nil {
		return storedData{}
	}
	defer at.close()
	return askReceiver(ctx, at.web)
}
