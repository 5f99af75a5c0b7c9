package kind

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/engine"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// Target is the target of kind's clusters.
const Target cluster.Target = "kind"

// defaultName is the cluster that is created if none is named.
const defaultName = "hellox"

// Options configures a provider of kind clusters.
type Options struct {
	Runner    *run.Runner
	StateDir  string // of files that must be kept
	NodeImage string // of a cluster that is created; "": kind's own
}

// A Provider manages kind clusters with kind's library and the container
// engine's command.
type Provider struct {
	runner    *run.Runner
	stateDir  string
	nodeImage string

	mu     sync.Mutex
	engine containerEngine // "" until it is detected
}

// New returns a provider of kind clusters.
func New(o Options) *Provider {
	return &Provider{runner: o.Runner, stateDir: o.StateDir, nodeImage: o.NodeImage}
}

// Info implements cluster.Provider.
func (p *Provider) Info() cluster.Info {
	name := p.runner.Getenv("KIND_CLUSTER_NAME")
	if name == "" {
		name = defaultName
	}
	_, installed := p.runner.Look("kind")
	return cluster.Info{Target: Target, Unit: "cluster", DefaultName: name, ContextPrefix: contextOf(""), Installed: installed}
}

// detectEngine returns the container engine. It detects it once. One whose daemon is
// on another machine is refused: nothing is asked there, started or created.
func (p *Provider) detectEngine(ctx context.Context) (containerEngine, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.engine != "" {
		return p.engine, nil
	}
	name, err := detectEngine(ctx, p.runner)
	if err == nil {
		err = engine.Local(p.runner, string(name))
	}
	if err != nil {
		return "", err
	}
	p.engine = name
	return name, nil
}

// known returns the container engine, "" before it is detected.
func (p *Provider) known() containerEngine {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.engine
}

// contextOf returns the context that kind writes for the cluster.
func contextOf(name string) string { return "kind-" + name }

// candidate returns the cluster as Find sees it.
func (p *Provider) candidate(k engineCluster) cluster.Candidate {
	c := cluster.Candidate{
		Target: Target, Unit: "cluster", Name: k.name, State: k.state, Context: contextOf(k.name),
		DeleteCommand:  "kind delete cluster --name " + k.name,
		RestartCommand: cmp.Or(string(p.known()), "docker") + " restart " + k.name + "-control-plane", Detail: k,
	}
	if k.state == cluster.Gone {
		c.Err = &step.Error{
			Kind:     step.Missing,
			Sentence: fmt.Sprintf("%s has lost its control plane: the container was removed", c),
			Hint:     c.DeleteCommand + ", then " + c.UpCommand() + " creates it anew",
		}
	}
	for _, n := range k.nodes {
		if n.state != cluster.Running {
			c.Stopped = append(c.Stopped, n.name)
		}
	}
	switch k.name {
	case p.runner.Getenv("KIND_CLUSTER_NAME"):
		c.Preference = 2
	case defaultName:
		c.Preference = 1
	}
	return c
}

// running returns c as the container engine has it now: published ports
// change with each start.
func (p *Provider) running(ctx context.Context, c cluster.Candidate) (cluster.Candidate, error) {
	engine, err := p.detectEngine(ctx)
	if err != nil {
		return c, err
	}
	clusters, err := ps(ctx, p.runner, engine)
	if err != nil {
		return c, fmt.Errorf("find %s: %w", c, err)
	}
	for _, k := range clusters {
		if k.name == c.Name {
			k.state = cluster.Running
			return p.candidate(k), nil
		}
	}
	return c, fmt.Errorf("%s is gone", c)
}

// Connect implements cluster.Provider. The kubeconfig's entry that kind wrote is read
// first, because it takes no process. It is the cluster's if it names the very
// port that the cluster's container publishes, and if the server there has the
// entry's certificate, which TLS verifies. One that leads to another machine is
// refused: the name is another cluster's there. Otherwise the container is
// asked for its administrator's kubeconfig. A server that says nothing in time is the
// cluster's error: it would not answer with another kubeconfig either.
func (p *Provider) Connect(ctx context.Context, c cluster.Candidate) (*rest.Config, error) {
	k := c.Detail.(engineCluster)
	config, err := cluster.LoadKubeconfig(p.runner)
	if err == nil {
		if at := cluster.Elsewhere(config, c.Context); at != "" {
			return nil, cluster.NotLocal(c, fmt.Sprintf("the kubeconfig's context %q leads to %s", c.Context, at))
		}
	}
	if err == nil && k.publishes(config) == nil {
		if rc, err := cluster.RESTConfig(config, c.Context); err == nil {
			answered := p.runner.WaitFor(cluster.APIServerOf(c))
			nodes, err := cluster.ListNodes(ctx, rc)
			answered()
			if err == nil && len(nodes) > 0 {
				return rc, nil
			}
			if silent, ok := errors.AsType[*cluster.SilentError](err); ok && silent.Timeout {
				return nil, cluster.UnansweredInTime(ctx, c, err)
			}
		}
	}
	text, err := p.kubeConfig(ctx, c.Name)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, withoutKubeconfig(c, fmt.Errorf("read its kubeconfig: %w", err))
	}
	config, err = clientcmd.Load([]byte(text))
	if err != nil {
		return nil, cluster.NotReady(c, fmt.Errorf("read its kubeconfig: %w", err))
	}
	if err := k.publishes(config); err != nil {
		return nil, cluster.NotLocal(c, err.Error())
	}
	return cluster.RESTConfig(config, c.Context)
}

// withoutKubeconfig returns the error of a cluster whose node gave no kubeconfig. Only a
// node that has none is known to be of no use: its creation was cut short. Where the
// engine could not run a program in it a restart may help, and loses nothing.
func withoutKubeconfig(c cluster.Candidate, err error) error {
	has := func(words string) bool { return strings.Contains(err.Error(), words) }
	if has("admin.conf") && has("No such file") || cluster.Unanswered(c, err) != nil {
		return cluster.NotReady(c, err)
	}
	return &step.Error{Kind: step.Missing, Sentence: c.String() + " runs and cannot be asked", Hint: c.RestartCommand + ", or try again", Err: err}
}

// EngineSettings implements cluster.Containerized.
func (p *Provider) EngineSettings(ctx context.Context, _ cluster.Candidate) string {
	name, err := p.detectEngine(ctx)
	if err != nil {
		return ""
	}
	return strings.TrimSpace("KIND_EXPERIMENTAL_PROVIDER=" + string(name) + " " + engine.Settings(p.runner, string(name)))
}

// Images implements cluster.Provider.
func (p *Provider) Images(ctx context.Context, _ cluster.Candidate, runtime string) (cluster.NodeImages, error) {
	engine, err := p.detectEngine(ctx)
	if err != nil {
		return nil, err
	}
	return cluster.RuntimeImages{Shell: cluster.EngineShell{Runner: p.runner, Engine: string(engine)}, Runtime: runtime}, nil
}

// Delete implements cluster.Provider.
func (p *Provider) Delete(ctx context.Context, c cluster.Candidate) error {
	return p.deleteCluster(ctx, c.Name)
}
