package cluster_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"hellox/bootstrap/cluster"
	"hellox/bootstrap/step"
)

// A stubProvider only lists.
type stubProvider struct {
	cluster.Provider
	info cluster.Info
	list []cluster.Candidate
	err  error
}

func (p stubProvider) Info() cluster.Info { return p.info }

func (p stubProvider) List(context.Context, func(cluster.Candidate) bool) ([]cluster.Candidate, error) {
	return p.list, p.err
}

// newStubs returns stubs whose default names come from the environment, as those
// of kind and minikube do.
func newStubs(env string) (minikube, kind stubProvider) {
	minikube.info = cluster.Info{Target: "minikube", Unit: "profile", DefaultName: "minikube"}
	kind.info = cluster.Info{Target: "kind", Unit: "cluster", DefaultName: "hellox"}
	switch name, value, _ := strings.Cut(env, "="); name {
	case "MINIKUBE_PROFILE":
		minikube.info.DefaultName = value
	case "KIND_CLUSTER_NAME":
		kind.info.DefaultName = value
	}
	return minikube, kind
}

// prefer sets the preferences of kind: the named cluster, then hellox's.
func (p stubProvider) prefer() {
	for i, c := range p.list {
		switch c.Name {
		case p.info.DefaultName:
			p.list[i].Preference = 2
		case "hellox":
			p.list[i].Preference = 1
		}
	}
}

