package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"k8s.io/client-go/rest"
)

func (f Found) readyMinikube(ctx context.Context, progress func(string)) (*Cluster, error) {
	created := f.State == Absent || f.State == CutOff
	if f.State != Running {
		if err := f.startMinikube(ctx, progress); err != nil {
			return nil, err
		}
		// A start makes the configuration, and may change it.
		p, err := f.again(ctx)
		if err != nil {
			return nil, err
		}
		f.minikube = p
	}
	rc, err := f.minikubeServer()
	if err != nil {
		return nil, err
	}
	nodes, err := f.minikubeNodes(ctx, rc, progress)
	if err != nil {
		return nil, err
	}
	return f.clusterOfMinikube(rc, nodes, created)
}

// reachMinikube is Reach for a minikube profile.
func (f Found) reachMinikube(ctx context.Context) (*Cluster, error) {
	rc, err := f.minikubeServer()
	if err != nil {
		return nil, err
	}
	nodes, err := askForNodes(ctx, rc)
	if err == nil && len(nodes) == 0 {
		err = errors.New("it has no nodes")
	}
	if err != nil {
		return nil, fmt.Errorf("reach %s: %w", f.thing(), err)
	}
	return f.clusterOfMinikube(rc, nodes, false)
}

func (f Found) clusterOfMinikube(rc *rest.Config, nodes []Node, created bool) (*Cluster, error) {
	c := &Cluster{Target: Minikube, Profile: f.Profile, Context: f.Profile, Created: created, REST: rc, found: f}
	if err := c.setNodes(nodes); err != nil {
		return nil, err
	}
	c.images = once(func(ctx context.Context) (nodeImages, error) { return f.minikubeImages(ctx, c.Runtime) })
	return c, nil
}

// minikubeServer returns the way to the profile's API server, if the
// kubeconfig's entry is shown to be that.
func (f Found) minikubeServer() (*rest.Config, error) {
	config, err := f.options.Runner.kubeconfigFiles().load(true)
	if err != nil {
		return nil, err
	}
	if err := f.minikube.proven(config); err != nil {
		if unsafe := (*Error)(nil); errors.As(err, &unsafe) {
			return nil, err
		}
		return nil, f.minikube.misconfigured(f.options.Runner)
	}
	return restConfig(config, f.Profile)
}

// again reads the profile's configuration anew.
func (f Found) again(ctx context.Context) (*minikubeProfile, error) {
	out, err := f.options.Runner.runMinikube(ctx, nil, "profile", "list", "-o", "json", "--light")
	if err != nil {
		return nil, fmt.Errorf("list minikube's profiles: %w", err)
	}
	profiles, err := parseProfiles(out.Stdout)
	if err != nil {
		return nil, fmt.Errorf("list minikube's profiles: %w", err)
	}
	for _, p := range profiles {
		if p.Name == f.Profile {
			return &p, nil
		}
	}
	return nil, fmt.Errorf("%s was started and is not in minikube's list", f.thing())
}

// minikubeNodes returns the nodes once all are ready. A worker may be
// stopped while minikube calls the profile OK: it is started.
func (f Found) minikubeNodes(ctx context.Context, config *rest.Config, progress func(string)) ([]Node, error) {
	patience := f.options.patience(f.State)
	nodes, err := askForNodes(ctx, config)
	if err == nil && len(nodes) > 0 && allReady(nodes) {
		return nodes, nil
	}
	if err == nil && len(f.minikube.Config.Nodes) > 1 {
		started, err := f.startWorkers(ctx, progress)
		if err != nil {
			return nil, err
		}
		if started {
			patience = f.options.patience(Stopped)
		}
	}
	nodes, err = waitForNodes(ctx, config, patience, progress)
	if err != nil && ctx.Err() == nil {
		return nil, &Error{
			Kind:     Missing,
			Sentence: f.thing() + " runs and is not ready",
			Hint:     fmt.Sprintf("minikube delete -p %s, then hellox up makes a new one", f.Profile),
			Err:      err,
		}
	}
	return nodes, err
}

// startWorkers starts the stopped nodes of a profile that runs.
func (f Found) startWorkers(ctx context.Context, progress func(string)) (started bool, err error) {
	r := f.options.Runner
	out, err := r.runMinikube(ctx, nil, "status", "-p", f.Profile, "-o", "json")
	if ctx.Err() != nil {
		return false, err
	}
	status, err := parseStatus(out.Stdout)
	if err != nil {
		return false, fmt.Errorf("ask for the state of %s: %w", f.thing(), err)
	}
	restore, err := r.kubeconfigFiles().keepContext()
	if err != nil {
		return false, err
	}
	for _, n := range status {
		if n.Host != "Stopped" {
			continue
		}
		progress("starting node " + n.Name)
		out, err := r.runMinikube(ctx, nil, "node", "start", n.Name, "-p", f.Profile)
		if err != nil {
			return started, errors.Join(f.refusal("start node "+n.Name+" of", out, err), restore())
		}
		started = true
	}
	return started, restore()
}

