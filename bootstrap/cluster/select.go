package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"hellox/bootstrap/step"
)

// selectTarget selects a target among what all providers have.
func selectTarget(o FindOptions, all []discovered) (Found, error) {
	f, err := choose(o, all)
	if err == nil && f.State != Running {
		f.PassedOver = passedOver(o, all, f.Target)
	}
	return f, err
}

// passedOver returns why the clusters of the providers before that of selected were not
// selected though they are there: without it a cluster of another kind would be started
// or created without a word.
func passedOver(o FindOptions, all []discovered, selected Target) (why []*step.Error) {
	for _, d := range all {
		if d.info.Target == selected {
			break
		}
		if d.err != nil && d.info.Installed {
			e := &step.Error{Sentence: d.err.Error()}
			errors.As(d.err, &e)
			why = append(why, e)
		}
		for _, c := range d.candidates {
			if c.Err != nil && (o.Profile == "" || c.Name == o.Profile) {
				why = append(why, c.Err)
			}
		}
	}
	return why
}

// choose selects a target: what runs, what can be started, what can be created.
func choose(o FindOptions, all []discovered) (Found, error) {
	for _, states := range [][]State{{Running}, {Paused, Stopped}} {
		if f, ok, err := existing(o, all, states); ok || err != nil {
			return f, err
		}
	}
	for _, d := range all {
		if f, ok := d.toCreate(o); ok {
			return f, nil
		}
	}
	if f, ok, err := existing(o, all, []State{Gone}); ok || err != nil {
		return f, err
	}
	for _, d := range all {
		for _, c := range d.candidates {
			if c.State == Broken && (o.Profile == "" || c.Name == o.Profile) {
				return Found{}, c.Err
			}
		}
	}
	return noCluster(o, all)
}

// existing selects a cluster that is in one of the states, of the first provider
// that has one.
func existing(o FindOptions, all []discovered, states []State) (Found, bool, error) {
	for i, d := range all {
		if f, ok, err := d.existing(o, states, all[i+1:]); ok || err != nil {
			return f, ok, err
		}
	}
	return Found{}, false, nil
}

// existing selects a cluster that is in one of the states: the preferred one,
// else the only one. A name that a later provider has as well is ambiguous.
func (d discovered) existing(o FindOptions, states []State, later []discovered) (Found, bool, error) {
	var fit []Candidate
	for _, c := range d.candidates {
		if slices.Contains(states, c.State) && (o.Profile == "" || c.Name == o.Profile) {
			fit = append(fit, c)
		}
	}
	if len(fit) == 0 {
		return Found{}, false, nil
	}
	best := slices.MaxFunc(fit, func(a, b Candidate) int { return a.Preference - b.Preference })
	if len(fit) > 1 && best.Preference == 0 {
		return Found{}, false, several(d.info, fit)
	}
	for _, l := range later {
		if o.Profile != "" && slices.ContainsFunc(l.candidates, func(c Candidate) bool { return c.Name == o.Profile }) {
			return Found{}, false, &step.Error{
				Kind:     step.Ambiguous,
				Sentence: fmt.Sprintf("both %s and %s have a %q", d.info.Target, l.info.Target, o.Profile),
				Hint:     fmt.Sprintf("hellox up --target %s --profile %s, or with --target %s", d.info.Target, o.Profile, l.info.Target),
			}
		}
	}
	why := best.State.why()
	if best.State == Running && len(best.Stopped) > 0 {
		why = "it runs without " + strings.Join(best.Stopped, ", ") + ", to be started"
	}
	if o.Profile == "" && best.PreferredWhy != "" && len(d.candidates) > 1 {
		why += " and " + best.PreferredWhy
	}
	found := d.found(best, why)
	if o.Profile == "" && len(d.candidates) > 1 {
		found.preferred = best.PreferredWhy
	}
	return found, true, nil
}

// toCreate selects a cluster to create where the provider has none, or has one
// whose creation was interrupted.
func (d discovered) toCreate(o FindOptions) (Found, bool) {
	byName := o.Target == d.info.Target
	if d.err != nil || !byName && (o.Profile != "" || !d.info.Installed) {
		return Found{}, false
	}
	name := o.Profile
	if name == "" {
		name = d.info.DefaultName
	}
	for _, c := range d.candidates {
		switch {
		case c.State == Interrupted && (o.Profile == "" || c.Name == name):
			return d.found(c, c.State.why()), true
		case c.Name == name || o.Profile == "":
			return Found{}, false // there is one, and it is broken
		}
	}
	why := fmt.Sprintf("%s is installed and has no %s", d.info.Target, d.info.Unit)
	if o.Profile != "" {
		why = "it was asked for and does not exist yet"
	}
	return d.found(Candidate{Target: d.info.Target, Unit: d.info.Unit, Name: name, State: Absent, Context: d.info.ContextPrefix + name}, why), true
}

// noCluster returns Local, or an error if a cluster was asked for: there is none
// and none can be created.
func noCluster(o FindOptions, all []discovered) (Found, error) {
	var errs []error
	var why, nouns []string
	for _, d := range all {
		nouns = append(nouns, d.info.noun())
		if d.err != nil {
			errs = append(errs, d.err)
			why = append(why, shortly(d.err))
		} else if !d.info.Installed {
			why = append(why, "no "+string(d.info.Target))
		}
	}
	switch {
	case o.Target != Auto:
		err := errors.Join(errs...)
		if typed := (*step.Error)(nil); errors.As(err, &typed) {
			return Found{}, typed
		}
		return Found{}, &step.Error{Kind: step.Missing, Sentence: fmt.Sprintf("%s cannot be used", o.Target), Err: err}
	case o.Profile != "":
		// The last provider needs the least of the machine.
		return Found{}, &step.Error{
			Kind:     step.Missing,
			Sentence: fmt.Sprintf("there is neither a %s %q", strings.Join(nouns, " nor a "), o.Profile),
			Hint:     fmt.Sprintf("hellox up --target %s --profile %s creates one", all[len(all)-1].info.Target, o.Profile),
		}
	}
	return Found{Target: Local, Why: strings.Join(why, ", ")}, nil
}

// shortly returns why a provider has no clusters, for one line with that of the others:
// doctor says the rest.
func shortly(err error) string {
	text := err.Error()
	if typed := (*step.Error)(nil); errors.As(err, &typed) {
		text = typed.Sentence
	}
	if program, ok := strings.CutSuffix(text, " is not installed"); ok {
		return "no " + program
	}
	return strings.TrimSuffix(text, " is installed")
}

// maxNamed is how many clusters are named in a sentence.
const maxNamed = 5

// several returns the error of clusters of which none is preferred.
func several(info Info, fit []Candidate) *step.Error {
	are := "stopped"
	if fit[0].State == Running {
		are = "running"
	}
	names := make([]string, min(len(fit), maxNamed))
	for i := range names {
		names[i] = fit[i].Name
	}
	if more := len(fit) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return &step.Error{
		Kind:     step.Ambiguous,
		Sentence: fmt.Sprintf("several %ss are %s: %s", info.noun(), are, strings.Join(names, ", ")),
		Hint:     fmt.Sprintf("hellox up --target %s --profile %s", info.Target, names[0]),
	}
}
