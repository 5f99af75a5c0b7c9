package bootstrap

import (
	"context"
	"fmt"
	"time"
)

// FindOptions say what cluster is wanted, and how to look.
type FindOptions struct {
	Target    Target // Auto, Minikube, Kind or Local
	Profile   string // minikube profile or kind cluster; "": the best one
	NodeImage string // for a kind cluster that must be made; "": kind's own
	Runner    *Runner
	// StateDir and CacheDir are our folders for what must be kept and for
	// what may vanish.
	StateDir, CacheDir string
	// Patience is how long nodes may take to get ready. 0 is 30 s where
	// the cluster runs already, and 3 min where it was started or made.
	Patience time.Duration
}

func (o FindOptions) patience(s State) time.Duration {
	switch {
	case o.Patience > 0:
		return o.Patience
	case s == Running:
		return 30 * time.Second
	}
	return 3 * time.Minute
}

// A State is how far a cluster is.
type State int

const (
	Running State = iota
	Paused
	Stopped // or some of its nodes are
	Gone    // the profile is there, its nodes were removed by hand
	CutOff  // its making was cut off, and can only be begun again
	Broken  // it cannot be used, for a reason that its owner must hear
	Absent  // to be made
)

// Found is the target that Find chose. It may yet have to be started or
// made: Ready does that.
type Found struct {
	Target  Target // Minikube, Kind or Local
	Profile string // minikube profile or kind cluster; "" for Local
	State   State
	Why     string // why this one, the end of a sentence: `it is running`

	options  FindOptions
	kind     *kindCluster     // if it is there
	engine   containerEngine  // of kind
	minikube *minikubeProfile // if it is there
}

// noun is what the target calls one of its clusters.
func (t Target) noun() string {
	if t == Minikube {
		return "minikube profile"
	}
	return string(t) + " cluster"
}

// thing names what was found: `kind cluster "hellox"`.
func (f Found) thing() string {
	if f.Target == Local {
		return "this machine, without a cluster"
	}
	return fmt.Sprintf("%s %q", f.Target.noun(), f.Profile)
}

// String says what was found and why, in one line.
func (f Found) String() string { return f.thing() + ": " + f.Why }

// Find chooses a target. With Auto, what runs comes before what must be
// started or made, and Local is last. The error is an *Error: Ambiguous if
// several clusters are equally good, Missing if what was asked for is not
// there, or cannot be used.
func Find(ctx context.Context, o FindOptions) (Found, error) {
	if o.Target == Local {
		return Found{Target: Local, Why: "it was asked for", options: o}, nil
	}
	s, err := see(ctx, o, false)
	if err != nil {
		return Found{}, err
	}
	f, err := choose(o, s)
	if err != nil {
		return Found{}, err
	}
	f.options = o
	return f, nil
}

// Ready returns the cluster once it runs, all its nodes are ready, and it is
// shown to be the local one that was found: a stopped one is started, an
// absent one made. What progress is called with is one line each. It is not
// for Local. A cluster whose making fails or is interrupted is deleted.
func (f Found) Ready(ctx context.Context, progress func(string)) (*Cluster, error) {
	if progress == nil {
		progress = func(string) {}
	}
	switch f.Target {
	case Kind:
		return f.readyKind(ctx, progress)
	case Minikube:
		return f.readyMinikube(ctx, progress)
	}
	return nil, fmt.Errorf("%s has no cluster", f.thing())
}

// Reach returns the cluster as it is, if it runs: nothing is started, and
// nodes need not be ready. It is for whoever only looks or clears up.
func (f Found) Reach(ctx context.Context) (*Cluster, error) {
	switch {
	case f.Target == Kind && f.State == Running:
		return f.reachKind(ctx)
	case f.Target == Minikube && f.State == Running:
		return f.reachMinikube(ctx)
	}
	return nil, &Error{Kind: Missing, Sentence: f.thing() + " is not running", Hint: "hellox up"}
}

// Delete deletes the whole cluster and its entry in the kubeconfig. One that
// is not there is fine.
func (f Found) Delete(ctx context.Context) error {
	var err error
	switch f.Target {
	case Kind:
		err = f.deleteKind(ctx)
	case Minikube:
		err = f.deleteMinikube(ctx)
	}
	if err != nil {
		return fmt.Errorf("delete %s: %w", f.thing(), err)
	}
	return nil
}
