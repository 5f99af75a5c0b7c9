package minikube

import (
	"context"
	"errors"
	"fmt"

	"hellox/bootstrap/cluster"
)

// Start implements Provider. The current context is restored, because
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

// steps returns a function for the lines that a start prints, which passes on
// the steps among them.
func steps(progress func(string)) func(line string) {
	return func(line string) {
		if e, ok := parseEvent(line); ok && e.step() != "" {
			progress(e.step())
		}
	}
}

// StartNodes implements Provider: a worker may be stopped while minikube calls
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
