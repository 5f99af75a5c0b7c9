package cluster

import (
	"context"
	"fmt"

	"k8s.io/client-go/rest"

	"hellox/bootstrap/kube"
)

// A Cluster is a local cluster that runs. Its API server is proven to be the
// one of its target and profile.
type Cluster struct {
	Target  Target // its provider's
	Profile string // minikube profile or kind cluster
	Context string // its context in the user's kubeconfig
	Version string // of Kubernetes: "v1.34.4"
	Runtime string // of its containers: "containerd", "docker", "cri-o"
	Arch    string // of its nodes, as GOARCH has it
	Nodes   []Node // by name, the control plane's first
	Created bool   // by the Found.Start that returned it
	// Started: it started some of the nodes, or all. Their runtimes may not answer
	// yet, though Kubernetes still calls them ready.
	Started bool
	// REST reaches its API server with the rights of its kubeconfig.
	REST kube.Config

	provider  Provider
	candidate Candidate
	images    func(ctx context.Context) (NodeImages, error) // memoized: it can take a second
}

func newCluster(p Provider, c Candidate, config *rest.Config, nodes []Node, created bool) (*Cluster, error) {
	cluster := &Cluster{
		Target: c.Target, Profile: c.Name, Context: c.Context, Created: created, REST: kube.Config{Config: config, Commands: c.Commands()},
		provider: p, candidate: c,
	}
	if err := cluster.setNodes(nodes); err != nil {
		return nil, err
	}
	cluster.images = memoized(func(ctx context.Context) (NodeImages, error) { return p.Images(ctx, c, cluster.Runtime) })
	return cluster, nil
}

// String names the cluster as a step of `up` does: `kind cluster "hellox" (1 node,
// v1.34.4)`.
func (c *Cluster) String() string {
	nodes := "1 node"
	if len(c.Nodes) != 1 {
		nodes = fmt.Sprintf("%d nodes", len(c.Nodes))
	}
	return fmt.Sprintf("%s (%s, %s)", c.candidate.short(), nodes, c.Version)
}

// Delete deletes the whole cluster and its entry in the kubeconfig.
func (c *Cluster) Delete(ctx context.Context) error {
	if err := c.provider.Delete(ctx, c.candidate); err != nil {
		return fmt.Errorf("delete %s: %w", c.candidate, err)
	}
	return nil
}
