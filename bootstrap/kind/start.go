package kind

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/step"
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
	book := addressBook{p.runner, engine, c}
	paused, stopped := nodes[cluster.Paused], nodes[cluster.Stopped]
	if len(paused) > 0 {
		progress("unpausing " + strings.Join(paused, ", "))
		if err := book.command(ctx, append([]string{"unpause"}, paused...)...); err != nil {
			return false, fmt.Errorf("unpause the nodes of %s: %w", c, err)
		}
	}
	if len(stopped) > 0 {
		progress("starting " + strings.Join(stopped, ", "))
		err := book.startInPlace(ctx, stopped)
		if e := (*step.Error)(nil); errors.As(err, &e) {
			return false, e
		}
		if err != nil {
			return false, fmt.Errorf("start the nodes of %s: %w", c, err)
		}
	}
	return len(paused)+len(stopped) > 0, nil
}

// Explain implements cluster.Explainer: a node may have another address than Kubernetes
// has for it.
func (p *Provider) Explain(ctx context.Context, c cluster.Candidate, nodes []cluster.Node) *step.Error {
	engine, err := p.detectEngine(ctx)
	if err != nil {
		return nil //nolint:nilerr // the error that is explained is told anyway
	}
	return addressBook{p.runner, engine, c}.explain(ctx, nodes)
}
