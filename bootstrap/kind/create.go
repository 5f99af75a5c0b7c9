package kind

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	kindcluster "sigs.k8s.io/kind/pkg/cluster"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// Create implements cluster.Provider. The kubeconfig's current context is restored
// whether it succeeds or not.
func (p *Provider) Create(ctx context.Context, c cluster.Candidate, progress func(string)) (cluster.Candidate, error) {
	restore, err := cluster.KubeconfigOf(p.runner).KeepContext()
	if err != nil {
		return c, err
	}
	marker, err := cluster.BeginCreation(p.stateDir, c)
	if err != nil {
		return c, err
	}
	if c.State == cluster.Interrupted {
		progress("deleting what was left of " + c.String())
		if err := p.deleteCluster(ctx, c.Name); err != nil {
			return c, errors.Join(fmt.Errorf("delete what was left of %s: %w", c, err), marker.Leave())
		}
	}
	progress("creating " + c.String())
	if err := p.createCluster(ctx, c, progress); err != nil {
		if errors.Is(err, ErrTaken) {
			return c, errors.Join(err, marker.Remove()) // another process created it
		}
		if left := p.removeNodes(ctx, c); left != nil {
			return c, errors.Join(err, restore(), marker.Leave())
		}
		return c, errors.Join(err, restore(), marker.Remove())
	}
	if err := errors.Join(restore(), marker.Remove()); err != nil {
		return c, err
	}
	return p.running(ctx, c)
}

// ErrTaken is the error of a cluster that appeared since Find looked for it.
var ErrTaken = errors.New("another process has just created one of that name")

// createCluster creates the cluster. The library cannot be cancelled: when the
// context ends, its containers are removed, on which it fails.
func (p *Provider) createCluster(ctx context.Context, c cluster.Candidate, progress func(string)) error {
	options := []kindcluster.CreateOption{
		kindcluster.CreateWithWaitForReady(0), // waitForNodes waits, for every node
		kindcluster.CreateWithDisplayUsage(false),
		kindcluster.CreateWithDisplaySalutation(false),
	}
	if p.nodeImage != "" {
		options = append(options, kindcluster.CreateWithNodeImage(p.nodeImage))
	}
	// What the library logs after this function has returned is dropped.
	var mu sync.Mutex
	returned := false
	defer func() {
		mu.Lock()
		defer mu.Unlock()
		returned = true
	}()
	log := func(step string) {
		mu.Lock()
		defer mu.Unlock()
		if !returned {
			progress(step)
		}
	}
	created := make(chan error, 1)
	go func() {
		created <- p.withLibrary(ctx, log, func(l *kindcluster.Provider) error { return l.Create(c.Name, options...) })
	}()
	select {
	case err := <-created:
		if err == nil || ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if strings.Contains(err.Error(), "already exist for a cluster with the name") {
			return &step.Error{Kind: step.Failed, Sentence: "create " + c.String(), Hint: "hellox up takes that one", Err: ErrTaken}
		}
		return &step.Error{
			Kind:     step.Failed,
			Sentence: "create " + c.String(),
			Hint:     hint(err, p.nodeImage),
			Err:      err,
		}
	case <-ctx.Done():
	}
	// A container may be starting just now, so this is done more than once.
	deadline := time.After(1500 * time.Millisecond)
	for {
		_ = p.removeNodes(ctx, c) // Create sees whether all went
		select {
		case <-created:
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		case <-deadline:
			// It most likely pulls an image. It ends with this process, and
			// the next `up` finds what it left.
			return context.Cause(ctx)
		}
	}
}

// hint returns what to do about the most common causes.
func hint(err error, image string) string {
	if strings.Contains(err.Error(), "pull") || strings.Contains(err.Error(), "No such image") {
		if image == "" {
			return "kind's node image comes from a registry; --node-image names one that is here"
		}
		return "docker image ls shows what --node-image can name"
	}
	return "kind create cluster --retain, then kind export logs, shows more"
}

// removeNodes removes the cluster's containers, also when the context has
// ended, in which case it has a second.
func (p *Provider) removeNodes(ctx context.Context, c cluster.Candidate) error {
	limit := 30 * time.Second
	if ctx.Err() != nil {
		limit = time.Second
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	engine, err := p.detectEngine(ctx)
	if err != nil {
		return err
	}
	clusters, err := ps(ctx, p.runner, engine)
	if err != nil {
		return err
	}
	args := []string{"rm", "-f", "-v"}
	for _, k := range clusters {
		if k.name != c.Name {
			continue
		}
		for _, n := range k.nodes {
			args = append(args, n.name)
		}
		_, err = p.runner.Run(ctx, run.Command{Name: string(engine), Args: args})
	}
	return err
}
