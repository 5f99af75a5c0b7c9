package minikube

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/run"
	"hellox/bootstrap/step"
)

// List implements cluster.Provider. As soon as enough reports true, the states
// of the other profiles are no longer determined.
func (m *Provider) List(ctx context.Context, enough func(cluster.Candidate) bool) ([]cluster.Candidate, error) {
	if _, ok := m.runner.Look("minikube"); !ok {
		return nil, &step.Error{
			Kind:     step.Missing,
			Sentence: "minikube is not installed",
			Hint:     "https://minikube.sigs.k8s.io/docs/start says how",
		}
	}
	profiles, err := m.profiles(ctx)
	if ctx.Err() != nil || silent(err) {
		return nil, err
	}
	if err != nil {
		return nil, &step.Error{
			Kind:     step.Missing,
			Sentence: "minikube does not list its profiles",
			Hint:     "minikube profile list",
			Err:      err,
		}
	}
	states, stop := context.WithCancel(ctx)
	defer stop()
	candidates := make([]cluster.Candidate, len(profiles))
	var group sync.WaitGroup
	for i, p := range profiles {
		group.Go(func() {
			m.findState(states, &p)
			candidates[i] = p.candidate()
			if enough != nil && enough(candidates[i]) {
				stop()
			}
		})
	}
	group.Wait()
	return candidates, ctx.Err()
}

// profiles returns minikube's profiles by name, without their states. Without
// --light minikube would ask every node of each, which takes a second.
func (m *Provider) profiles(ctx context.Context) ([]profile, error) {
	out, err := m.ask(ctx, run.AnswerLimit, "profile", "list", "-o", "json", "--light")
	if ctx.Err() != nil || silent(err) {
		return nil, err
	}
	profiles, perr := parseProfiles(out.Stdout)
	if perr != nil && err != nil {
		return nil, fmt.Errorf("%w; %w", perr, err)
	}
	if perr != nil {
		return nil, perr
	}
	return profiles, nil
}

// findState sets the profile's state: Running if its API server answers, which
// takes a few hundredths of a second, else what minikube reports, which takes a
// second or more.
func (m *Provider) findState(ctx context.Context, p *profile) {
	interrupted, err := cluster.CreationInterrupted(m.stateDir, p.candidate(), func() (time.Time, error) { return m.created(ctx, p.Name) })
	if err != nil {
		p.state, p.broken = cluster.Broken, asError(err)
		return
	}
	if interrupted {
		p.state = cluster.Interrupted
		return
	}
	if why := p.unusable(); why != nil {
		p.state, p.broken = cluster.Broken, why
		return
	}
	if m.answers(ctx, *p) {
		p.state = cluster.Running
		return
	}
	out, err := m.ask(ctx, nodeLimit, "status", "-p", p.Name, "-o", "json")
	if ctx.Err() != nil || silent(err) {
		p.state, p.broken = cluster.Broken, asError(err) // it is not read
		return
	}
	nodes, err := parseStatus(out.Stdout)
	if err != nil {
		p.state, p.broken = cluster.Broken, &step.Error{
			Kind:     step.Missing,
			Sentence: fmt.Sprintf("minikube does not report the state of profile %q", p.Name),
			Hint:     "minikube status -p " + p.Name,
			Err:      err,
		}
		return
	}
	p.state, p.broken = m.stateOf(ctx, *p, nodes, out.Stderr)
}

// created returns when the profile's machine was created: that is when it got
// its ssh key.
func (m *Provider) created(ctx context.Context, profile string) (time.Time, error) {
	out, err := m.ask(ctx, run.AnswerLimit, "ssh-key", "-p", profile)
	if err != nil {
		return time.Time{}, err
	}
	info, err := os.Stat(firstLine(out.Stdout))
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// silent reports whether err is that of a minikube that does not answer.
func silent(err error) bool {
	_, ok := errors.AsType[run.NoAnswer](err)
	return ok
}

func asError(err error) *step.Error {
	if e := (*step.Error)(nil); errors.As(err, &e) {
		return e
	}
	return &step.Error{Kind: step.Missing, Sentence: err.Error()}
}

// answers reports whether the profile's API server, which the kubeconfig must
// prove, answers with a list of nodes.
func (m *Provider) answers(ctx context.Context, p profile) bool {
	config, err := cluster.LoadKubeconfig(m.runner)
	if err != nil || p.proven(ctx, m.runner, config) != nil {
		return false
	}
	rc, err := cluster.RESTConfig(config, p.Name)
	if err != nil {
		return false
	}
	// It is on this machine, so a second is long. A paused one accepts the
	// connection and does not answer.
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	nodes, err := cluster.ListNodes(ctx, rc)
	return err == nil && len(nodes) > 0
}
