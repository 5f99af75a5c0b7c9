package cluster

import (
	"fmt"

	"hellox/bootstrap/kube"
	"hellox/bootstrap/step"
)

// A State is how far a cluster is.
type State int

// The states of a cluster.
const (
	Running     State = iota
	Paused            // its processes are frozen
	Stopped           // or a node without which it cannot run
	Gone              // the provider knows it, and its nodes were removed; Candidate.Err says what helps
	Interrupted       // its creation was interrupted and can only begin again
	Broken            // it cannot be used; Candidate.Err says why
	Absent            // to be created
)

// String returns the state as a word of a sentence: "stopped".
func (s State) String() string {
	return map[State]string{
		Running: "running", Paused: "paused", Stopped: "stopped", Gone: "gone",
		Interrupted: "incomplete", Broken: "broken", Absent: "absent",
	}[s]
}

// why returns the reason that Find gives for a cluster in that state.
func (s State) why() string {
	return map[State]string{
		Running:     "it is running",
		Paused:      "it is paused and will be unpaused",
		Stopped:     "it is stopped and will be started",
		Gone:        "its nodes were removed",
		Interrupted: "its creation was interrupted and will start again",
	}[s]
}

// A Candidate is one cluster that Find may select.
type Candidate struct {
	Target Target // of its provider
	Unit   string // as in Info
	Name   string // minikube profile or kind cluster
	State  State
	Err    *step.Error // why it cannot be used, if State is Broken or Gone
	// Preference decides between several clusters of a provider: the highest
	// is selected, if it is greater than 0.
	Preference int
	// PreferredWhy says why it is preferred, the end of a sentence: "is the
	// active one". It may be empty.
	PreferredWhy string
	Context      string // in the user's kubeconfig
	// Stopped names nodes that do not run though the cluster does, as far as its
	// provider knows without asking for it.
	Stopped []string
	// DeleteCommand is what a person types to delete the cluster.
	DeleteCommand string
	// RestartCommand is what a person types when its API server does not answer.
	RestartCommand string
	// Detail is the provider's own; nothing else reads it.
	Detail any
}

// longestName is how many characters of a cluster's name are shown in a line that has
// to fit on a terminal of 80 columns.
const longestName = 30

// String names the cluster: `kind cluster "hellox"`.
func (c Candidate) String() string { return fmt.Sprintf("%s %s %q", c.Target, c.Unit, c.Name) }

// short is String with the end of a long name left out.
func (c Candidate) short() string {
	if len(c.Name) > longestName {
		c.Name = c.Name[:longestName-1] + "…"
	}
	return c.String()
}

// UpCommand is what a person types to have c started, or created anew. Options of an up
// that are not c's are not known here.
func (c Candidate) UpCommand() string { return c.Commands().Hellox("up") }

// Commands words the hints about c.
func (c Candidate) Commands() kube.Commands {
	return kube.Commands{Context: c.Context, Target: string(c.Target), Profile: c.Name}
}
