package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/portforward"
	"hellox/bootstrap/step"
	"hellox/cmd/hellox/health"
	"hellox/cmd/hellox/output"
	"hellox/cmd/hellox/state"
	"hellox/tui/units"
)

// upLocal runs the whole stream in this process, or in a daemon. setup
// bounds what comes before it is up.
func (o *upOptions) upLocal(ctx, setup context.Context, sh shell, found cluster.Found, steps *output.Steps) error {
	here := state.Installation{Target: targetLocal, Namespace: o.namespace}
	root, err := state.Root(sh.env)
	if err != nil {
		return err
	}
	dir := state.DirOf(root, here)
	instance, err := dir.Read()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	where := "all in one process: " + found.Why
	if instance.Alive(ctx) {
		steps.Done(where, true)
		return o.alreadyUp(ctx, sh, instance, steps)
	}
	if o.detach && !o.dryRun {
		steps.Drop()
		return o.spawnDaemon(setup, sh, here, dir)
	}
	steps.Done(where, false)
	if o.dryRun {
		if instance.Broadcasters != nil && !o.broadcastersSet {
			o.broadcasters = *instance.Broadcasters
		}
		steps.Note(fmt.Sprintf("would run broker, receiver and %s; the history is in %s", units.Plural(o.broadcasters, "broadcaster"), dir))
		return nil
	}
	wanted := state.Instance{Installation: here, Broadcasters: o.wanted()}
	return o.withLock(ctx, dir, wanted, func(lock *state.Lock) error {
		if n := lock.Broadcasters(); n != nil {
			o.broadcasters = *n
		} else {
			lock.SetBroadcasters(o.broadcasters) // status tells it
		}
		return o.runLocal(ctx, setup, sh, lock, steps)
	})
}

// runLocal runs the stream until a signal, Enter, a hellox down or a failure
// of its own.
func (o *upOptions) runLocal(ctx, setup context.Context, sh shell, lock *state.Lock, steps *output.Steps) error {
	steps.Begin("stream")
	local, err := o.openLocal(ctx, setup, lock, steps)
	if ctx.Err() != nil {
		err = context.Cause(ctx) // not what it was doing then
	}
	if err != nil {
		err = storageError(lock.Installation(), lock.Dir(), err)
		steps.Fail(err)
		return err
	}
	group, running := errgroup.WithContext(ctx)
	running, stop := context.WithCancel(running)
	defer stop()
	group.Go(func() error { return local.run(running, o.broadcasters) })
	group.Go(func() error {
		defer stop()
		ready, cancel := context.WithTimeout(running, o.timeout)
		defer cancel()
		up := upResult{lock.Installation(), "http://" + local.page.Addr().String(), "mqtt://" + local.receiver.broker.Host}
		if err := waitForStream(ready, up.Web, steps); err != nil {
			return err
		}
		steps.Done(fmt.Sprintf("broker, receiver and %s", units.Plural(o.broadcasters, "broadcaster")), false)
		if err := o.announce(sh, lock, up, "Enter or Ctrl-C ends it; the history stays.", local.fleet.scale); err != nil {
			return err
		}
		group.Go(func() error {
			health.Follow(running, health.Every, local.receiver.store.Stats, steps)
			return nil
		})
		return waitForEnd(running, sh, lock.Stopped())
	})
	if err := group.Wait(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// openLocal opens the ports, the history and the broker's store. It is on record
// before anything is stored: whatever ends this process, a down finds it.
func (o *upOptions) openLocal(ctx, setup context.Context, lock *state.Lock, steps *output.Steps) (*localStream, error) {
	local, err := listenPorts(setup, o.web, o.mqtt)
	if err != nil {
		return nil, err
	}
	for _, l := range []*portforward.Listener{local.broker, local.page} {
		if l.Moved != "" {
			steps.Note(l.Moved)
		}
	}
	if err := lock.Record(); err != nil {
		return nil, err
	}
	return newLocalStream(ctx, lock.Dir(), lock.Installation().String(), local.broker.Listeners, join(local.page.Listeners))
}

// alreadyUp changes the installation that runs to what was asked for, and reports
// which process runs it, and its URLs.
func (o *upOptions) alreadyUp(ctx context.Context, sh shell, instance state.Instance, steps *output.Steps) error {
	if err := o.checkPorts(instance); err != nil {
		return err
	}
	steps.Note(fmt.Sprintf("%s is up already: process %d runs it since %s",
		instance.Installation, instance.Owner.PID, instance.Owner.Started.Local().Format(time.DateTime)))
	switch same := instance.Broadcasters != nil && *instance.Broadcasters == o.broadcasters; {
	case !o.broadcastersSet || o.dryRun && same:
	case o.dryRun:
		steps.Note("would scale to " + units.Plural(o.broadcasters, "broadcaster"))
	default:
		steps.Begin(step.Apply)
		if err := instance.Scale(ctx, o.broadcasters); err != nil {
			steps.Fail(err)
			return fmt.Errorf("scale %s: %w", instance.Installation, err)
		}
		steps.Done(units.Plural(o.broadcasters, "broadcaster"), same)
	}
	return o.printResult(sh, upResult{instance.Installation, instance.Owner.Web, instance.Owner.MQTT}, "")
}

// checkPorts refuses ports that differ from those which the owner of the
// installation listens on: only a new process can listen on others.
func (o *upOptions) checkPorts(instance state.Instance) error {
	for _, p := range []struct {
		asked portforward.Port
		now   string
	}{{o.web, instance.Owner.Web}, {o.mqtt, instance.Owner.MQTT}} {
		at, err := url.Parse(p.now)
		if err != nil || !p.asked.Asked || p.asked.Number == 0 || at.Port() == strconv.Itoa(p.asked.Number) {
			continue
		}
		return usage(fmt.Sprintf("%s %d: %s is up already, and process %d listens on port %s", p.asked.Flag, p.asked.Number,
			instance.Installation, instance.Owner.PID, at.Port()), "hellox down --keep-data "+instance.Flags()+" && "+o.again)
	}
	return nil
}
