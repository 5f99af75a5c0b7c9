package bootstrap

import (
	"context"
	"errors"
	"strings"
	"testing"

	"hellox/bootstrap/step"
)

// A stubProvider only lists.
type stubProvider struct {
	Provider
	info ProviderInfo
	list []Candidate
	err  error
}

func (p stubProvider) Info() ProviderInfo { return p.info }

func (p stubProvider) List(context.Context, func(Candidate) bool) ([]Candidate, error) {
	return p.list, p.err
}

// The order in which targets are taken.
func TestChoose(t *testing.T) {
	none := &step.Error{Kind: step.Missing, Sentence: "it is not installed"}
	broken := &step.Error{Kind: step.Missing, Sentence: "minikube profile \"b\" is half made"}
	profile := func(name string, s State, active bool) minikubeProfile {
		p := minikubeProfile{Name: name, Active: active, state: s}
		if s == Broken {
			p.broken = broken
		}
		return p
	}
	cluster := func(name string, s State) kindCluster { return kindCluster{name: name, state: s} }
	type seen struct {
		profiles  []minikubeProfile
		minikube  error // why there is no minikube to ask
		clusters  []kindCluster
		kind      error // why there is no engine to ask
		installed bool  // the kind command is
	}
	for _, c := range []struct {
		name    string
		target  Target
		profile string
		env     string
		seen    seen
		want    string // target/profile, or what the error holds
		state   State
		problem step.Kind
	}{
		{name: "nothing", seen: seen{minikube: none, kind: none}, want: "local/"},
		{name: "minikube alone", seen: seen{kind: none}, want: "minikube/minikube", state: Absent},
		{name: "minikube alone, its profile named by it", env: "MINIKUBE_PROFILE=dev", seen: seen{kind: none}, want: "minikube/dev", state: Absent},
		{name: "kind alone", seen: seen{minikube: none, installed: true}, want: "kind/hellox", state: Absent},
		{name: "an engine without kind", seen: seen{minikube: none}, want: "local/"},
		{name: "an engine without kind, kind asked for", target: KindTarget, seen: seen{}, want: "kind/hellox", state: Absent},
		{name: "kind asked for, named", target: KindTarget, profile: "x", seen: seen{clusters: []kindCluster{cluster("y", Running)}}, want: "kind/x", state: Absent},
		{name: "kind asked for, named by kind", target: KindTarget, env: "KIND_CLUSTER_NAME=z", seen: seen{}, want: "kind/z", state: Absent},
		{name: "both installed, neither has one", seen: seen{installed: true}, want: "minikube/minikube", state: Absent},
		{name: "minikube runs before kind runs", seen: seen{profiles: []minikubeProfile{profile("m", Running, true)}, clusters: []kindCluster{cluster("k", Running)}}, want: "minikube/m"},
		{name: "kind runs before minikube stopped", seen: seen{profiles: []minikubeProfile{profile("m", Stopped, true)}, clusters: []kindCluster{cluster("k", Running)}}, want: "kind/k"},
		{name: "kind runs before minikube paused", seen: seen{profiles: []minikubeProfile{profile("m", Paused, true)}, clusters: []kindCluster{cluster("k", Running)}}, want: "kind/k"},
		{name: "minikube stopped before kind to be made", seen: seen{profiles: []minikubeProfile{profile("m", Stopped, false)}, installed: true}, want: "minikube/m", state: Stopped},
		{name: "minikube stopped before kind stopped", seen: seen{profiles: []minikubeProfile{profile("m", Stopped, true)}, clusters: []kindCluster{cluster("k", Stopped)}}, want: "minikube/m", state: Stopped},
		{name: "kind stopped before minikube to be made", seen: seen{clusters: []kindCluster{cluster("k", Stopped)}}, want: "kind/k", state: Stopped},
		{name: "the active one of two", seen: seen{profiles: []minikubeProfile{profile("a", Running, false), profile("m", Running, true)}}, want: "minikube/m"},
		{name: "the running one of two", seen: seen{profiles: []minikubeProfile{profile("a", Running, false), profile("m", Stopped, true)}}, want: "minikube/a"},
		{name: "two run, none active", seen: seen{profiles: []minikubeProfile{profile("a", Running, false), profile("b", Running, false)}}, problem: step.Ambiguous, want: "a, b"},
		{name: "two kinds run", seen: seen{minikube: none, clusters: []kindCluster{cluster("a", Running), cluster("b", Running)}}, problem: step.Ambiguous, want: "several kind clusters are running: a, b"},
		{name: "two kinds run, one is ours", seen: seen{minikube: none, clusters: []kindCluster{cluster("a", Running), cluster("hellox", Running)}}, want: "kind/hellox"},
		{name: "two kinds run, kind names one", env: "KIND_CLUSTER_NAME=a", seen: seen{minikube: none, clusters: []kindCluster{cluster("a", Running), cluster("hellox", Running)}}, want: "kind/a"},
		{name: "the running one of two kinds", seen: seen{minikube: none, clusters: []kindCluster{cluster("a", Running), cluster("b", Stopped)}}, want: "kind/a"},
		{name: "named, in both", profile: "x", seen: seen{profiles: []minikubeProfile{profile("x", Running, true)}, clusters: []kindCluster{cluster("x", Running)}}, problem: step.Ambiguous, want: "both minikube and kind"},
		{name: "named, in both, one target", target: KindTarget, profile: "x", seen: seen{clusters: []kindCluster{cluster("x", Running)}}, want: "kind/x"},
		{name: "named, stopped, another runs", profile: "x", seen: seen{profiles: []minikubeProfile{profile("x", Stopped, false), profile("m", Running, true)}}, want: "minikube/x", state: Stopped},
		{name: "named, nowhere", profile: "x", seen: seen{installed: true}, problem: step.Missing, want: "neither a minikube profile nor a kind cluster"},
		{name: "minikube asked for, only kind runs", target: MinikubeTarget, seen: seen{}, want: "minikube/minikube", state: Absent},
		{name: "minikube asked for, not there", target: MinikubeTarget, seen: seen{minikube: none}, problem: step.Missing, want: "not installed"},
		{name: "kind asked for, no engine", target: KindTarget, seen: seen{kind: none}, problem: step.Missing, want: "not installed"},
		{name: "a broken profile", seen: seen{profiles: []minikubeProfile{profile("b", Broken, true)}, kind: none}, problem: step.Missing, want: "half made"},
		{name: "a broken profile, kind runs", seen: seen{profiles: []minikubeProfile{profile("b", Broken, true)}, clusters: []kindCluster{cluster("k", Running)}}, want: "kind/k"},
		{name: "a broken profile, kind installed", seen: seen{profiles: []minikubeProfile{profile("b", Broken, true)}, installed: true}, want: "kind/hellox", state: Absent},
		{name: "a broken profile, asked for", profile: "b", seen: seen{profiles: []minikubeProfile{profile("b", Broken, true)}, installed: true}, problem: step.Missing, want: "half made"},
		{name: "a broken profile, another asked for", target: MinikubeTarget, profile: "c", seen: seen{profiles: []minikubeProfile{profile("b", Broken, true)}}, want: "minikube/c", state: Absent},
		{name: "a profile cut off", seen: seen{profiles: []minikubeProfile{profile("m", Interrupted, true)}, kind: none}, want: "minikube/m", state: Interrupted},
		{name: "a kind cut off", seen: seen{minikube: none, installed: true, clusters: []kindCluster{cluster("hellox", Interrupted)}}, want: "kind/hellox", state: Interrupted},
		{name: "a kind cut off, another runs", seen: seen{minikube: none, installed: true, clusters: []kindCluster{cluster("hellox", Interrupted), cluster("k", Running)}}, want: "kind/k"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := FindOptions{Target: c.target, Profile: c.profile}
			if o.Target == "" {
				o.Target = Auto
			}
			l := newLaptop(t)
			l.Environ = []string{c.env}
			minikube := stubProvider{info: l.minikube().Info(), err: c.seen.minikube}
			minikube.info.Installed = c.seen.minikube == nil
			for _, p := range c.seen.profiles {
				minikube.list = append(minikube.list, p.candidate())
			}
			kp := &kindProvider{runner: l.Runner()}
			kind := stubProvider{info: kp.Info(), err: c.seen.kind}
			kind.info.Installed = c.seen.installed
			for _, k := range c.seen.clusters {
				kind.list = append(kind.list, kp.candidate(k))
			}
			f, err := Find(t.Context(), []Provider{minikube, kind}, o)
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
	// It asks nobody.
	f, err := Find(t.Context(), nil, FindOptions{Target: Local})
	if err != nil || f.Target != Local || f.Why == "" {
		t.Errorf("%v, %v", f, err)
	}
}
