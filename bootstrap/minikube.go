package bootstrap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// A minikubeProfile is one entry of `minikube profile list -o json`, and
// what was found out about its state.
type minikubeProfile struct {
	Name   string
	Active bool // it is minikube's own current profile
	Config *minikubeConfig

	state  State
	broken *Error         // why, if state is Broken
	status []minikubeNode // as `minikube status` tells it; nil if it was not asked
}

// A minikubeConfig is the part of a profile's configuration that matters
// here.
type minikubeConfig struct {
	Driver           string
	KubernetesConfig struct {
		KubernetesVersion string
		ContainerRuntime  string // "" is docker, in profiles from before 2022
	}
	Nodes []struct {
		Name         string // "" is the profile's, "m02" the profile's and "-m02"
		IP           string
		Port         int
		ControlPlane bool
	}
}

func (p minikubeProfile) in(states []State) bool { return slices.Contains(states, p.state) }

// nodeName is what minikube, Kubernetes and the driver call the i-th node.
func (p minikubeProfile) nodeName(i int) string {
	if name := p.Config.Nodes[i].Name; name != "" {
		return p.Name + "-" + name
	}
	return p.Name
}

// singleDocker says whether the profile is one node whose runtime is docker:
// the only one whose Docker minikube gives out.
func (p minikubeProfile) singleDocker() bool {
	r := p.Config.KubernetesConfig.ContainerRuntime
	return len(p.Config.Nodes) == 1 && (r == "docker" || r == "")
}

// runMinikube runs minikube without its update check and with the help of
// nobody: what it would ask on a terminal it does not ask here.
func (r *Runner) runMinikube(ctx context.Context, line func(string), args ...string) (Output, error) {
	return r.Run(ctx, Command{
		Name: "minikube", Args: args, Line: line,
		Env: []string{"MINIKUBE_WANTUPDATENOTIFICATION=false", "MINIKUBE_WANTBETAUPDATENOTIFICATION=false"},
	})
}

// listMinikube returns the profiles, by name, each with its state; if not all
// is wanted, only until one is seen that Find takes.
func listMinikube(ctx context.Context, o FindOptions, all bool) ([]minikubeProfile, error) {
	if _, ok := o.Runner.Look("minikube"); !ok {
		return nil, &Error{
			Kind:     Missing,
			Sentence: "minikube is not installed",
			Hint:     "https://minikube.sigs.k8s.io/docs/start says how",
		}
	}
	// Without --light it would ask each profile's every node: a second.
	out, err := o.Runner.runMinikube(ctx, nil, "profile", "list", "-o", "json", "--light")
	if ctx.Err() != nil {
		return nil, err
	}
	profiles, perr := parseProfiles(out.Stdout)
	if perr != nil {
		return nil, &Error{
			Kind:     Missing,
			Sentence: "minikube does not tell its profiles",
			Hint:     "minikube profile list",
			Err:      errors.Join(perr, err),
		}
	}
	// As soon as the active profile, or the one asked for, is seen to run,
	// the others do not matter.
	states, stop := context.WithCancel(ctx)
	defer stop()
	var group errgroup.Group
	for i := range profiles {
		group.Go(func() error {
			profiles[i].look(states, o)
			if p := profiles[i]; !all && p.state == Running && (p.Active && o.Profile == "" || p.Name == o.Profile) {
				stop()
			}
			return nil
		})
	}
	_ = group.Wait() // look keeps its errors in the profile
	return profiles, ctx.Err()
}

