package minikube

import (
	"context"
	"errors"
	"fmt"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/engine"
)

// Start implements cluster.Provider. The current context is restored, because
// minikube's --keep-context does not keep it.
func (m *Provider) Start(ctx context.Context, c cluster.Candidate, progress func(string)) (cluster.Candidate, error) {
	if p := c.Detail.(profile); p.inContainers() {
		if err := engine.Local(m.runner, p.Config.Driver); err != nil {
			return c, err
		}
	}
	restore, err := cluster.KeepContext(m.runner)
	if err != nil {
		return c, err
	}
	verb := "start"
	if c.State == cluster.Paused {
		verb = "unpause"
	}
	out, err := m.run(ctx, steps(progress), verb, "-p", c.Name, "-o", "json")
	if err != nil {
		return c, errors.Join(refusal(verb, c, out, err), restore())
	}
	if err := restore(); err != nil {
		return c, err
	}
	return m.running(ctx, c)
}

// StartNodes implements cluster.Provider: a worker may be stopped while minikube calls
// the profile OK.
func (m *Provider) StartNodes(ctx context.Context, c cluster.Candidate, progress func(string)) (started bool, err error) {
	if len(c.Detail.(profile).Config.Nodes) == 1 {
		return false, nil
	}
	out, err := m.ask(ctx, nodeLimit, "status", "-p", c.Name, "-o", "json")
	if ctx.Err() != nil || silent(err) {
		return false, err
	}
	status, err := parseStatus(out.Stdout)
	if err != nil {
		return false, fmt.Errorf("ask for the state of %s: %w", c, err)
	}
	restore, err := cluster.KeepContext(m.runner)
	if err != nil {
		return false, err
	}
	for _, n := range status {
		if n.Host != "Stopped" {
			continue
		}
		progress("starting node " + n.Name)
		out, err := m.run(ctx, nil, "node", "start", n.Name, "-p", c.Name)
		if err != nil {
			return started, errors.Join(refusal("start node "+n.Name+" of", c, out, err), restore())
		}
		started = true
	}
	return started, restore()
}

// mayCreate returns why minikube must not create c: it would do so with the Docker of
// another machine, or overwrite a context of the kubeconfig that is not its own.
func (m *Provider) mayCreate(c cluster.Candidate) error {
	c.Context = c.Name
	if err := engine.Local(m.runner, "docker"); err != nil {
		return err
	}
	config, err := cluster.LoadKubeconfig(m.runner)
	if err != nil {
		return err
	}
	if _, _, entry, err := cluster.Server(config, c.Context); err == nil && madeByMinikube(entry) {
		return nil // of a profile that was there before
	}
	return cluster.Taken(m.runner, c)
}

// Create implements cluster.Provider. A start that failed or was interrupted is not
// repaired by another start, though that one would report success: what it
// left is deleted.
func (m *Provider) Create(ctx context.Context, c cluster.Candidate, progress func(string)) (cluster.Candidate, error) {
	if err := m.mayCreate(c); err != nil {
		return c, err
	}
	deleteLeft := func() error { return m.Delete(ctx, c) }
	interrupted := false
	err := cluster.Create(m.runner, m.stateDir, c, deleteLeft, func() (clean bool, err error) {
		out, err := m.run(ctx, steps(progress), "start", "-p", c.Name, "-o", "json")
		if err == nil {
			return true, nil
		}
		if interrupted = ctx.Err() != nil; interrupted {
			return false, err
		}
		err = refusal("create", c, out, err)
		gone := m.Delete(ctx, c)
		return gone == nil, errors.Join(err, gone)
	})
	if interrupted {
		// To delete takes longer than an interrupted command may take, so it
		// continues without this process. If it fails, the next `up` deletes
		// the profile. The context is restored by now: minikube deletes its
		// own context along with the profile.
		m.deleteLater(c)
	}
	if err != nil {
		return c, err
	}
	return m.running(ctx, c)
}

// steps returns a function for the lines that a start prints, which passes on
// the steps among them.
func steps(progress func(string)) func(line string) {
	return func(line string) {
		if e, ok := parseEvent(line); ok && e.step() != "" {
			progress(e.step())
		}
	}
}
