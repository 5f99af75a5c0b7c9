package minikube

import (
	"context"
	"errors"
	"fmt"

	"hellox/bootstrap/cluster"
)

// Start implements cluster.Provider. The current context is restored, because
// minikube's --keep-context does not keep it.
func (m *Provider) Start(ctx context.Context, c cluster.Candidate, progress func(string)) (cluster.Candidate, error) {
	restore, err := cluster.KubeconfigOf(m.runner).KeepContext()
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
	out, err := m.run(ctx, nil, "status", "-p", c.Name, "-o", "json")
	if ctx.Err() != nil {
		return false, err
	}
	status, err := parseStatus(out.Stdout)
	if err != nil {
		return false, fmt.Errorf("ask for the state of %s: %w", c, err)
	}
	restore, err := cluster.KubeconfigOf(m.runner).KeepContext()
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

// Create implements cluster.Provider. A start that failed or was interrupted is not
// repaired by another start, though that one would report success: what it
// left is deleted.
func (m *Provider) Create(ctx context.Context, c cluster.Candidate, progress func(string)) (cluster.Candidate, error) {
	restore, err := cluster.KubeconfigOf(m.runner).KeepContext()
	if err != nil {
		return c, err
	}
	marker, err := cluster.BeginCreation(m.stateDir, c)
	if err != nil {
		return c, err
	}
	if c.State == cluster.Interrupted {
		if err := m.Delete(ctx, c); err != nil {
			return c, errors.Join(fmt.Errorf("delete what was left of %s: %w", c, err), marker.Leave())
		}
	}
	out, err := m.run(ctx, steps(progress), "start", "-p", c.Name, "-o", "json")
	switch {
	case err == nil:
		if err := errors.Join(restore(), marker.Remove()); err != nil {
			return c, err
		}
		return m.running(ctx, c)
	case ctx.Err() != nil:
		// To delete takes longer than an interrupted command may take, so it
		// continues without this process. If it fails, the next `up` deletes
		// the profile. The context is restored first: minikube deletes its
		// own context along with the profile.
		rerr := restore()
		m.deleteLater(c)
		return c, errors.Join(err, rerr, marker.Leave())
	}
	err = refusal("create", c, out, err)
	if gone := m.Delete(ctx, c); gone != nil {
		return c, errors.Join(err, gone, restore(), marker.Leave())
	}
	return c, errors.Join(err, restore(), marker.Remove())
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