// startMinikube starts, unpauses or makes the profile. The current context
// is put back, for --keep-context does not keep it.
func (f Found) startMinikube(ctx context.Context, progress func(string)) error {
	r := f.options.Runner
	restore, err := r.kubeconfigFiles().keepContext()
	if err != nil {
		return err
	}
	steps := func(line string) {
		if e, ok := parseEvent(line); ok && e.step() != "" {
			progress(e.step())
		}
	}
	switch f.State {
	case Paused:
		out, err := r.runMinikube(ctx, steps, "unpause", "-p", f.Profile, "-o", "json")
		if err != nil {
			return f.refusal("unpause", out, err)
		}
		return restore()
	case Absent, CutOff:
		return f.makeMinikube(ctx, steps, restore)
	}
	out, err := r.runMinikube(ctx, steps, "start", "-p", f.Profile, "-o", "json")
	if err != nil {
		return errors.Join(f.refusal("start", out, err), restore())
	}
	return restore()
}

// makeMinikube makes a profile. A start that failed or was interrupted is
// not mended by another, though that one would say so: what it left is
// deleted.
func (f Found) makeMinikube(ctx context.Context, steps func(string), restore func() error) error {
	r := f.options.Runner
	making, err := beginMaking(f.options.StateDir, Minikube, f.Profile)
	if err != nil {
		return err
	}
	if f.State == CutOff {
		if err := f.deleteMinikube(ctx); err != nil {
			return errors.Join(fmt.Errorf("delete what was left of %s: %w", f.thing(), err), making.abandon())
		}
	}
	out, err := r.runMinikube(ctx, steps, "start", "-p", f.Profile, "-o", "json")
	switch {
	case err == nil:
		return errors.Join(restore(), making.done())
	case ctx.Err() != nil:
		// To delete takes longer than an interrupted command may: it goes
		// on without us. If that fails too, the next `up` sees to it. The
		// context goes first: with the profile minikube deletes its own.
		rerr := restore()
		f.deleteLater()
		return errors.Join(err, rerr, making.abandon())
	}
	err = f.refusal("make", out, err)
	if gone := f.deleteMinikube(ctx); gone != nil {
		return errors.Join(err, gone, restore(), making.abandon())
	}
	return errors.Join(err, restore(), making.done())
}

func (f Found) deleteMinikube(ctx context.Context) error {
	out, err := f.options.Runner.runMinikube(ctx, nil, "delete", "-p", f.Profile)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return f.refusal("delete", out, err)
}

// deleteLater deletes the profile in a process that nobody waits for.
func (f Found) deleteLater() {
	path, ok := f.options.Runner.Look("minikube")
	if !ok {
		return
	}
	cmd := exec.Command(path, "delete", "-p", f.Profile) //nolint:noctx // it outlives whoever asked for it
	cmd.Env = f.options.Runner.env
	leaveAlone(cmd)
	if cmd.Start() == nil {
		_ = cmd.Process.Release()
	}
}

// refusal turns what minikube said into one sentence and a hint.
func (f Found) refusal(verb string, out Output, err error) error {
	if code, ok := exitCode(err); !ok || code < 0 {
		return err // it was not minikube that refused
	}
	sentence, advice, name := reason(out)
	e := &Error{Kind: Failed, Sentence: fmt.Sprintf("%s %s", verb, f.thing()), Hint: advice, Err: errors.New(sentence)}
	if sentence == "" {
		e.Err = err
	}
	switch name {
	case "DRV_AS_ROOT":
		e.Hint = fmt.Sprintf("type hellox up as an ordinary user, or first minikube start -p %s --force", f.Profile)
	case "RSRC_OVER_ALLOC_MEM", "RSRC_INSUFFICIENT_SYS_MEMORY", "RSRC_INSUFFICIENT_CONTAINER_MEMORY":
		e.Hint = "minikube config set memory 2200, then hellox up"
	case "DRV_UNSUPPORTED_OS", "DRV_NOT_FOUND":
		e.Hint = "minikube config set driver docker, then hellox up"
	}
	if e.Hint == "" {
		e.Hint = fmt.Sprintf("minikube start -p %s says more; hellox up --target kind does without it", f.Profile)
	}
	return e
}
