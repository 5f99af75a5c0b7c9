package main

import (
	"context"
	"fmt"

	"hellox/bootstrap"
	"hellox/cmd/hellox/state"
)

// emptied returns the clusters that fit, that hellox made and that hold no
// installation any more: after a down, a down --cluster still deletes what up
// created. Each is given as an installation that is not there.
func (o *downOptions) emptied(ctx context.Context, sh shell) ([]state.Instance, error) {
	if o.target == targetLocal {
		return nil, nil
	}
	running, err := runningClusters(ctx, sh, o.selection)
	if err != nil {
		return nil, err
	}
	namespace := o.namespace
	if namespace == "" {
		namespace = "hellox"
	}
	var all []state.Instance
	for _, found := range running {
		cluster, err := found.Connect(ctx)
		if err != nil {
			return nil, err
		}
		made, err := bootstrap.Made(ctx, cluster.REST)
		if err != nil {
			return nil, fmt.Errorf("look into %s: %w", found, err)
		}
		if made {
			all = append(all, state.Instance{Installation: state.Installation{Target: string(found.Target), Profile: found.Profile, Namespace: namespace}})
		}
	}
	return all, nil
}
