package bootstrap

import (
	"errors"
	"fmt"
	"strings"
)

// choose is Find, once all is seen.
func choose(o FindOptions, s seen) (Found, error) {
	for _, pick := range []func(FindOptions, seen) (Found, bool, error){
		func(o FindOptions, s seen) (Found, bool, error) { return pickMinikube(o, s, Running) },
		func(o FindOptions, s seen) (Found, bool, error) { return pickKind(o, s, Running) },
		func(o FindOptions, s seen) (Found, bool, error) { return pickMinikube(o, s, Paused, Stopped, Gone) },
		func(o FindOptions, s seen) (Found, bool, error) { return pickKind(o, s, Paused, Stopped) },
		newMinikube, newKind, brokenMinikube,
	} {
		if f, ok, err := pick(o, s); ok || err != nil {
			return f, err
		}
	}
	return nothing(o, s)
}

// pickMinikube takes a profile that is in one of the states: the active one
// first, else the only one.
func pickMinikube(o FindOptions, s seen, states ...State) (Found, bool, error) {
	var fit []minikubeProfile
	for _, p := range s.profiles {
		if !p.in(states) || o.Profile != "" && p.Name != o.Profile {
			continue
		}
		if p.Active && o.Profile == "" {
			fit = []minikubeProfile{p}
			break
		}
		fit = append(fit, p)
	}
	if len(fit) == 0 || o.Target == Kind {
		return Found{}, false, nil
	}
	if len(fit) > 1 {
		var names []string
		for _, p := range fit {
			names = append(names, p.Name)
		}
		return Found{}, false, several(Minikube, fit[0].state, names)
	}
	p := fit[0]
	if o.Target == Auto && o.Profile != "" && has(s.clusters, o.Profile) {
		return Found{}, false, &Error{
			Kind:     Ambiguous,
			Sentence: fmt.Sprintf("both minikube and kind have a %q", o.Profile),
			Hint:     "add --target minikube or --target kind",
		}
	}
	why := p.state.why()
	if o.Profile == "" && p.Active && len(s.profiles) > 1 {
		why += " and is minikube's active profile"
	}
	return Found{Target: Minikube, Profile: p.Name, State: p.state, Why: why, minikube: &p}, true, nil
}

// pickKind takes a cluster that is in one of the states: the one that
// KIND_CLUSTER_NAME names first, then the one that hellox makes, else the
// only one.
func pickKind(o FindOptions, s seen, states ...State) (Found, bool, error) {
	wanted := o.Profile
	if wanted == "" {
		wanted = o.Runner.Getenv("KIND_CLUSTER_NAME")
	}
	var fit []kindCluster
	for _, c := range s.clusters {
		if !c.in(states) || o.Profile != "" && c.name != o.Profile {
			continue
		}
		fit = append(fit, c)
	}
	if len(fit) == 0 || o.Target == Minikube {
		return Found{}, false, nil
	}
	for _, name := range []string{wanted, defaultKindCluster} {
		if len(fit) > 1 && has(fit, name) {
			fit = []kindCluster{named(fit, name)}
		}
	}
	if len(fit) > 1 {
		var names []string
		for _, c := range fit {
			names = append(names, c.name)
		}
		return Found{}, false, several(Kind, fit[0].state, names)
	}
	c := fit[0]
	return Found{Target: Kind, Profile: c.name, State: c.state, Why: c.state.why(), kind: &c, engine: s.engine}, true, nil
}

