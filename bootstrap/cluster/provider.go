package cluster

import (
	"context"
	"fmt"

	"k8s.io/client-go/rest"

	"hellox/bootstrap/step"
)

// A Target is what hellox runs on: Auto, Local, or the target of a Provider.
type Target string

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
	// Start starts c, which is paused, stopped or gone, and returns it as it
	// runs. Its nodes need not be ready yet.
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
	// Installed reports whether the provider's own command is installed.
	// Without it Auto does not select a cluster that must be created.
	Installed bool
}

// noun names one of the provider's clusters in a sentence: "kind cluster".
func (i Info) noun() string { return string(i.Target) + " " + i.Unit }

// A State is how far a cluster is.
type State int

const (
	Running     State = iota
	Paused            // its processes are frozen
	Stopped           // or some of its nodes are
	Gone              // the provider knows it, and its nodes were removed by hand
	Interrupted       // its creation was interrupted and can only begin again
	Broken            // it cannot be used; Candidate.Err says why
	Absent            // to be created
)

// why returns the reason that Find gives for a cluster in that state.
func (s State) why() string {
	return map[State]string{
		Running:     "it is running",
		Paused:      "it is paused and will be unpaused",
		Stopped:     "it is stopped and will be started",
		Gone:        "its nodes were removed and will be created again",
		Interrupted: "its creation was interrupted and will start again",
	}[s]
}

// A Candidate is one cluster that Find may select.
type Candidate struct {
	Target Target // of its provider
	Unit   string // as in Info
	Name   string // minikube profile or kind cluster
	State  State
	Err    *step.Error // why it cannot be used, if State is Broken
	// Preference decides between several clusters of a provider: the highest
	// is selected, if it is greater than 0.
	Preference int
	// PreferredWhy says why it is preferred, the end of a sentence: "is
	// minikube's active profile". It may be empty.
	PreferredWhy string
	Context      string // in the user's kubeconfig
	// DeleteCommand is what a person types to delete the cluster.
	DeleteCommand string
	// Detail is the provider's own; nothing else reads it.
	Detail any
}

// String names the cluster: `kind cluster "hellox"`.
func (c Candidate) String() string { return fmt.Sprintf("%s %s %q", c.Target, c.Unit, c.Name) }
