package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"time"

	"golang.org/x/sync/errgroup"

	"hellox/bootstrap"
	"hellox/bootstrap/cluster"
	"hellox/bootstrap/image"
	bootrun "hellox/bootstrap/run" // run is main's own
	"hellox/bootstrap/step"
	"hellox/cmd/hellox/output"
	"hellox/cmd/hellox/state"
)

// upCluster brings the installation up in a cluster, and then holds its
// forwards, has them held by a process left behind, or leaves them to the one
// that holds them already. setup bounds what comes before it is up.
func (o *upOptions) upCluster(ctx, setup context.Context, sh shell, found cluster.Found, steps *output.Steps) error {
	here := state.Installation{Target: o.target, Profile: o.profile, Namespace: o.namespace}
	root, err := state.Root(sh.env)
	if err != nil {
		return err
	}
	dir := state.DirOf(root, here)
	if o.detached {
		return o.forwardOnly(ctx, setup, sh, found, dir, here, steps)
	}
	packer, err := newPacker(sh)
	if err != nil {
		return err
	}
	instance, err := dir.Read()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	up := bootstrap.UpOptions{
		Found: found, Packer: packer, Namespace: o.namespace, Broadcasters: o.wanted(),
		Overlay: o.overlay, Web: o.web, MQTT: o.mqtt, Holder: changeHolder(),
	}
	if o.dryRun {
		return bootstrap.Plan(setup, up, steps)
	}
	alive := instance.Alive(ctx)
	if !alive {
		// On record before anything is made, so that whatever ends this, a
		// down finds it.
		if err := dir.Write(state.Instance{Installation: here}); err != nil {
			return err
		}
	}
	switch {
	case alive:
		up.NoForward = true
		if _, err := bootstrap.Up(setup, up, steps); err != nil {
			return err
		}
		steps.Note(fmt.Sprintf("forwarded by process %d since %s", instance.Owner.PID, instance.Owner.Started.Local().Format(time.DateTime)))
		return o.printResult(sh, upResult{here, instance.Owner.Web, instance.Owner.MQTT}, "")
	case o.detach:
		up.NoForward = true
		if err := o.portsFree(setup); err != nil {
			steps.Fail(err)
			return err
		}
		if _, err := bootstrap.Up(setup, up, steps); err != nil {
			return err
		}
		return o.spawnDaemon(setup, sh, here, dir)
	}
	return o.withLock(dir, here, func(lock *state.Lock) error {
		installed, err := bootstrap.Up(setup, up, steps)
		if err != nil {
			return err
		}
		return o.holdForwards(ctx, sh, lock, &forwards{installed.Cluster, installed.Web, installed.MQTT})
	})
}

// portsFree tells early that a port which was asked for is taken.
func (o *upOptions) portsFree(ctx context.Context) error {
	for _, port := range []bootstrap.Port{o.web, o.mqtt} {
		if !port.Asked || port.Number == 0 {
			continue
		}
		listeners, _, err := port.Listen(ctx)
		if err != nil {
			return err
		}
		for _, ln := range listeners {
			ln.Close()
		}
	}
	return nil
}

// forwardOnly is the whole life of the process that an up --detach leaves behind.
func (o *upOptions) forwardOnly(ctx, setup context.Context, sh shell, found cluster.Found, dir state.Dir, here state.Installation, steps *output.Steps) error {
	return o.withLock(dir, here, func(lock *state.Lock) error {
		cluster, err := found.Connect(setup)
		if err != nil {
			return err
		}
		steps.Begin(step.Forward)
		f, err := openForwards(ctx, cluster, o.namespace, o.web, o.mqtt)
		if err == nil {
			err = waitForPage(setup, f.pageURL())
		}
		if err != nil {
			steps.Fail(err)
			return err
		}
		steps.Done("forwarded", false)
		for _, moved := range f.moved() {
			steps.Note(moved)
		}
		return o.holdForwards(ctx, sh, lock, f)
	})
}

// withLock holds the lock of the installation's directory while f runs.
func (o *upOptions) withLock(dir state.Dir, here state.Installation, f func(*state.Lock) error) error {
	lock, err := dir.Acquire(state.Instance{Installation: here})
	if errors.Is(err, state.ErrLocked) {
		return missing(fmt.Errorf("bring up %s: another hellox is just bringing it up or ending it", here), "hellox status")
	}
	if err != nil {
		return err
	}
	return errors.Join(f(lock), lock.Release())
}

// holdForwards says where the stream is, and holds the forwards until a
// signal, Enter, a hellox down, or the installation's end.
func (o *upOptions) holdForwards(ctx context.Context, sh shell, lock *state.Lock, f *forwards) error {
	defer f.close()
	up := upResult{lock.Installation(), f.pageURL(), f.brokerURL()}
	if err := o.announce(sh, lock, up, "Enter or Ctrl-C ends the forwards; the pods stay.", nil); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	ctx, stop := context.WithCancel(ctx)
	group.Go(func() error {
		defer stop()
		return f.monitor(ctx, o.namespace)
	})
	group.Go(func() error {
		defer stop()
		return waitForEnd(ctx, sh, lock.Stopped())
	})
	return group.Wait()
}

// wanted is how many broadcasters were asked for; nil: whatever there are.
func (o *upOptions) wanted() *int {
	if o.broadcastersSet {
		return &o.broadcasters
	}
	return nil
}

// newPacker makes the image of the running executable.
func newPacker(sh shell) (image.Packer, error) {
	self, err := os.Executable()
	if err != nil {
		return image.Packer{}, fmt.Errorf("pack the image: find this executable: %w", err)
	}
	cache, err := cacheRoot()
	if err != nil {
		return image.Packer{}, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return image.Packer{}, fmt.Errorf("pack the image: %w", err)
	}
	return image.Packer{Runner: bootrun.New(sh.environ), Executable: self, Dir: dir, CacheDir: cache}, nil
}

// changeHolder identifies this process to others that want to change the same
// installation.
func changeHolder() string {
	name, host := "unknown", "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return fmt.Sprintf("%s@%s, process %d", name, host, os.Getpid())
}
