package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"hellox/bootstrap/step"
)

// A Node is one node of a cluster, as its API server describes it.
type Node struct {
	Name         string
	Arch         string // as GOARCH has it
	ControlPlane bool
	Address      string // its InternalIP; "" if it has none
	Ready        bool
	Why          string // why it is not ready, as Kubernetes says it
	// Pressure is what its kubelet is short of, as Kubernetes says it: disk, memory
	// or process IDs. Pods are evicted then.
	Pressure []string
	version  string
	runtime  string // "containerd://1.7.2"
}

// nodesLimit is how long an API server may take to list its nodes.
const nodesLimit = 5 * time.Second

// ListNodes asks the API server for its nodes. The control plane's come first,
// then by name. It gives up after 5 s, many times what a healthy API server on
// this machine takes.
// If there is no answer the error is a *SilentError.
func ListNodes(ctx context.Context, config *rest.Config) ([]Node, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, nodesLimit)
	defer cancel()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(config.Host, "/")+"/api/v1/nodes", nil)
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, silent(ctx, began, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, silent(ctx, began, err)
	}
	if res.StatusCode != http.StatusOK {
		var status struct{ Message string }
		_ = json.Unmarshal(body, &status) // a proxy may answer with something else
		return nil, errors.New(cmp.Or(status.Message, res.Status))
	}
	// The whole typed client would cost more at each start of hellox than
	// it saves here.
	var list corev1.NodeList
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("the API server's list of nodes: %w", err)
	}
	nodes := make([]Node, 0, len(list.Items))
	for _, n := range list.Items {
		nodes = append(nodes, newNode(n))
	}
	slices.SortFunc(nodes, func(a, b Node) int {
		if a.ControlPlane != b.ControlPlane {
			if a.ControlPlane {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return nodes, nil
}

func newNode(n corev1.Node) Node {
	node := Node{
		Name: n.Name, Arch: n.Status.NodeInfo.Architecture, Why: "its kubelet has not reported yet",
		version: n.Status.NodeInfo.KubeletVersion, runtime: n.Status.NodeInfo.ContainerRuntimeVersion,
	}
	_, node.ControlPlane = n.Labels["node-role.kubernetes.io/control-plane"]
	for _, a := range n.Status.Addresses {
		if a.Type == corev1.NodeInternalIP && node.Address == "" {
			node.Address = a.Address
		}
	}
	for _, c := range n.Status.Conditions {
		switch c.Type {
		case corev1.NodeDiskPressure, corev1.NodeMemoryPressure, corev1.NodePIDPressure:
			if c.Status == corev1.ConditionTrue {
				node.Pressure = append(node.Pressure, cmp.Or(c.Message, string(c.Type)))
			}
		}
		if c.Type != corev1.NodeReady {
			continue
		}
		node.Ready = c.Status == corev1.ConditionTrue
		node.Why = c.Message
	}
	if node.Ready {
		node.Why = ""
	}
	return node
}

// explainEvery is how often a cluster that is not ready is asked why it cannot become
// it. Twice the same answer ends the wait: nodes that just start are still moving.
const explainEvery = 3 * time.Second

// silentProgress is what a wait for nodes says while the API server gives no answer.
const silentProgress = "waiting for its API server, which does not answer"

// waitForNodes returns the nodes once there is one and all are ready. It asks
// every half second and gives up after timeout: a node whose start was
// interrupted never becomes ready. explain is as in Explainer. The error is that of the last
// question, also when ctx ends.
func waitForNodes(ctx context.Context, config *rest.Config, timeout time.Duration, explain func(context.Context, []Node) *step.Error, progress func(string)) ([]Node, error) {
	timedOut := time.After(timeout)
	explainAt, explained := time.Now().Add(explainEvery), ""
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for shown, last := "", error(nil); ; {
		nodes, err := ListNodes(ctx, config)
		_, unanswered := errors.AsType[*SilentError](err)
		if ctx.Err() != nil && last != nil && !unanswered { // cut short
			return nil, last
		}
		if err == nil && len(nodes) == 0 {
			err = errors.New("it has no nodes")
		}
		if i := slices.IndexFunc(nodes, func(n Node) bool { return !n.Ready }); err == nil && i >= 0 {
			err = fmt.Errorf("node %s is not ready: %s", nodes[i].Name, nodes[i].Why)
			if text := "waiting for node " + nodes[i].Name; text != shown {
				progress(text)
				shown = text
			}
		}
		if err == nil {
			return nodes, nil
		}
		if unanswered && shown != silentProgress {
			progress(silentProgress)
			shown = silentProgress
		}
		if time.Now().After(explainAt) {
			explainAt = time.Now().Add(explainEvery)
			why := explain(ctx, nodes)
			if why != nil && why.Error() == explained {
				return nil, why
			}
			if explained = ""; why != nil {
				explained = why.Error()
			}
		}
		last = err
		select {
		case <-tick.C:
		case <-timedOut:
			return nil, fmt.Errorf("after %s %w", timeout, err)
		case <-ctx.Done():
			return nil, err
		}
	}
}

// setNodes sets the fields that the nodes determine. There is one image for all
// nodes, so they must have the same architecture.
func (c *Cluster) setNodes(nodes []Node) error {
	c.Nodes = nodes
	first := nodes[0]
	c.Arch, c.Version = first.Arch, first.version
	c.Runtime, _, _ = strings.Cut(first.runtime, ":")
	for _, n := range nodes {
		if n.Arch != c.Arch {
			return &step.Error{
				Kind:     step.Failed,
				Sentence: fmt.Sprintf("%s has nodes of several architectures (%s is %s, %s is %s)", c.candidate, first.Name, first.Arch, n.Name, n.Arch),
				Hint:     "hellox up --target kind",
			}
		}
	}
	return nil
}

func allReady(nodes []Node) bool {
	return !slices.ContainsFunc(nodes, func(n Node) bool { return !n.Ready })
}
