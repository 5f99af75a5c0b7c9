package cluster

import (
	"context"
	"sync"

	"k8s.io/client-go/rest"
)

// Remember returns providers whose clusters are listed and connected to once: what is
// asked about several installations, or twice about one, takes the time of one answer.
// They are for commands that start nothing.
func Remember(providers []Provider) []Provider {
	all := make([]Provider, len(providers))
	for i, p := range providers {
		all[i] = &remembered{Provider: p, connected: make(map[string]*connection)}
	}
	return all
}

// A remembered is a Provider that asks each of its questions once.
type remembered struct {
	Provider

	listing sync.Mutex // held while the list is asked for
	asked   bool
	list    []Candidate
	err     error

	mu        sync.Mutex
	connected map[string]*connection // by the cluster's name
}

// A connection is what Connect returned for a cluster.
type connection struct {
	sync.Mutex // held while it is asked for
	asked      bool
	config     *rest.Config
	err        error
}

// List implements Provider. All states are determined, whatever is enough: another
// question may be about them.
func (r *remembered) List(ctx context.Context, _ func(Candidate) bool) ([]Candidate, error) {
	r.listing.Lock()
	defer r.listing.Unlock()
	if r.asked {
		return r.list, r.err
	}
	list, err := r.Provider.List(ctx, nil)
	if ctx.Err() != nil {
		return list, err // another question may have more time
	}
	r.asked, r.list, r.err = true, list, err
	return list, err
}

// EngineSettings implements Containerized, as its Provider does.
func (r *remembered) EngineSettings(ctx context.Context, c Candidate) string {
	if p, ok := r.Provider.(Containerized); ok {
		return p.EngineSettings(ctx, c)
	}
	return ""
}

// Connect implements Provider.
func (r *remembered) Connect(ctx context.Context, c Candidate) (*rest.Config, error) {
	r.mu.Lock()
	known, ok := r.connected[c.Name]
	if !ok {
		known = new(connection)
		r.connected[c.Name] = known
	}
	r.mu.Unlock()
	known.Lock()
	defer known.Unlock()
	if !known.asked {
		known.config, known.err = r.Provider.Connect(ctx, c)
		known.asked = ctx.Err() == nil
	}
	return known.config, known.err
}
