package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/rest"

	"hellox/bootstrap/step"
)

// How long nodes may take to become ready: a cluster that runs already has
// ready nodes, one that was started or created waits for its images and
// network.
const (
	runningNodesTimeout = 30 * time.Second
	startedNodesTimeout = 3 * time.Minute
)

// Found is the target that Find selected. It may have to be started or
// created: Start does that.
type Found struct {
	Target  Target
	Profile string // minikube profile or kind cluster; "" for Local
	State   State
	Why     string // why this one, the end of a sentence: `it is running`
	// PassedOver says why clusters that come before this one were not selected, if it
	// must be started or created.
	PassedOver []*step.Error

	preferred    string // why it is preferred to others, as Candidate.PreferredWhy
	candidate    Candidate
	provider     Provider      // nil for Local
	nodesTimeout time.Duration // set by tests; 0: the constants above
}

// name names what was found: `kind cluster "hellox"`.
func (f Found) name() string {
	if f.provider == nil {
		return "this process, without a cluster"
	}
	return f.candidate.short()
}

// Outcome says in a few words what Start did to c, and why it was this cluster; "" if
// it was running, and is the only one.
func (f Found) Outcome(c *Cluster) string {
	did := ""
	switch {
	case c.Created:
		did = "created"
	case f.State == Paused:
		did = "unpaused"
	case f.State == Stopped:
		did = "started"
	case c.Started:
		did = "stopped nodes started"
	}
	if f.preferred != "" && did == "" {
		did = "which " + f.preferred
	}
	return did
}

// Unusable returns why what was found cannot be started: its nodes were removed. It
// returns nil if Start may be tried.
func (f Found) Unusable() error {
	if f.State == Gone {
		return f.candidate.Err
	}
	return nil
}

// Incomplete reports whether it runs without some of its nodes, which Start starts.
func (f Found) Incomplete() bool { return f.State == Running && len(f.candidate.Stopped) > 0 }

// String says what was found and why, in one line.
func (f Found) String() string { return f.name() + ": " + f.Why }

// Start returns the cluster once it runs, all its nodes are ready, and its API
// server is proven to be that local cluster's: a stopped one is started, an
// absent one created. progress is called with one line for each step; it may
// be nil. A cluster whose creation fails or is interrupted is deleted.
func (f Found) Start(ctx context.Context, progress func(string)) (*Cluster, error) {
	if f.provider == nil {
		return nil, fmt.Errorf("%s has no cluster", f.name())
	}
	if err := f.Unusable(); err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(string) {}
	}
	c, timeout, created := f.candidate, startedNodesTimeout, false
	var err error
	switch f.State {
	case Running:
		timeout = runningNodesTimeout
	case Absent, Interrupted:
		created = true
		c, err = f.provider.Create(ctx, c, progress)
	default:
		c, err = f.provider.Start(ctx, c, progress)
	}
	if err != nil {
		return nil, err
	}
	config, err := f.connect(ctx, c, timeout, progress)
	if err != nil {
		return nil, err
	}
	nodes, started, err := f.readyNodes(ctx, c, config, timeout, progress)
	if err != nil {
		return nil, err
	}
	ready, err := newCluster(f.provider, c, config, nodes, created)
	if err != nil {
		return nil, err
	}
	ready.Started = started || f.State != Running
	return ready, nil
}

// connect is Connect of the provider, which an API server that says nothing is asked for
// again: one that was started until timeout, one that runs once.
func (f Found) connect(ctx context.Context, c Candidate, timeout time.Duration, progress func(string)) (*rest.Config, error) {
	var last error
	for began := time.Now(); ; {
		config, err := f.provider.Connect(ctx, c)
		_, unanswered := errors.AsType[*SilentError](err)
		if ctx.Err() != nil && !unanswered && last != nil { // cut short
			return nil, UnansweredInTime(ctx, c, last)
		}
		if !unanswered || ctx.Err() != nil || time.Since(began) > timeout {
			return config, err
		}
		last = err
		progress(silentProgress)
		timeout = min(timeout, f.silence())
	}
}

// silence is how long an API server may say nothing.
func (f Found) silence() time.Duration {
	if f.State == Running {
		return nodesLimit + time.Second // it was asked twice
	}
	return startedNodesTimeout
}