// newMinikube makes a profile where minikube has none.
func newMinikube(o FindOptions, s seen) (Found, bool, error) {
	if o.Target == Kind || s.minikube != nil || o.Target == Auto && o.Profile != "" {
		return Found{}, false, nil //nolint:nilerr // what cannot be asked makes no profile
	}
	name := o.Profile
	if name == "" {
		name = o.Runner.Getenv("MINIKUBE_PROFILE")
	}
	if name == "" {
		name = "minikube"
	}
	f := Found{Target: Minikube, Profile: name, State: Absent, Why: "minikube is installed and has no profile"}
	for _, p := range s.profiles {
		switch {
		case p.state == CutOff && (o.Profile == "" || p.Name == name):
			return Found{Target: Minikube, Profile: p.Name, State: CutOff, Why: CutOff.why(), minikube: &p}, true, nil
		case p.Name == name || o.Profile == "":
			return Found{}, false, nil // there is one, and it is broken
		}
	}
	if o.Profile != "" {
		f.Why = "it was asked for and is not there yet"
	}
	return f, true, nil
}

// newKind makes a cluster where kind has none.
func newKind(o FindOptions, s seen) (Found, bool, error) {
	// What stands in for the kind command is its library; the command only
	// tells that its owner likes kind.
	wanted := o.Target == Kind || o.Target == Auto && o.Profile == "" && s.installed
	if !wanted || s.kind != nil {
		return Found{}, false, nil //nolint:nilerr // what cannot be asked makes no cluster
	}
	name := o.Profile
	if name == "" {
		name = o.Runner.Getenv("KIND_CLUSTER_NAME")
	}
	if name == "" {
		name = defaultKindCluster
	}
	f := Found{Target: Kind, Profile: name, State: Absent, Why: "kind is installed and has no cluster", engine: s.engine}
	for _, c := range s.clusters {
		if c.state == CutOff && (o.Profile == "" || c.name == name) {
			return Found{Target: Kind, Profile: c.name, State: CutOff, Why: CutOff.why(), kind: &c, engine: s.engine}, true, nil
		}
	}
	if o.Profile != "" {
		f.Why = "it was asked for and is not there yet"
	}
	return f, true, nil
}

// brokenMinikube tells what is wrong with the only profile there is.
func brokenMinikube(o FindOptions, s seen) (Found, bool, error) {
	for _, p := range s.profiles {
		if p.state == Broken && (o.Profile == "" || p.Name == o.Profile) {
			return Found{}, false, p.broken
		}
	}
	return Found{}, false, nil
}

// nothing is the end: no cluster, and none to be made.
func nothing(o FindOptions, s seen) (Found, error) {
	var why []string
	for _, err := range []error{s.minikube, s.kind} {
		if err != nil {
			why = append(why, err.Error())
		}
	}
	if s.kind == nil && !s.installed && o.Target == Auto {
		why = append(why, "kind is not installed")
	}
	switch {
	case o.Target != Auto:
		err := errors.Join(s.minikube, s.kind)
		if typed := (*Error)(nil); errors.As(err, &typed) {
			return Found{}, typed
		}
		return Found{}, &Error{Kind: Missing, Sentence: fmt.Sprintf("%s cannot be used", o.Target), Err: err}
	case o.Profile != "":
		return Found{}, &Error{
			Kind:     Missing,
			Sentence: fmt.Sprintf("there is neither a minikube profile nor a kind cluster %q", o.Profile),
			Hint:     fmt.Sprintf("hellox up --target kind --profile %s makes one", o.Profile),
		}
	}
	return Found{Target: Local, Why: strings.Join(why, ", ")}, nil
}

// why is what Find says of a cluster in that state.
func (s State) why() string {
	return map[State]string{
		Running: "it is running",
		Paused:  "it is paused and will go on",
		Stopped: "it is stopped and will be started",
		Gone:    "its nodes were removed and will be made again",
		CutOff:  "its making was interrupted and will begin again",
	}[s]
}

func several(t Target, s State, names []string) *Error {
	are := "running"
	if s != Running {
		are = "stopped"
	}
	return &Error{
		Kind:     Ambiguous,
		Sentence: fmt.Sprintf("several %ss are %s: %s", t.noun(), are, strings.Join(names, ", ")),
		Hint:     fmt.Sprintf("hellox up --target %s --profile %s", t, names[0]),
	}
}
