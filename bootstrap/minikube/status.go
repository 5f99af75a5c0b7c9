package minikube

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"hellox/bootstrap/cluster"
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

// parseStatus reads it. There are four forms: an object for one node, an
// array for several, the word null if the profile's containers are gone (an
// empty slice is returned), and events if it has no such profile. What exit
// code goes with which form has changed several times.
func parseStatus(stdout string) ([]nodeStatus, error) {
	stdout = strings.TrimSpace(stdout)
	switch {
	case stdout == "":
		return nil, errors.New("it says nothing")
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

// stateOf says what the status means for us.
func (m *Provider) stateOf(p profile, nodes []nodeStatus) (cluster.State, *step.Error) {
	if len(nodes) == 0 {
		return cluster.Gone, nil
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
		return cluster.Stopped, nil // its host is there and nothing on it: a start sets it right
	}
	// It says that all is well, and its API server did not answer us.
	config, err := cluster.KubeconfigOf(m.runner).Load(true)
	if err == nil {
		err = p.proven(config)
	}
	if unsafe := (*step.Error)(nil); errors.As(err, &unsafe) {
		return cluster.Broken, unsafe
	}
	return cluster.Running, nil
}

// misconfigured explains a profile that runs and is not, or not rightly, in
// the kubeconfig.
func (m *Provider) misconfigured(p profile) *step.Error {
	e := &step.Error{
		Kind:     step.Missing,
		Sentence: fmt.Sprintf("minikube profile %q runs, and the kubeconfig has another address for it", p.Name),
		Hint:     "minikube update-context -p " + p.Name,
	}
	config, err := cluster.KubeconfigOf(m.runner).Load(true)
	if err != nil {
		e.Sentence, e.Err = fmt.Sprintf("the kubeconfig's entry for minikube profile %q cannot be read", p.Name), err
		return e
	}
	if _, there := config.Contexts[p.Name]; !there {
		// Another start would say that it succeeded, and leave a node that
		// never gets ready.
		e.Sentence = fmt.Sprintf("minikube profile %q is half made: its start was interrupted or failed", p.Name)
		e.Hint = "minikube delete -p " + p.Name
	}
	return e
}

// proven says whether the kubeconfig's entry of the profile's name is
// minikube's and leads to the profile's own node. An *step.Error of kind Unsafe
// says that it leads elsewhere.
func (p profile) proven(config *clientcmdapi.Config) error {
	host, port, entry, err := cluster.Server(config, p.Name)
	if err != nil {
		return err
	}
	if !madeByMinikube(entry) {
		return cluster.NotLocal(p.candidate(), fmt.Sprintf("the kubeconfig's context %q is not minikube's", p.Name))
	}
	// With a container driver on macOS or Windows the node's address cannot
	// be reached, and a port of the loopback stands for it.
	if cluster.IsLoopback(host) {
		return nil
	}
	for _, n := range p.Config.Nodes {
		if n.ControlPlane && n.IP == host && n.Port == port && cluster.IsPrivate(host) {
			return nil
		}
	}
	return cluster.NotLocal(p.candidate(), fmt.Sprintf("the kubeconfig sends it to %s, where no node of the profile is", net.JoinHostPort(host, strconv.Itoa(port))))
}

// madeByMinikube says whether minikube marked the kubeconfig's cluster as
// its own.
func madeByMinikube(entry *clientcmdapi.Cluster) bool {
	for _, extension := range entry.Extensions {
		raw, ok := extension.(*runtime.Unknown)
		if !ok {
			continue
		}
		var info struct{ Provider string }
		if json.Unmarshal(raw.Raw, &info) == nil && info.Provider == "minikube.sigs.k8s.io" {
			return true
		}
	}
	return false
}