// readyNodes returns the nodes once all are ready. A node may be stopped while
// its provider calls the cluster running: it is started.
func (f Found) readyNodes(ctx context.Context, c Candidate, config *rest.Config, timeout time.Duration, progress func(string)) (nodes []Node, started bool, err error) {
	nodes, err = ListNodes(ctx, config)
	if err == nil && len(nodes) > 0 && allReady(nodes) && len(c.Stopped) == 0 {
		return nodes, false, f.misled(ctx, c, nodes)
	}
	if err == nil {
		if started, err = f.provider.StartNodes(ctx, c, progress); err != nil {
			return nil, false, err
		}
		if started {
			timeout = startedNodesTimeout
		}
	}
	if f.nodesTimeout > 0 {
		timeout = f.nodesTimeout
	}
	nodes, err = waitForNodes(ctx, config, timeout, explainer(f.provider, c), progress)
	switch {
	case err == nil:
		return nodes, started, f.misled(ctx, c, nodes)
	case ctx.Err() != nil:
		return nodes, started, UnansweredInTime(ctx, c, err)
	case step.Is(err, step.Missing): // which says what helps
		return nil, started, err
	}
	return nil, started, NotReady(c, err)
}

// An Explainer is a Provider that knows why a cluster cannot become ready by itself.
type Explainer interface {
	// Explain returns what is wrong with c, which runs, and what helps; nil if nothing
	// is known to be. nodes is what its API server has; empty if it does not answer.
	Explain(ctx context.Context, c Candidate, nodes []Node) *step.Error
}

// explainer returns Explain for c; it knows nothing if p is no Explainer.
func explainer(p Provider, c Candidate) func(context.Context, []Node) *step.Error {
	return func(ctx context.Context, nodes []Node) *step.Error {
		if p, ok := p.(Explainer); ok {
			return p.Explain(ctx, c, nodes)
		}
		return nil
	}
}

// misled returns what is wrong with a cluster whose nodes are all called ready. One
// node that answers is where it says it is.
func (f Found) misled(ctx context.Context, c Candidate, nodes []Node) error {
	if len(nodes) > 1 {
		if e := explainer(f.provider, c)(ctx, nodes); e != nil {
			return e
		}
	}
	return nil
}

// NotReady returns the error of a cluster that runs and does not become usable. One that
// could not be asked is not known to be broken.
func NotReady(c Candidate, err error) *step.Error {
	if e := Unanswered(c, err); e != nil {
		return e
	}
	return &step.Error{
		Kind:     step.Missing,
		Sentence: c.String() + " runs and is not ready",
		Hint:     c.DeleteCommand + ", then " + c.UpCommand() + " creates a new one",
		Err:      err,
	}
}

// Connect returns the cluster as it is, if it runs: nothing is started, and
// nodes need not be ready.
func (f Found) Connect(ctx context.Context) (*Cluster, error) {
	if f.provider == nil || f.State != Running {
		return nil, &step.Error{Kind: step.Missing, Sentence: f.name() + " is not running", Hint: f.candidate.UpCommand()}
	}
	config, err := f.provider.Connect(ctx, f.candidate)
	if err != nil {
		return nil, err
	}
	nodes, err := ListNodes(ctx, config)
	if err == nil && len(nodes) == 0 {
		err = errors.New("it has no nodes")
	}
	if _, ok := errors.AsType[*SilentError](err); ok {
		return nil, UnansweredInTime(ctx, f.candidate, err)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", f.name(), err)
	}
	return newCluster(f.provider, f.candidate, config, nodes, false)
}

// A nodeImager is a Provider that creates clusters from a node image.
type nodeImager interface {
	// CheckNodeImage returns why a cluster that exists cannot have the node
	// image ref, or nil if it has it.
	CheckNodeImage(ctx context.Context, c Candidate, ref string) error
}

// CheckNodeImage returns why the node image ref, which was asked for, cannot
// apply to what was found: its provider knows none, or it exists with another.
func (f Found) CheckNodeImage(ctx context.Context, ref string) error {
	p, ok := f.provider.(nodeImager)
	switch {
	case !ok:
		return &step.Error{
			Kind:     step.Ambiguous,
			Sentence: fmt.Sprintf("--node-image is for kind, not for %s", f.name()),
			Hint:     "hellox up --target kind --node-image " + ref,
		}
	case f.State == Absent || f.State == Interrupted: // it will be created
		return nil
	}
	return p.CheckNodeImage(ctx, f.candidate, ref)
}
