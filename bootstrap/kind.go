package bootstrap

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"hellox/bootstrap/run"
)

// KindTarget is the target of kind's clusters.
const KindTarget Target = "kind"

// defaultKindCluster is the cluster that is created if none is named.
const defaultKindCluster = "hellox"

// KindOptions configures a provider of kind clusters.
type KindOptions struct {
	Runner    *run.Runner
	StateDir  string // of files that must be kept
	NodeImage string // of a cluster that is created; "": kind's own
}

// A kindProvider manages kind clusters with kind's library and the container
// engine's command.
type kindProvider struct {
	runner    *run.Runner
	stateDir  string
	nodeImage string

	mu     sync.Mutex
	engine containerEngine // "" until it is detected
}

// NewKind returns a provider of kind clusters.
func NewKind(o KindOptions) Provider {
	return &kindProvider{runner: o.Runner, stateDir: o.StateDir, nodeImage: o.NodeImage}
}

func (p *kindProvider) Info() ProviderInfo {
	name := p.runner.Getenv("KIND_CLUSTER_NAME")
	if name == "" {
		name = defaultKindCluster
	}
	_, installed := p.runner.Look("kind")
	return ProviderInfo{Target: KindTarget, Unit: "cluster", DefaultName: name, Installed: installed}
}

// candidate returns the cluster as Find sees it.
func (p *kindProvider) candidate(k kindCluster) Candidate {
	c := Candidate{
		Target: KindTarget, Unit: "cluster", Name: k.name, State: k.state, Context: "kind-" + k.name,
		DeleteCommand: "kind delete cluster --name " + k.name, Detail: k,
	}
	switch k.name {
	case p.runner.Getenv("KIND_CLUSTER_NAME"):
		c.Preference = 2
	case defaultKindCluster:
		c.Preference = 1
	}
	return c
}

// running returns c as the container engine has it now: published ports
// change with each start.
func (p *kindProvider) running(ctx context.Context, c Candidate) (Candidate, error) {
	engine, err := p.detectEngine(ctx)
	if err != nil {
		return c, err
	}
	clusters, err := psKind(ctx, p.runner, engine)
	if err != nil {
		return c, fmt.Errorf("find %s: %w", c, err)
	}
	for _, k := range clusters {
		if k.name == c.Name {
			k.state = Running
			return p.candidate(k), nil
		}
	}
	return c, fmt.Errorf("%s is gone", c)
}

// Connect implements Provider. The kubeconfig's entry that kind wrote is read
// first, because it takes no process. It is the cluster's if it names the very
// port that the cluster's container publishes, and if the server there has the
// entry's certificate, which TLS verifies. Otherwise the container is asked
// for its administrator's kubeconfig.
func (p *kindProvider) Connect(ctx context.Context, c Candidate) (*rest.Config, error) {
	cluster := c.Detail.(kindCluster)
	if config, err := kubeconfigFilesOf(p.runner).load(true); err == nil && cluster.publishes(config) == nil {
		if rc, err := restConfig(config, c.Context); err == nil {
			if nodes, err := askForNodes(ctx, rc); err == nil && len(nodes) > 0 {
				return rc, nil
			}
		}
	}
	text, err := p.kubeConfig(ctx, c.Name)
	if err != nil {
		return nil, notReady(c, fmt.Errorf("read its kubeconfig: %w", err))
	}
	config, err := clientcmd.Load([]byte(text))
	if err != nil {
		return nil, notReady(c, fmt.Errorf("read its kubeconfig: %w", err))
	}
	if err := cluster.publishes(config); err != nil {
		return nil, notLocal(c, err.Error())
	}
	return restConfig(config, c.Context)
}

func (p *kindProvider) Images(ctx context.Context, _ Candidate, runtime string) (NodeImages, error) {
	engine, err := p.detectEngine(ctx)
	if err != nil {
		return nil, err
	}
	return runtimeImages{shell: engineShell{p.runner, string(engine)}, runtime: runtime}, nil
}

// Delete implements Provider.
func (p *kindProvider) Delete(ctx context.Context, c Candidate) error {
	return p.deleteCluster(ctx, c.Name)
}
