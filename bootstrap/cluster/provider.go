package cluster

import (
	"context"

	"k8s.io/client-go/rest"
)

// A Target is what hellox runs on: Auto, Local, or the target of a Provider.
type Target string

// The targets that belong to no Provider.
const (
	Auto  Target = "auto"  // whichever Find selects
	Local Target = "local" // this process, without a cluster
)

// Provider finds and manages local clusters of one kind.
type Provider interface {
	// Info returns what holds for all clusters of the provider.
	Info() Info
	// List returns the clusters that exist, running or not, by name. Once
	// enough reports true for one of them, the states of the others need not
	// be determined. A nil enough asks for all.
	List(ctx context.Context, enough func(Candidate) bool) ([]Candidate, error)
	// Create creates c, whose state is Absent or Interrupted, and returns it
	// as it runs. What is left of an interrupted creation is deleted first.
	// A cluster whose creation fails or is interrupted is deleted.
	Create(ctx context.Context, c Candidate, progress func(string)) (Candidate, error)
	// Start starts c, which is paused or stopped, and returns it as it runs. Its nodes need not be ready yet.
	Start(ctx context.Context, c Candidate, progress func(string)) (Candidate, error)
	// StartNodes starts the stopped nodes of c, which runs, and reports
	// whether there were any.
	StartNodes(ctx context.Context, c Candidate, progress func(string)) (bool, error)
	// Connect returns a client configuration for c, which runs. The error is
	// a *step.Error of kind Unsafe unless the API server is proven to be that
	// local cluster.
	Connect(ctx context.Context, c Candidate) (*rest.Config, error)
	// Images gives access to the image stores of c's nodes. runtime is their
	// container runtime: "containerd", "docker" or "cri-o".
	Images(ctx context.Context, c Candidate, runtime string) (NodeImages, error)
	// Delete deletes c and its entry in the kubeconfig. It is no error if
	// there is no such cluster.
	Delete(ctx context.Context, c Candidate) error
}

// Info is what holds for all clusters of a Provider.
type Info struct {
	Target Target // "kind"
	Unit   string // what the provider calls a cluster: "cluster", "profile"
	// DefaultName is the name of a cluster that is created if none is given.
	DefaultName string
	// ContextPrefix and the cluster's name are its context in the user's kubeconfig.
	ContextPrefix string
	// Installed reports whether the provider's own command is installed.
	// Without it Auto does not select a cluster that must be created.
	Installed bool
}

// noun names one of the provider's clusters in a sentence: "kind cluster".
func (i Info) noun() string { return string(i.Target) + " " + i.Unit }
