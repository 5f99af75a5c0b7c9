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
	"hellox/bootstrap/install"
	"hellox/bootstrap/portforward"
	"hellox/bootstrap/step"
	"hellox/cmd/hellox/health"
	"hellox/cmd/hellox/output"
	"hellox/cmd/hellox/rounds"
	"hellox/cmd/hellox/state"
)

// upCluster brings the installation up in a cluster, and then holds its
// forwards, has them held by a daemon, or leaves them to the
// process that holds them already. setup bounds what comes before it is up.
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
		Packer: packer, Namespace: o.namespace, Broadcasters: o.wanted(), ClusterSize: o.clusterSize, Overlay: o.overlay, Builds: o.builds, Holder: changeHolder(),
	}
	if o.dryRun {
		return planUp(setup, found, up, steps)
	}
	if instance.Alive(ctx) {
		c, err := o.updateOnly(setup, found, up, instance, steps)
		if err != nil {
			return err
		}
		if err := streamHeld(setup, instance, steps); err != nil {
			return err
		}
		if err := o.printResult(sh, upResult{here, instance.Owner.Web, instance.Owner.MQTT}, ""); err != nil || !o.watch {
			return err
		}
		up.Cluster = c
		return o.rounds(up, instance.Owner.Web, steps).Run(ctx)
	}
	err = o.withLock(ctx, dir, state.Instance{Installation: here, Engine: found.EngineSettings(setup)}, func(lock *state.Lock) error {
		if o.detach {
			return o.bringUpForDaemon(setup, found, up, lock, steps)
		}
		f, err := o.bringUpAndForward(setup, found, up, lock, steps)
		if err != nil {
			return err
		}
		up.Cluster = f.cluster
		return o.holdForwards(ctx, sh, lock, f, up, steps)
	})
	if err != nil || !o.detach {
		return err
	}
	return o.spawnDaemon(setup, sh, here, dir)
}

// bringUpForDaemon brings the installation up, whose forwards a daemon then holds.
func (o *upOptions) bringUpForDaemon(ctx context.Context, found cluster.Found, up bootstrap.UpOptions, lock *state.Lock, steps *output.Steps) error {
	if err := o.portsFree(ctx); err != nil {
		steps.Fail(err)
		return err
	}
	_, err := recordAndBringUp(ctx, found, up, lock, steps)
	return err
}

// updateOnly brings up an installation whose forwards another process holds.
func (o *upOptions) updateOnly(ctx context.Context, found cluster.Found, up bootstrap.UpOptions, instance state.Instance, steps *output.Steps) (*cluster.Cluster, error) {
	if err := o.checkPorts(instance); err != nil {
		steps.Fail(err)
		return nil, err
	}
	return bringUp(ctx, found, up, steps)
}

// pageTime is how long a page may take to answer through the forwards that another
// process holds, once its pod is rolled out: longer than a forward waits for a pod.
const pageTime = 30 * time.Second

// streamHeld ends the step that finds the forwards of another process: once the stream
// behind them is stored.
func streamHeld(ctx context.Context, instance state.Instance, steps *output.Steps) error {
	steps.Begin(step.Forward)
	soon, cancel := context.WithTimeout(ctx, pageTime)
	page, err := awaitPage(soon, instance.Owner.Web)
	cancel()
	if err == nil {
		err = subscribedSoon(ctx, page, steps)
		_ = page.Close()
	} else if ctx.Err() == nil {
		err = &step.Error{
			Kind:     step.Missing,
			Sentence: fmt.Sprintf("the page does not answer at %s, which process %d forwards", instance.Owner.Web, instance.Owner.PID),
			Hint:     state.Process{PID: instance.Owner.PID, Answers: true}.EndCommand() + ", then hellox up " + instance.Flags(),
		}
	}
	if err != nil {
		steps.Fail(err)
		return err
	}
	steps.Done(fmt.Sprintf("forwarded by process %d since %s", instance.Owner.PID, instance.Owner.Started.Local().Format(time.DateTime)), true)
	return nil
}

