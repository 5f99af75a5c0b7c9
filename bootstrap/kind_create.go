package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/kind/pkg/cluster"

	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// Create implements Provider. The kubeconfig's current context is restored
// whether it succeeds or not.
func (p *kindProvider) Create(ctx context.Context, c Candidate, progress func(string)) (Candidate, error) {
	restore, err := kubeconfigFilesOf(p.runner).keepContext()
	if err != nil {
		return c, err
	}
	marker, err := beginCreation(p.stateDir, c)
	if err != nil {
		return c, err
	}
	if c.State == Interrupted {
		progress("deleting what was left of " + c.String())
		if err := p.deleteCluster(ctx, c.Name); err != nil {
			return c, errors.Join(fmt.Errorf("delete what was left of %s: %w", c, err), marker.leave())
		}
	}
	progress("making " + c.String())
	if err := p.createCluster(ctx, c, progress); err != nil {
		if errors.Is(err, errTaken) {
			return c, errors.Join(err, marker.remove()) // it is not ours to remove
		}
		if left := p.removeNodes(ctx, c); left != nil {
			return c, errors.Join(err, restore(), marker.leave())
		}
		return c, errors.Join(err, restore(), marker.remove())
	}
	if err := errors.Join(restore(), marker.remove()); err != nil {
		return c, err
	}
	return p.running(ctx, c)
}

// errTaken is a cluster of that name that appeared since it was looked for.
var errTaken = errors.New("somebody else just made one of that name")

// createCluster creates the cluster. The library cannot be cancelled: when the
// context ends, its containers are removed, on which it fails.
func (p *kindProvider) createCluster(ctx context.Context, c Candidate, progress func(string)) error {
	options := []cluster.CreateOption{
		cluster.CreateWithWaitForReady(0), // waitForNodes waits, for every node
		cluster.CreateWithDisplayUsage(false),
		cluster.CreateWithDisplaySalutation(false),
	}
	if p.nodeImage != "" {
		options = append(options, cluster.CreateWithNodeImage(p.nodeImage))
	}
	// What it says after we have left, nobody listens to.
	var mu sync.Mutex
	left := false
	defer func() {
		mu.Lock()
		defer mu.Unlock()
		left = true
	}()
	say := func(step string) {
		mu.Lock()
		defer mu.Unlock()
		if !left {
			progress(step)
		}
	}
	made := make(chan error, 1)
	go func() {
		made <- p.withLibrary(ctx, say, func(l *cluster.Provider) error { return l.Create(c.Name, options...) })
	}()
	select {
	case err := <-made:
		if err == nil || ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if strings.Contains(err.Error(), "already exist for a cluster with the name") {
			return &step.Error{Kind: step.Failed, Sentence: "make " + c.String(), Hint: "hellox up takes that one", Err: errTaken}
		}
		return &step.Error{
			Kind:     step.Failed,
			Sentence: "make " + c.String(),
			Hint:     kindHint(err, p.nodeImage),
			Err:      err,
		}
	case <-ctx.Done():
	}
	// A container may just be on its way: more than once.
	deadline := time.After(1500 * time.Millisecond)
	for {
		_ = p.removeNodes(ctx, c) // Create sees whether all went
		select {
		case <-made:
			return context.Cause(ctx)
		case <-time.After(100 * time.Millisecond):
		case <-deadline:
			// It pulls an image, most likely. It ends with this process,
			// and the next `up` finds what it left.
			return context.Cause(ctx)
		}
	}
}

// kindHint is what to do about the commonest reason.
func kindHint(err error, image string) string {
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
func (p *kindProvider) removeNodes(ctx context.Context, c Candidate) error {
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
	clusters, err := psKind(ctx, p.runner, engine)
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
