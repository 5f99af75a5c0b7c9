package minikube

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/client-go/rest"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// Target is the target of minikube's profiles.
const Target cluster.Target = "minikube"

// Options configures a provider of minikube profiles.
type Options struct {
	Runner *run.Runner
	// StateDir and CacheDir are folders for files that must be kept and for
	// files that may be deleted.
	StateDir, CacheDir string
}

// A Provider manages minikube's profiles with minikube's command.
type Provider struct {
	runner             *run.Runner
	stateDir, cacheDir string
}

// New returns a provider of minikube profiles.
func New(o Options) *Provider {
	return &Provider{runner: o.Runner, stateDir: o.StateDir, cacheDir: o.CacheDir}
}

// Info implements cluster.Provider.
func (m *Provider) Info() cluster.Info {
	name := m.runner.Getenv("MINIKUBE_PROFILE")
	if name == "" {
		name = "minikube"
	}
	_, installed := m.runner.Look("minikube")
	return cluster.Info{Target: Target, Unit: "profile", DefaultName: name, Installed: installed}
}

// run runs minikube without its update check.
func (m *Provider) run(ctx context.Context, line func(string), args ...string) (run.Output, error) {
	return m.runner.Run(ctx, command(line, args))
}

// ask asks minikube a question, which it answers within limit.
func (m *Provider) ask(ctx context.Context, limit time.Duration, args ...string) (run.Output, error) {
	return m.runner.Ask(ctx, limit, command(nil, args))
}

// nodeLimit is how long an answer may take that minikube gets from a node:
// `minikube status` tries again for 15 s itself.
const nodeLimit = 20 * time.Second

func command(line func(string), args []string) run.Command {
	return run.Command{
		Name: "minikube", Args: args, Line: line,
		Env: []string{"MINIKUBE_WANTUPDATENOTIFICATION=false", "MINIKUBE_WANTBETAUPDATENOTIFICATION=false"},
	}
}

// running returns c with its profile's configuration read again: a start
// creates it, and may change it.
func (m *Provider) running(ctx context.Context, c cluster.Candidate) (cluster.Candidate, error) {
	profiles, err := m.profiles(ctx)
	if err != nil {
		return c, fmt.Errorf("list minikube's profiles: %w", err)
	}
	for _, p := range profiles {
		if p.Name == c.Name {
			return p.candidate(), nil
		}
	}
	return c, fmt.Errorf("%s was started and is not in minikube's list", c)
}

// Connect implements cluster.Provider. It uses the kubeconfig's entry if that is
// proven to be the profile's.
func (m *Provider) Connect(ctx context.Context, c cluster.Candidate) (*rest.Config, error) {
	config, err := cluster.LoadKubeconfig(m.runner)
	if err != nil {
		return nil, err
	}
	p := c.Detail.(profile)
	if err := p.proven(ctx, m.runner, config); err != nil {
		if unsafe := (*step.Error)(nil); errors.As(err, &unsafe) {
			return nil, err
		}
		return nil, m.misconfigured(p)
	}
	return cluster.RESTConfig(config, c.Context)
}

// Delete implements cluster.Provider.
func (m *Provider) Delete(ctx context.Context, c cluster.Candidate) error {
	out, err := m.run(ctx, nil, "delete", "-p", c.Name)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return refusal("delete", c, out, err)
}

// deleteLater deletes the profile in a process that outlives this one.
func (m *Provider) deleteLater(c cluster.Candidate) {
	m.runner.Detach("minikube", "delete", "-p", c.Name)
}
