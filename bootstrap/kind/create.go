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

// Create implements cluster.Provider.
func (p *Provider) Create(ctx context.Context, c cluster.Candidate, progress func(string)) (cluster.Candidate, error) {
	c.Context = contextOf(c.Name)
	if err := cluster.Taken(p.runner, c); err != nil {
		return c, err
	}
	deleteLeft := func() error {
		progress("deleting what was left of " + c.String())
		return p.deleteCluster(ctx, c.Name)
	}
	err := cluster.Create(p.runner, p.stateDir, c, deleteLeft, func() (clean bool, err error) {
		progress("creating " + c.String())
		err = p.createCluster(ctx, c, progress)
		if err == nil || errors.Is(err, ErrTaken) { // another process created it
			return true, err
		}
		return p.removeNodes(ctx, c) == nil, err
	})
	if err != nil {
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
		return p.createError(c, err)
	case <-ctx.Done():
		p.abort(ctx, c, created)
		return context.Cause(ctx)
	}
}

// abort removes the cluster's containers until the library has failed on that.
func (p *Provider) abort(ctx context.Context, c cluster.Candidate, created <-chan error) {
	// If the library pulls an image, it does not end so soon. It ends with
	// this process, and the next `up` finds what it left.
	deadline := time.After(1500 * time.Millisecond)
	for {
		// A container may be starting just now, so this is done more than
		// once. Create checks whether all are gone.
		_ = p.removeNodes(ctx, c)
		select {
		case <-created:
			return
		case <-time.After(100 * time.Millisecond):
		case <-deadline:
			return
		}
	}
}

// createError returns what is said of a creation that failed, and what to do about the
// most common causes.
func (p *Provider) createError(c cluster.Candidate, err error) error {
	e := &step.Error{
		Kind: step.Failed, Sentence: "create " + c.String(), Err: err,
		Hint: "kind create cluster --retain, then kind export logs, shows more",
	}
	if pull := (pullError{}); errors.As(err, &pull) {
		e.Kind = step.Missing
		e.Hint = fmt.Sprintf("%s pull %s where the network allows it, or --node-image REF: %[1]s image ls lists what is here", p.engine, pull.image)
	}
	if strings.Contains(err.Error(), "already exist for a cluster with the name") {
		e.Hint, e.Err = "the same hellox up again takes that one", ErrTaken
	}
	return e
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

// CheckNodeImage returns why a cluster that exists cannot have the node image ref:
// its nodes were created from another one.
func (p *Provider) CheckNodeImage(ctx context.Context, c cluster.Candidate, ref string) error {
	engine, err := p.detectEngine(ctx)
	if err != nil {
		return err
	}
	inspect := func(args ...string) (string, error) {
		out, err := p.runner.Run(ctx, run.Command{Name: string(engine), Args: args})
		return strings.TrimSpace(out.Stdout), err
	}
	for _, n := range c.Detail.(engineCluster).nodes {
		if strings.HasSuffix(n.name, "-external-load-balancer") {
			continue
		}
		out, err := inspect("inspect", "--format", "{{.Config.Image}} {{.Image}}", n.name)
		if err != nil {
			return fmt.Errorf("read the node image of %s: %w", c, err)
		}
		has, id, _ := strings.Cut(out, " ")
		if has == ref {
			continue
		}
		// The same image may have another name; one that is not there is another.
		if asked, err := inspect("image", "inspect", "--format", "{{.Id}}", ref); err == nil && asked == id {
			continue
		}
		return &step.Error{
			Kind:     step.Ambiguous,
			Sentence: fmt.Sprintf("--node-image %s is for a cluster that up creates: %s exists, with the node image %s", ref, c, has),
			Hint:     "hellox up --target kind --profile NAME --node-image " + ref + " creates another",
		}
	}
	return nil
}