// The order in which targets are taken.
func TestSelect(t *testing.T) {
	none := &step.Error{Kind: step.Missing, Sentence: "it is not installed"}
	broken := &step.Error{Kind: step.Missing, Sentence: "minikube profile \"b\" is incomplete"}
	profile := func(name string, s cluster.State, active bool) cluster.Candidate {
		c := cluster.Candidate{Target: "minikube", Unit: "profile", Name: name, State: s}
		if active {
			c.Preference, c.PreferredWhy = 1, "is the active one"
		}
		if s == cluster.Broken {
			c.Err = broken
		}
		return c
	}
	kind := func(name string, s cluster.State) cluster.Candidate {
		return cluster.Candidate{Target: "kind", Unit: "cluster", Name: name, State: s}
	}
	type machine struct {
		profiles  []cluster.Candidate
		minikube  error // why there is no minikube to ask
		clusters  []cluster.Candidate
		kind      error // why there is no engine to ask
		installed bool  // the kind command is
	}
	for _, c := range []struct {
		name    string
		target  cluster.Target
		profile string
		env     string
		has     machine
		want    string // target/profile, or what the error holds
		state   cluster.State
		problem step.Kind
	}{
		{name: "nothing", has: machine{minikube: none, kind: none}, want: "local/"},
		{name: "minikube alone", has: machine{kind: none}, want: "minikube/minikube", state: cluster.Absent},
		{name: "minikube alone, its profile named by it", env: "MINIKUBE_PROFILE=dev", has: machine{kind: none}, want: "minikube/dev", state: cluster.Absent},
		{name: "kind alone", has: machine{minikube: none, installed: true}, want: "kind/hellox", state: cluster.Absent},
		{name: "an engine without kind", has: machine{minikube: none}, want: "local/"},
		{name: "an engine without kind, kind asked for", target: "kind", has: machine{}, want: "kind/hellox", state: cluster.Absent},
		{name: "kind asked for, named", target: "kind", profile: "x", has: machine{clusters: []cluster.Candidate{kind("y", cluster.Running)}}, want: "kind/x", state: cluster.Absent},
		{name: "kind asked for, named by kind", target: "kind", env: "KIND_CLUSTER_NAME=z", has: machine{}, want: "kind/z", state: cluster.Absent},
		{name: "both installed, neither has one", has: machine{installed: true}, want: "minikube/minikube", state: cluster.Absent},
		{name: "minikube runs before kind runs", has: machine{profiles: []cluster.Candidate{profile("m", cluster.Running, true)}, clusters: []cluster.Candidate{kind("k", cluster.Running)}}, want: "minikube/m"},
		{name: "kind runs before minikube stopped", has: machine{profiles: []cluster.Candidate{profile("m", cluster.Stopped, true)}, clusters: []cluster.Candidate{kind("k", cluster.Running)}}, want: "kind/k"},
		{name: "kind runs before minikube paused", has: machine{profiles: []cluster.Candidate{profile("m", cluster.Paused, true)}, clusters: []cluster.Candidate{kind("k", cluster.Running)}}, want: "kind/k"},
		{name: "minikube stopped before kind to be made", has: machine{profiles: []cluster.Candidate{profile("m", cluster.Stopped, false)}, installed: true}, want: "minikube/m", state: cluster.Stopped},
		{name: "minikube stopped before kind stopped", has: machine{profiles: []cluster.Candidate{profile("m", cluster.Stopped, true)}, clusters: []cluster.Candidate{kind("k", cluster.Stopped)}}, want: "minikube/m", state: cluster.Stopped},
		{name: "kind stopped before minikube to be made", has: machine{clusters: []cluster.Candidate{kind("k", cluster.Stopped)}}, want: "kind/k", state: cluster.Stopped},
		{name: "the active one of two", has: machine{profiles: []cluster.Candidate{profile("a", cluster.Running, false), profile("m", cluster.Running, true)}}, want: "minikube/m"},
		{name: "the running one of two", has: machine{profiles: []cluster.Candidate{profile("a", cluster.Running, false), profile("m", cluster.Stopped, true)}}, want: "minikube/a"},
		{name: "two run, none active", has: machine{profiles: []cluster.Candidate{profile("a", cluster.Running, false), profile("b", cluster.Running, false)}}, problem: step.Ambiguous, want: "a, b"},
		{name: "two kinds run", has: machine{minikube: none, clusters: []cluster.Candidate{kind("a", cluster.Running), kind("b", cluster.Running)}}, problem: step.Ambiguous, want: "several kind clusters are running: a, b"},
		{name: "two kinds run, one is ours", has: machine{minikube: none, clusters: []cluster.Candidate{kind("a", cluster.Running), kind("hellox", cluster.Running)}}, want: "kind/hellox"},
		{name: "two kinds run, kind names one", env: "KIND_CLUSTER_NAME=a", has: machine{minikube: none, clusters: []cluster.Candidate{kind("a", cluster.Running), kind("hellox", cluster.Running)}}, want: "kind/a"},
		{name: "the running one of two kinds", has: machine{minikube: none, clusters: []cluster.Candidate{kind("a", cluster.Running), kind("b", cluster.Stopped)}}, want: "kind/a"},
		{name: "named, in both", profile: "x", has: machine{profiles: []cluster.Candidate{profile("x", cluster.Running, true)}, clusters: []cluster.Candidate{kind("x", cluster.Running)}}, problem: step.Ambiguous, want: "both minikube and kind"},
		{name: "named, in both, one target", target: "kind", profile: "x", has: machine{clusters: []cluster.Candidate{kind("x", cluster.Running)}}, want: "kind/x"},
		{name: "named, stopped, another runs", profile: "x", has: machine{profiles: []cluster.Candidate{profile("x", cluster.Stopped, false), profile("m", cluster.Running, true)}}, want: "minikube/x", state: cluster.Stopped},
		{name: "named, nowhere", profile: "x", has: machine{installed: true}, problem: step.Missing, want: "neither a minikube profile nor a kind cluster"},
		{name: "minikube asked for, only kind runs", target: "minikube", has: machine{}, want: "minikube/minikube", state: cluster.Absent},
		{name: "minikube asked for, not there", target: "minikube", has: machine{minikube: none}, problem: step.Missing, want: "not installed"},
		{name: "kind asked for, no engine", target: "kind", has: machine{kind: none}, problem: step.Missing, want: "not installed"},
		{name: "a broken profile", has: machine{profiles: []cluster.Candidate{profile("b", cluster.Broken, true)}, kind: none}, problem: step.Missing, want: "incomplete"},
		{name: "a broken profile, kind runs", has: machine{profiles: []cluster.Candidate{profile("b", cluster.Broken, true)}, clusters: []cluster.Candidate{kind("k", cluster.Running)}}, want: "kind/k"},
		{name: "a broken profile, kind installed", has: machine{profiles: []cluster.Candidate{profile("b", cluster.Broken, true)}, installed: true}, want: "kind/hellox", state: cluster.Absent},
		{name: "a broken profile, asked for", profile: "b", has: machine{profiles: []cluster.Candidate{profile("b", cluster.Broken, true)}, installed: true}, problem: step.Missing, want: "incomplete"},
		{name: "a broken profile, another asked for", target: "minikube", profile: "c", has: machine{profiles: []cluster.Candidate{profile("b", cluster.Broken, true)}}, want: "minikube/c", state: cluster.Absent},
		{name: "a profile cut off", has: machine{profiles: []cluster.Candidate{profile("m", cluster.Interrupted, true)}, kind: none}, want: "minikube/m", state: cluster.Interrupted},
		{name: "a kind cut off", has: machine{minikube: none, installed: true, clusters: []cluster.Candidate{kind("hellox", cluster.Interrupted)}}, want: "kind/hellox", state: cluster.Interrupted},
		{name: "a kind cut off, another runs", has: machine{minikube: none, installed: true, clusters: []cluster.Candidate{kind("hellox", cluster.Interrupted), kind("k", cluster.Running)}}, want: "kind/k"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := cluster.FindOptions{Target: c.target, Profile: c.profile}
			if o.Target == "" {
				o.Target = cluster.Auto
			}
			minikube, kind := newStubs(c.env)
			minikube.list, minikube.err, minikube.info.Installed = c.has.profiles, c.has.minikube, c.has.minikube == nil
			kind.list, kind.err, kind.info.Installed = c.has.clusters, c.has.kind, c.has.installed
			kind.prefer()
			f, err := cluster.Find(t.Context(), []cluster.Provider{minikube, kind}, o)
			if c.problem != step.Failed {
				typed := (*step.Error)(nil)
				if !errors.As(err, &typed) || typed.Kind != c.problem || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, %v", f, err)
				}
				return
			}
			if got := string(f.Target) + "/" + f.Profile; err != nil || got != c.want || f.State != c.state {
				t.Errorf("%s, state %d, %v", got, f.State, err)
			}
			if f.Why == "" {
				t.Error("no word why")
			}
		})
	}
}

func TestFindLocal(t *testing.T) {
	// It needs no provider.
	f, err := cluster.Find(t.Context(), nil, cluster.FindOptions{Target: cluster.Local})
	if err != nil || f.Target != cluster.Local || f.Why == "" {
		t.Errorf("%v, %v", f, err)
	}
}

// A sentence names some of many clusters.
func TestSelectAmongMany(t *testing.T) {
	_, kind := newStubs("")
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		kind.list = append(kind.list, cluster.Candidate{Target: "kind", Unit: "cluster", Name: name, State: cluster.Running})
	}
	_, err := cluster.Find(t.Context(), []cluster.Provider{kind}, cluster.FindOptions{Target: "kind"})
	e := (*step.Error)(nil)
	if !errors.As(err, &e) || e.Kind != step.Ambiguous || err.Error() != "several kind clusters are running: a, b, c, d, e, and 2 more" {
		t.Errorf("%v", err)
	}
}
