package kind

import (
	"context"
	"fmt"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/run"
)

// Start implements cluster.Provider: it starts the containers that do not run. kind
// itself has no command for that.
func (p *Provider) Start(ctx context.Context, c cluster.Candidate, progress func(string)) (cluster.Candidate, error) {
	engine, err := p.detectEngine(ctx)
	if err != nil {
		return c, err
	}
	var stopped, paused []string
	for _, n := range c.Detail.(engineCluster).nodes {
		switch n.state {
		case cluster.Stopped:
			stopped = append(stopped, n.name)
		case cluster.Paused:
			paused = append(paused, n.name)
		}
	}
	progress("starting " + c.String())
	for _, step := range []struct {
		verb  string
		nodes []string
	}{{"unpause", paused}, {"start", stopped}} {
		if len(step.nodes) == 0 {
			continue
		}
		_, err := p.runner.Run(ctx, run.Command{Name: string(engine), Args: append([]string{step.verb}, step.nodes...)})
		if err != nil {
			return c, fmt.Errorf("%s the nodes of %s: %w", step.verb, c, err)
		}
	}
	return p.running(ctx, c)
}

// StartNodes implements cluster.Provider. A cluster of which a container does not run
// is not listed as running, so there is never one to start.
func (p *Provider) StartNodes(context.Context, cluster.Candidate, func(string)) (bool, error) {
	return false, nil
}
