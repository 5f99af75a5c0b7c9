package minikube

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/step"
)

// A profile is one entry of `minikube profile list -o json`, and its state.
type profile struct {
	Name   string
	Active bool // it is minikube's own current profile
	Config *profileConfig

	state  cluster.State
	broken *step.Error // why, if state is Broken
}

// A profileConfig is the part of a profile's configuration that matters
// here.
type profileConfig struct {
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

// candidate returns the profile as Find sees it.
func (p profile) candidate() cluster.Candidate {
	c := cluster.Candidate{
		Target: Target, Unit: "profile", Name: p.Name, State: p.state, Err: p.broken, Context: p.Name,
		DeleteCommand: "minikube delete -p " + p.Name, RestartCommand: "minikube start -p " + p.Name, Detail: p,
	}
	if p.Active {
		c.Preference, c.PreferredWhy = 1, "is the active one"
	}
	return c
}

// nodeName returns the name that minikube, Kubernetes and the driver use for the
// i-th node.
func (p profile) nodeName(i int) string {
	if name := p.Config.Nodes[i].Name; name != "" {
		return p.Name + "-" + name
	}
	return p.Name
}

// hasDocker reports whether minikube gives access to the profile's Docker: it is
// one node whose runtime is docker.
func (p profile) hasDocker() bool {
	r := p.Config.KubernetesConfig.ContainerRuntime
	return len(p.Config.Nodes) == 1 && (r == "docker" || r == "")
}

// inContainers reports whether the profile's nodes are containers of this machine's
// container engine, which has the driver's name.
func (p profile) inContainers() bool {
	return p.Config.Driver == "docker" || p.Config.Driver == "podman"
}

// parseProfiles parses what `minikube profile list -o json` prints. It drops
// profiles without a readable configuration: a refused start leaves such a
// profile, and the next start ignores it.
func parseProfiles(stdout string) ([]profile, error) {
	var list struct {
		Valid []profile
		Error json.RawMessage
	}
	if err := json.Unmarshal([]byte(stdout), &list); err != nil {
		return nil, errors.New("its answer is not JSON")
	}
	if len(list.Error) > 0 {
		return nil, errors.New(strings.Trim(string(list.Error), `"`))
	}
	list.Valid = slices.DeleteFunc(list.Valid, func(p profile) bool {
		return p.Config == nil || len(p.Config.Nodes) == 0
	})
	slices.SortFunc(list.Valid, func(a, b profile) int { return strings.Compare(a.Name, b.Name) })
	return list.Valid, nil
}

// unusable returns why the profile cannot be used in any state; nil if it can.
func (p profile) unusable() *step.Error {
	switch {
	case p.Config.KubernetesConfig.KubernetesVersion == "v0.0.0":
		return &step.Error{
			Kind:     step.Missing,
			Sentence: fmt.Sprintf("minikube profile %q was started without Kubernetes", p.Name),
			Hint:     "hellox up --target minikube --profile hellox",
		}
	case p.Config.Driver == "ssh":
		return &step.Error{
			Kind:     step.Unsafe,
			Sentence: fmt.Sprintf("minikube profile %q is on another machine (its driver is ssh)", p.Name),
			Hint:     "hellox up --target minikube --profile hellox",
		}
	case p.Config.Driver == "none":
		return &step.Error{
			Kind:     step.Missing,
			Sentence: fmt.Sprintf("minikube profile %q has the driver none, whose node hellox cannot access", p.Name),
			Hint:     "hellox up --target minikube --profile hellox",
		}
	}
	return nil
}
