package minikube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/engine"
	"hellox/bootstrap/step"
)

// A nodeStatus is one node in what `minikube status -o json` prints.
type nodeStatus struct {
	Name       string
	Host       string // "Running", "Stopped", "InsufficientStorage", …
	Kubelet    string
	APIServer  string // "Running", "Paused", "Stopped", "Irrelevant" on a worker
	Kubeconfig string // "Configured", "Misconfigured", "Irrelevant" on a worker
	Worker     bool
}

// parseStatus parses what `minikube status -o json` prints. There are four forms:
// an object for one node, an array for several, null if the profile's containers
// are gone (an empty slice is returned), and events if there is no such profile.
// Their exit codes have changed several times.
func parseStatus(stdout string) ([]nodeStatus, error) {
	stdout = strings.TrimSpace(stdout)
	switch {
	case stdout == "":
		return nil, errors.New("its answer is empty")
	case stdout == "null":
		return []nodeStatus{}, nil
	case strings.HasPrefix(stdout, "["):
		var nodes []nodeStatus
		if err := json.Unmarshal([]byte(stdout), &nodes); err != nil {
			return nil, errors.New("its answer is not JSON")
		}
		return nodes, nil
	}
	if events := parseEvents(stdout); len(events) > 0 {
		return nil, errors.New(events[0].Data.Message)
	}
	var node nodeStatus
	if err := json.Unmarshal([]byte(stdout), &node); err != nil || node.Host == "" {
		return nil, errors.New("its answer is not JSON")
	}
	return []nodeStatus{node}, nil
}

// withoutNodes returns the state of a profile of which minikube finds no node, and
// wrote stderr. It says the same of an engine that does not run, whose containers
// are all there.
func (p profile) withoutNodes(stderr string) (cluster.State, *step.Error) {
	if e := engine.Failure(p.Config.Driver, stderr); e != nil {
		e.Sentence = fmt.Sprintf("minikube profile %q cannot be asked: %s", p.Name, e.Sentence)
		return cluster.Broken, e
	}
	// A start would find the configuration that is left and no node's files, and
	// wait 6 minutes for an API server that never comes (minikube 1.38).
	machine := "machine"
	if p.inContainers() {
		machine = "container"
	}
	return cluster.Gone, &step.Error{
		Kind:     step.Missing,
		Sentence: fmt.Sprintf("minikube profile %q is there, and its %s was removed", p.Name, machine),
		Hint:     "minikube delete -p " + p.Name + ", then " + p.candidate().UpCommand() + " creates it anew",
	}
}

// EngineSettings implements cluster.Containerized.
func (m *Provider) EngineSettings(_ context.Context, c cluster.Candidate) string {
	if p, ok := c.Detail.(profile); ok && p.inContainers() {
		return engine.Settings(m.runner, p.Config.Driver)
	}
	return ""
}

// stateOf returns the state of the profile whose nodes have that status. stderr is
// what minikube wrote beside it.
func (m *Provider) stateOf(ctx context.Context, p profile, nodes []nodeStatus, stderr string) (cluster.State, *step.Error) {
	if len(nodes) == 0 {
		return p.withoutNodes(stderr)
	}
	any := func(is func(nodeStatus) bool) bool { return slices.ContainsFunc(nodes, is) }
	switch {
	case any(func(n nodeStatus) bool { return n.Host == "InsufficientStorage" }):
		return cluster.Broken, &step.Error{
			Kind:     step.Missing,
			Sentence: fmt.Sprintf("the disk of minikube profile %q is full", p.Name),
			Hint:     fmt.Sprintf("minikube ssh -p %s -- sudo crictl rmi --prune", p.Name),
		}
	case any(func(n nodeStatus) bool { return n.Host != "Running" }):
		return cluster.Stopped, nil
	case any(func(n nodeStatus) bool { return n.APIServer == "Paused" }):
		return cluster.Paused, nil
	case any(func(n nodeStatus) bool { return n.Kubeconfig == "Misconfigured" }):
		return cluster.Broken, m.misconfigured(p)
	case any(func(n nodeStatus) bool {
		return n.Kubelet != "Running" || n.APIServer == "Stopped" || n.APIServer == "Error"
	}):
		return cluster.Stopped, nil // the host runs without Kubernetes: a start repairs that
	}
	// minikube reports no problem, and the API server did not answer.
	config, err := cluster.LoadKubeconfig(m.runner)
	if err == nil {
		err = p.proven(ctx, m.runner, config)
	}
	if unsafe := (*step.Error)(nil); errors.As(err, &unsafe) {
		return cluster.Broken, unsafe
	}
	return cluster.Running, nil
}

// misconfigured returns the error of a profile that runs and whose entry in the
// kubeconfig is missing or wrong.
func (m *Provider) misconfigured(p profile) *step.Error {
	e := &step.Error{
		Kind:     step.Missing,
		Sentence: fmt.Sprintf("minikube profile %q runs, and the kubeconfig has another address for it", p.Name),
		Hint:     "minikube update-context -p " + p.Name,
	}
	config, err := cluster.LoadKubeconfig(m.runner)
	if err != nil {
		e.Sentence, e.Err = fmt.Sprintf("the kubeconfig's entry for minikube profile %q cannot be read", p.Name), err
		return e
	}
	if _, there := config.Contexts[p.Name]; !there {
		// Another start would report success and leave a node that never
		// becomes ready.
		e.Sentence = fmt.Sprintf("minikube profile %q is incomplete: its start was interrupted or failed", p.Name)
		e.Hint = "minikube delete -p " + p.Name
	}
	return e
}
