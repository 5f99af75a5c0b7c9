package bootstrap

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// seen is all that there is to choose from.
type seen struct {
	profiles  []minikubeProfile
	minikube  error // why there is no minikube to ask; nil if there is
	clusters  []kindCluster
	engine    containerEngine
	kind      error // why there is no engine to ask; nil if there is
	installed bool  // the kind command is
}

// see asks minikube and kind at once, as each costs some processes. If not
// all is wanted, the state of other profiles is not waited for once the one
// that Find would take is seen to run.
func see(ctx context.Context, o FindOptions, all bool) (seen, error) {
	var s seen
	group, gctx := errgroup.WithContext(ctx)
	if o.Target != Kind {
		group.Go(func() error {
			s.profiles, s.minikube = listMinikube(gctx, o, all)
			return gctx.Err()
		})
	}
	if o.Target != Minikube {
		group.Go(func() error {
			s.engine, s.clusters, s.kind = listKind(gctx, o)
			_, s.installed = o.Runner.Look("kind")
			return gctx.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return s, context.Cause(ctx)
	}
	return s, nil
}

// RunningClusters are all the local clusters that run, for whoever looks for
// installations and does not know where. A program that is missing or does
// not answer has none.
func RunningClusters(ctx context.Context, o FindOptions) ([]Found, error) {
	if o.Target == Local {
		return nil, nil
	}
	s, err := see(ctx, o, true)
	if err != nil {
		return nil, err
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
