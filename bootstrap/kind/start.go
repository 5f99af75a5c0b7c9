package kind

import (
	"context"
	"fmt"
	"strings"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/run"
)

// Start implements cluster.Provider: it starts the containers that do not run. kind
// itself has no command for that.
func (p *Provider) Start(ctx context.Context, c cluster.Candidate, progress func(string)) (cluster.Candidate, error) {
	if _, err := p.StartNodes(ctx, c, progress); err != nil {
		return c, err
	}
	return p.running(ctx, c)
}

// StartNodes implements cluster.Provider. The containers are asked for anew: c may be
// of a moment before one was stopped.
func (p *Provider) StartNodes(ctx context.Context, c cluster.Candidate, progress func(string)) (bool, error) {
	engine, err := p.detectEngine(ctx)
	if err != nil {
		return false, err
	}
	clusters, err := ps(ctx, p.runner, engine)
	if err != nil {
		return false, unusable(engine, err)
	}
	nodes := map[cluster.State][]string{}
	for _, k := range clusters {
		for _, n := range k.nodes {
			if k.name == c.Name {
				nodes[n.state] = append(nodes[n.state], n.name)
			}
		}
	}
	for _, step := range []struct {
		verb, doing string
		nodes       []string
	}{{"unpause", "unpausing", nodes[cluster.Paused]}, {"start", "starting", nodes[cluster.Stopped]}} {
		if len(step.nodes) == 0 {
			continue
		}
		progress(step.doing + " " + strings.Join(step.nodes, ", "))
		_, err := p.runner.Run(ctx, run.Command{Name: string(engine), Args: append([]string{step.verb}, step.nodes...)})
		if err != nil {
			return false, fmt.Errorf("%s the nodes of %s: %w", step.verb, c, err)
		}
	}
	return len(nodes[cluster.Paused])+len(nodes[cluster.Stopped]) > 0, nil
}
