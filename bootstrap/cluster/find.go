package cluster

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"hellox/bootstrap/run"
)

// FindOptions configures Find.
type FindOptions struct {
	Target  Target // Auto, Local, or a provider's
	Profile string // minikube profile or kind cluster; "": the best one
}

// Find selects a target. With Auto, what runs comes before what must be
// started or created, in the order of the providers, and Local is last. The
// error is a *step.Error: Ambiguous if several clusters are equally good, Missing
// if what was asked for is not there, or cannot be used.
func Find(ctx context.Context, providers []Provider, o FindOptions) (Found, error) {
	if o.Target == Local {
		return Found{Target: Local, Why: "as asked for"}, nil
	}
	all, err := discover(ctx, providers, o.Target, func(c Candidate) bool {
		return c.State == Running && (c.Preference > 0 && o.Profile == "" || c.Name == o.Profile)
	})
	if err != nil {
		return Found{}, err
	}
	return selectTarget(o, all)
}

// ListRunning returns all local clusters that run. A provider that is not
// installed or cannot be used has none. unanswered holds an error for each question
// that no program answered: it may have more.
func ListRunning(ctx context.Context, providers []Provider, o FindOptions) (running []Found, unanswered []error, err error) {
	if o.Target == Local {
		return nil, nil, nil
	}
	all, err := discover(ctx, providers, o.Target, nil)
	if err != nil {
		return nil, nil, err
	}
	noAnswer := func(err error) {
		if _, ok := errors.AsType[run.NoAnswer](err); ok {
			unanswered = append(unanswered, err)
		}
	}
	for _, d := range all {
		noAnswer(d.err)
		for _, c := range d.candidates {
			switch {
			case o.Profile != "" && o.Profile != c.Name:
			case c.State == Running:
				running = append(running, d.found(c, Running.why()))
			case c.Err != nil:
				noAnswer(c.Err)
			}
		}
	}
	return running, unanswered, nil
}

// discovered is what one provider has.
type discovered struct {
	provider   Provider
	info       Info
	candidates []Candidate
	err        error // why the provider cannot list its clusters
}

func (d discovered) found(c Candidate, why string) Found {
	return Found{Target: c.Target, Profile: c.Name, State: c.State, Why: why, candidate: c, provider: d.provider}
}

// discover asks all providers of the target at once, as each takes the time of
// some processes. enough is as in Provider.List.
func discover(ctx context.Context, providers []Provider, target Target, enough func(Candidate) bool) ([]discovered, error) {
	var all []discovered
	for _, p := range providers {
		if info := p.Info(); target == Auto || target == info.Target {
			all = append(all, discovered{provider: p, info: info})
		}
	}
	group, gctx := errgroup.WithContext(ctx)
	for i := range all {
		group.Go(func() error {
			all[i].candidates, all[i].err = all[i].provider.List(gctx, enough)
			return gctx.Err()
		})
	}
	if group.Wait() != nil {
		return nil, context.Cause(ctx)
	}
	return all, nil
}
