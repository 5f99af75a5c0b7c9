package bootstrap

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/client-go/rest"

	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// MinikubeTarget is the target of minikube's profiles.
const MinikubeTarget Target = "minikube"

// MinikubeOptions configures a provider of minikube profiles.
type MinikubeOptions struct {
	Runner *run.Runner
	// StateDir and CacheDir are folders for files that must be kept and for
	// files that may be deleted.
	StateDir, CacheDir string
}

// A minikubeProvider manages minikube's profiles with minikube's command.
type minikubeProvider struct {
	runner             *run.Runner
	stateDir, cacheDir string
}

// NewMinikube returns a provider of minikube profiles.
func NewMinikube(o MinikubeOptions) Provider {
	return &minikubeProvider{runner: o.Runner, stateDir: o.StateDir, cacheDir: o.CacheDir}
}

func (m *minikubeProvider) Info() ProviderInfo {
	name := m.runner.Getenv("MINIKUBE_PROFILE")
	if name == "" {
		name = "minikube"
	}
	_, installed := m.runner.Look("minikube")
	return ProviderInfo{Target: MinikubeTarget, Unit: "profile", DefaultName: name, Installed: installed}
}

// run runs minikube without its update check.
func (m *minikubeProvider) run(ctx context.Context, line func(string), args ...string) (run.Output, error) {
	return m.runner.Run(ctx, run.Command{
		Name: "minikube", Args: args, Line: line,
		Env: []string{"MINIKUBE_WANTUPDATENOTIFICATION=false", "MINIKUBE_WANTBETAUPDATENOTIFICATION=false"},
	})
}

// running returns c with its profile's configuration read again: a start
// creates it, and may change it.
func (m *minikubeProvider) running(ctx context.Context, c Candidate) (Candidate, error) {
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

// Connect implements Provider. The kubeconfig's entry is used if it is proven
// to be the profile's.
func (m *minikubeProvider) Connect(_ context.Context, c Candidate) (*rest.Config, error) {
	config, err := kubeconfigFilesOf(m.runner).load(true)
	if err != nil {
		return nil, err
	}
	p := c.Detail.(minikubeProfile)
	if err := p.proven(config); err != nil {
		if unsafe := (*step.Error)(nil); errors.As(err, &unsafe) {
			return nil, err
		}
		return nil, m.misconfigured(p)
	}
	return restConfig(config, c.Context)
}

// Delete implements Provider.
func (m *minikubeProvider) Delete(ctx context.Context, c Candidate) error {
	out, err := m.run(ctx, nil, "delete", "-p", c.Name)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return refusal("delete", c, out, err)
}

// deleteLater deletes the profile in a process that outlives this one.
func (m *minikubeProvider) deleteLater(c Candidate) {
	m.runner.Detach("minikube", "delete", "-p", c.Name)
}