// parseProfiles reads what `minikube profile list -o json` prints. A profile
// whose configuration cannot be read is not in it: a start that was refused
// leaves such, and the next start does not mind.
func parseProfiles(stdout string) ([]minikubeProfile, error) {
	var list struct {
		Valid []minikubeProfile
		Error json.RawMessage
	}
	if err := json.Unmarshal([]byte(stdout), &list); err != nil {
		return nil, errors.New("its answer is not JSON")
	}
	if len(list.Error) > 0 {
		return nil, errors.New(strings.Trim(string(list.Error), `"`))
	}
	list.Valid = slices.DeleteFunc(list.Valid, func(p minikubeProfile) bool {
		return p.Config == nil || len(p.Config.Nodes) == 0
	})
	slices.SortFunc(list.Valid, func(a, b minikubeProfile) int { return strings.Compare(a.Name, b.Name) })
	return list.Valid, nil
}

// look finds out the profile's state: from its API server if that answers,
// which takes a few hundredths of a second, else from minikube, which takes
// one or more.
func (p *minikubeProfile) look(ctx context.Context, o FindOptions) {
	off, err := cutOff(o.StateDir, Minikube, p.Name, func() (time.Time, error) { return p.born(ctx, o.Runner) })
	if err != nil {
		p.state, p.broken = Broken, asError(err)
		return
	}
	if off {
		p.state = CutOff
		return
	}
	if why := p.unusable(); why != nil {
		p.state, p.broken = Broken, why
		return
	}
	if p.answers(ctx, o.Runner) {
		p.state = Running
		return
	}
	out, err := o.Runner.runMinikube(ctx, nil, "status", "-p", p.Name, "-o", "json")
	if ctx.Err() != nil {
		p.state, p.broken = Broken, asError(err) // nobody will read it
		return
	}
	p.status, err = parseStatus(out.Stdout)
	if err != nil {
		p.state, p.broken = Broken, &Error{
			Kind:     Missing,
			Sentence: fmt.Sprintf("minikube does not tell the state of profile %q", p.Name),
			Hint:     "minikube status -p " + p.Name,
			Err:      err,
		}
		return
	}
	p.state, p.broken = p.stateOf(p.status, o.Runner)
}

// born returns when the profile's machine was made: that is when it got its
// ssh key.
func (p minikubeProfile) born(ctx context.Context, r *Runner) (time.Time, error) {
	out, err := r.runMinikube(ctx, nil, "ssh-key", "-p", p.Name)
	if err != nil {
		return time.Time{}, err
	}
	info, err := os.Stat(firstLine(out.Stdout))
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

func asError(err error) *Error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e
	}
	return &Error{Kind: Missing, Sentence: err.Error()}
}

// unusable says why no state of the profile would do.
func (p minikubeProfile) unusable() *Error {
	switch {
	case p.Config.KubernetesConfig.KubernetesVersion == "v0.0.0":
		return &Error{
			Kind:     Missing,
			Sentence: fmt.Sprintf("minikube profile %q was started without Kubernetes", p.Name),
			Hint:     "hellox up --target minikube --profile hellox",
		}
	case p.Config.Driver == "ssh":
		return &Error{
			Kind:     Unsafe,
			Sentence: fmt.Sprintf("minikube profile %q is on another machine (its driver is ssh)", p.Name),
			Hint:     "hellox up --target minikube --profile hellox",
		}
	case p.Config.Driver == "none":
		return &Error{
			Kind:     Missing,
			Sentence: fmt.Sprintf("minikube profile %q has the driver none, into whose node hellox has no way", p.Name),
			Hint:     "hellox up --target minikube --profile hellox",
		}
	}
	return nil
}

// answers says whether the profile's API server, as the kubeconfig names it
// and if it is shown to be the profile's, answers with a list of nodes.
func (p minikubeProfile) answers(ctx context.Context, r *Runner) bool {
	config, err := r.kubeconfigFiles().load(true)
	if err != nil || p.proven(config) != nil {
		return false
	}
	rc, err := restConfig(config, p.Name)
	if err != nil {
		return false
	}
	// It is on this machine: no answer within this time is none. A paused
	// one takes the connection and says nothing.
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	nodes, err := readNodes(ctx, rc)
	return err == nil && len(nodes) > 0
}
