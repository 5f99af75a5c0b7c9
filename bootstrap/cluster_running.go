package bootstrap

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// RunningClusters returns every local cluster that runs and that the options'
// target and profile fit, minikube's first. A tool that is not installed, or
// that cannot be asked, has none.
func RunningClusters(ctx context.Context, o FindOptions) ([]Found, error) {
	var s seen
	group, gctx := errgroup.WithContext(ctx)
	if o.Target == Auto || o.Target == Minikube {
		group.Go(func() error {
			s.profiles, s.minikube = listMinikube(gctx, o)
			return gctx.Err()
		})
	}
	if o.Target == Auto || o.Target == Kind {
		group.Go(func() error {
			s.engine, s.clusters, s.kind = listKind(gctx, o)
			return gctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, context.Cause(ctx)
	}
	var running []Found
	for _, p := range s.profiles {
		if p.state == Running && (o.Profile == "" || o.Profile == p.Name) {
			running = append(running, Found{Target: Minikube, Profile: p.Name, State: Running, Why: Running.why(), options: o, minikube: &p})
		}
	}
	for _, c := range s.clusters {
		if c.state == Running && (o.Profile == "" || o.Profile == c.name) {
			running = append(running, Found{Target: Kind, Profile: c.name, State: Running, Why: Running.why(), options: o, kind: &c, engine: s.engine})
		}
	}
	return running, nil
}