// rounds returns the loop of --watch. What was asked for once is not asked for again:
// a scale meanwhile stays.
func (o *upOptions) rounds(up bootstrap.UpOptions, page string, steps *output.Steps) *rounds.Loop {
	up.Broadcasters = nil
	return &rounds.Loop{Up: up, Page: page, Timeout: o.timeout, Steps: steps}
}

// bringUpAndForward brings the installation up and opens its forwards. It listens
// first: a port that is taken must not be found out after a cluster was created.
func (o *upOptions) bringUpAndForward(ctx context.Context, found cluster.Found, up bootstrap.UpOptions, lock *state.Lock, steps *output.Steps) (*forwards, error) {
	ports, err := listenPorts(ctx, o.web, o.mqtt)
	if err != nil {
		steps.Fail(err)
		return nil, err
	}
	c, err := recordAndBringUp(ctx, found, up, lock, steps)
	if err != nil {
		ports.close()
		return nil, err
	}
	steps.Begin(step.Forward)
	f, err := forwardWhenReady(ctx, c, o.namespace, ports, steps)
	if err != nil {
		steps.Fail(err)
		return nil, err
	}
	f.done(steps)
	return f, nil
}

// recordAndBringUp puts the installation on record before anything is created:
// whatever ends this, a down finds it.
func recordAndBringUp(ctx context.Context, found cluster.Found, up bootstrap.UpOptions, lock *state.Lock, steps *output.Steps) (*cluster.Cluster, error) {
	if err := lock.Record(); err != nil {
		steps.Fail(err)
		return nil, err
	}
	return bringUp(ctx, found, up, steps)
}

// bringUp ends the step that begins before a cluster is looked for, and takes
// those that follow.
func bringUp(ctx context.Context, found cluster.Found, up bootstrap.UpOptions, steps *output.Steps) (*cluster.Cluster, error) {
	c, err := startCluster(ctx, found, steps)
	if err != nil {
		return nil, err
	}
	up.Cluster = c
	return c, bootstrap.Up(ctx, up, steps)
}

// planUp reports what bringUp would do. A cluster that does not run is not
// started for that.
func planUp(ctx context.Context, found cluster.Found, up bootstrap.UpOptions, steps *output.Steps) error {
	if found.State != cluster.Running || found.Incomplete() {
		steps.Done(found.String(), false)
		steps.Note("the next steps depend on it")
		return nil
	}
	c, err := found.Connect(ctx)
	if err != nil {
		steps.Fail(err)
		return err
	}
	steps.Done(c.String(), true)
	up.Cluster = c
	return bootstrap.Plan(ctx, up, steps)
}

func startCluster(ctx context.Context, found cluster.Found, steps *output.Steps) (*cluster.Cluster, error) {
	c, err := bootstrap.StartCluster(ctx, found, steps.Progress)
	if err != nil {
		steps.Fail(err)
		return nil, err
	}
	text := c.String()
	if what := found.Outcome(c); what != "" {
		text += ", " + what
	}
	steps.Done(text, !c.Created && !c.Started)
	return c, nil
}

// portsFree fails early if a port that was asked for is taken.
func (o *upOptions) portsFree(ctx context.Context) error {
	var asked []portforward.Port
	for _, port := range []portforward.Port{o.web, o.mqtt} {
		if port.Asked {
			asked = append(asked, port)
		}
	}
	all, err := portforward.ListenAll(ctx, o.portless, asked...)
	for _, l := range all {
		l.Close()
	}
	return err
}

// forwardOnly is what the daemon of an up --detach runs.
func (o *upOptions) forwardOnly(ctx, setup context.Context, sh shell, found cluster.Found, dir state.Dir, here state.Installation, steps *output.Steps) error {
	return o.withLock(ctx, dir, state.Instance{Installation: here, Engine: found.EngineSettings(setup)}, func(lock *state.Lock) error {
		if _, err := dir.Read(); errors.Is(err, fs.ErrNotExist) { // the up that spawned this process recorded it
			return failed(fmt.Errorf("hold the forwards of %s: a hellox down removed it meanwhile", here), "hellox up "+here.Flags())
		}
		c, err := found.Connect(setup)
		if err != nil {
			steps.Fail(err)
			return err
		}
		steps.Drop() // the up that left this process behind has ended the step
		steps.Begin(step.Forward)
		ports, err := listenPorts(setup, o.web, o.mqtt)
		if err != nil {
			steps.Fail(err)
			return err
		}
		f, err := forwardWhenReady(setup, c, o.namespace, ports, steps)
		if err != nil {
			steps.Fail(err)
			return err
		}
		f.done(steps)
		return o.holdForwards(ctx, sh, lock, f, bootstrap.UpOptions{}, steps)
	})
}

// forwardWhenReady returns the forwards once the stream behind them is stored. It takes
// over ports.
func forwardWhenReady(ctx context.Context, c *cluster.Cluster, namespace string, ports ports, steps step.Reporter) (*forwards, error) {
	f, err := openForwards(c, namespace, ports)
	if err != nil {
		return nil, err
	}
	if err := waitForStream(ctx, f.pageURL(), steps); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

// withLock holds the lock of the installation's directory while f runs.
func (o *upOptions) withLock(ctx context.Context, dir state.Dir, i state.Instance, f func(*state.Lock) error) error {
	lock, err := dir.Acquire(i)
	if errors.Is(err, state.ErrLocked) {
		soon, cancel := context.WithTimeout(ctx, 500*time.Millisecond) // it was asked before
		defer cancel()
		return held("bring it up", i.Installation, dir.Process(soon))
	}
	if err != nil {
		return storageError(i.Installation, dir, err)
	}
	err, released := f(lock), lock.Release()
	if err != nil && isFull(released) {
		released = nil // err says it
	}
	return storageError(i.Installation, dir, errors.Join(err, released))
}

// holdForwards prints where the stream is, and holds the forwards until a
// signal, Enter, a hellox down, or the installation's end.
func (o *upOptions) holdForwards(ctx context.Context, sh shell, lock *state.Lock, f *forwards, up bootstrap.UpOptions, steps *output.Steps) error {
	defer f.close()
	result := upResult{lock.Installation(), f.pageURL(), f.brokerURL()}
	if err := o.announce(sh, lock, result, "Enter or Ctrl-C ends the forwards; the pods stay.", nil); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	ctx, stop := context.WithCancel(ctx)
	group.Go(func() error {
		defer stop()
		return f.monitor(ctx, o.namespace)
	})
	group.Go(func() error {
		health.Follow(ctx, health.EveryRemote, f.stats, steps)
		return nil
	})
	group.Go(func() error {
		health.FollowForwards(ctx, health.Every, health.DownFor, []health.Forward{
			{Name: "forward of the page", Down: f.page.Down}, {Name: "forward of the broker", Down: f.broker.Down},
		}, steps)
		return nil
	})
	group.Go(func() error { return install.Follow(ctx, f.cluster.REST, o.namespace, steps) })
	group.Go(func() error { return f.tellPods(ctx, o.namespace) })
	group.Go(func() error { return bootstrap.FollowKeys(ctx, f.cluster, o.namespace) })
	group.Go(func() error {
		defer stop()
		return waitForEnd(ctx, sh, lock.Stopped())
	})
	if o.watch {
		group.Go(func() error {
			defer stop()
			return o.rounds(up, f.pageURL(), steps).Run(ctx)
		})
	}
	return group.Wait()
}

// wanted returns the number of broadcasters asked for, or nil for no change.
func (o *upOptions) wanted() *int {
	if o.broadcastersSet {
		return &o.broadcasters
	}
	return nil
}

// newPacker returns the packer of an image of the running executable.
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
	return image.Packer{
		Runner: sh.runner, Executable: self, CacheDir: cache,
		Sources: []string{image.CompiledIn(), dir},
	}, nil
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
